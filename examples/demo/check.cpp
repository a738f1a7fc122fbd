// check.cpp: compares a database with what it should hold, entry by entry, through the C++ interface.
//
//   check DIRECTORY EXPECTED
//
// EXPECTED holds the entries in the order of their keys: key length and value length as 32-bit little-endian numbers, key,
// value. All entries are walked forward, then backward, and read in groups by multi_get. The database may hold nothing else.
#include <cstdint>
#include <esker.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using Entries = std::vector<esker::Entry>;

static std::size_t u32(std::string_view bytes, std::size_t at)
{
    std::size_t number = 0;
    for (std::size_t i = 4; i-- > 0;)
        number = number << 8 | static_cast<unsigned char>(bytes.at(at + i));
    return number;
}

/// Takes the packed file apart; the entries point into it.
static Entries unpack(std::string_view packed)
{
    Entries entries;
    for (std::size_t at = 0; at < packed.size();) {
        std::size_t key_len = u32(packed, at), value_len = u32(packed, at + 4);
        entries.push_back({packed.substr(at + 8, key_len), packed.substr(at + 8 + key_len, value_len)});
        at += 8 + key_len + value_len;
    }
    return entries;
}

/// Walks a scan beside the expected entries, which `next` hands out until they are used up.
template <class Next> static void compare(esker::Scan scan, Next next, const char *what)
{
    for (esker::Entry got : scan) {
        const esker::Entry *want = next();
        if (want == nullptr)
            throw std::runtime_error(std::string(what) + ": an entry too many, " + std::string(got.key));
        if (got.key != want->key || got.value != want->value)
            throw std::runtime_error(std::string(what) + ": a wrong entry at " + std::string(want->key));
    }
    if (next() != nullptr)
        throw std::runtime_error(std::string(what) + " ends too early");
}

static void check_groups(const esker::Db &db, const Entries &expected)
{
    constexpr std::size_t group = 1000;
    for (std::size_t from = 0; from < expected.size(); from += group) {
        std::vector<std::string_view> keys;
        for (std::size_t i = from; i < expected.size() && i < from + group; i++)
            keys.push_back(expected[i].key);
        auto values = db.multi_get(keys);
        for (std::size_t i = 0; i < keys.size(); i++)
            if (!values[i] || values[i]->view() != expected[from + i].value)
                throw std::runtime_error("multi_get: a wrong value of " + std::string(keys[i]));
    }
}

int main(int argc, char **argv)
try {
    if (argc != 3)
        throw std::runtime_error("usage: check DIRECTORY EXPECTED");
    std::ifstream file(argv[2], std::ios::binary);
    std::string packed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file)
        throw std::runtime_error(std::string("cannot read ") + argv[2]);
    Entries expected = unpack(packed);

    esker::Db db(argv[1], esker::Options().set("read_only", "true"));
    auto forward = [at = expected.begin(), end = expected.end()]() mutable { return at == end ? nullptr : &*at++; };
    auto backward = [at = expected.rbegin(), end = expected.rend()]() mutable { return at == end ? nullptr : &*at++; };
    compare(db.scan(), forward, "the scan");
    compare(db.scan_backwards(), backward, "the backward scan");
    check_groups(db, expected);
    db.close();
    std::cout << expected.size() << " entries scanned each way, " << expected.size() << " read by multi_get\n";
    return 0;
} catch (const std::exception &error) {
    std::cerr << "check (C++): " << error.what() << "\n";
    return 1;
}
