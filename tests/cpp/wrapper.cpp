// The C++ wrapper: everything of Esker by values, views and exceptions; and nothing that leaks or crashes in any order.
#include <esker.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <type_traits>

using namespace std::string_literals;
using namespace std::string_view_literals;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fail(__LINE__, #condition);                                                                  \
    } while (0)

#define PHASE(what) std::puts(what)

[[noreturn]] static void fail(int line, const char *what) {
    std::fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
    std::exit(1);
}

// What `call` throws must have this status.
template <class Call> static esker::Error throws(esker_status code, Call call) {
    try {
        call();
    } catch (const esker::Error &error) {
        if (error.code() != code) fail(__LINE__, error.what());
        return error;
    }
    fail(__LINE__, "nothing was thrown");
}

static_assert(std::is_nothrow_move_constructible_v<esker::Db> && !std::is_copy_constructible_v<esker::Db>);
static_assert(std::is_nothrow_move_constructible_v<esker::Iterator> && !std::is_copy_constructible_v<esker::Iterator>);
static_assert(std::is_nothrow_move_constructible_v<esker::Value> && !std::is_copy_constructible_v<esker::Value>);
static_assert(std::is_nothrow_move_constructible_v<esker::Batch> && !std::is_copy_constructible_v<esker::Batch>);
static_assert(std::is_nothrow_move_constructible_v<esker::Snapshot> && !std::is_copy_constructible_v<esker::Snapshot>);

static void writing_and_reading(const esker::Db &db) {
    PHASE("put, get, delete");
    db.put("key", "value");
    CHECK(db.get("key") == "value"s);
    CHECK(db.get_pinned("key")->view() == "value"sv);
    CHECK(db.get("missing") == std::nullopt);
    db.put("", "");
    CHECK(db.get("") == ""s);
    db.put("nul\0key"sv, "nul\0value"sv);
    CHECK(db.get("nul\0key"sv) == "nul\0value"s);
    CHECK(db.get("nul") == std::nullopt);
    db.del("key", esker::Durability::Sync);
    CHECK(db.get("key") == std::nullopt);

    PHASE("batches and ranges");
    esker::Batch batch;
    batch.put("a", "1").put("b", "2").put("c", "3").del("a");
    CHECK(batch.count() == 4 && batch.size_bytes() > 0);
    db.write(batch, esker::WriteOptions().set("durability", "sync"));
    CHECK(db.get("a") == std::nullopt && db.get("c") == "3"s);
    batch.clear();
    batch.put("d", "4").delete_range("b", "c");
    db.write(batch);
    CHECK(db.get("b") == std::nullopt && db.get("d") == "4"s);
    batch.set_savepoint();
    batch.put("e", "5");
    batch.rollback_to_savepoint();
    throws(ESKER_NOT_FOUND, [&] { batch.pop_savepoint(); });
    CHECK(esker::Batch().append(esker::Batch::from_data(batch.data())).count() == batch.count());
    throws(ESKER_CORRUPTION, [&] { esker::Batch::from_data("nonsense"); });
    db.delete_range("c", "d");
    CHECK(db.get("c") == std::nullopt && db.get("d") == "4"s);

    PHASE("many keys at once");
    auto found = db.multi_get({"d", "missing", ""});
    CHECK(found[0]->view() == "4" && !found[1] && found[2]->view().empty());
    CHECK(db.multi_get({}).empty());
}

static void iterating(const esker::Db &db) {
    db.delete_range("", "\xff");
    for (char c = 'a'; c <= 'e'; c++) db.put("k"s + c, std::string(3, c));
    db.put("j", "before");
    db.put("l", "after");

    PHASE("range-for, forwards and backwards");
    std::string seen;
    for (auto [key, value] : db.scan(esker::ReadOptions().prefix("k"))) {
        CHECK(value == std::string(3, key[1]));
        seen += key[1];
    }
    CHECK(seen == "abcde");
    for (auto entry : db.scan_backwards(esker::ReadOptions().lower_bound("kb").upper_bound("kd"))) seen += entry.key[1];
    CHECK(seen == "abcdecb");
    for (auto entry : db.scan(esker::ReadOptions().upper_bound(""))) fail(__LINE__, std::string(entry.key).c_str());

    PHASE("a cursor by hand");
    esker::Iterator it = db.iterator();
    CHECK(!it && it.key().empty());
    it.seek("kc");
    CHECK(it && it.key() == "kc" && it.entry().value == "ccc");
    esker::Value kept = *it.pinned_value();
    it.prev();
    CHECK(it.key() == "kb" && kept.view() == "ccc");
    it.seek_for_prev("kzz");
    CHECK(it.key() == "ke");
    it.seek_to_last();
    CHECK(it.key() == "l");
    it.next();
    CHECK(!it.valid() && !it.pinned_value());
    esker::Iterator moved = std::move(it);
    moved.seek_to_first();
    CHECK(moved.key() == "j");

    PHASE("a snapshot stays");
    esker::Snapshot before = db.snapshot();
    db.put("ka", "new");
    esker::ReadOptions then = esker::ReadOptions().snapshot(before);
    CHECK(db.get("ka", then) == "aaa"s && db.get("ka") == "new"s);
    CHECK(db.multi_get({"ka"}, then)[0]->view() == "aaa");
    CHECK(before.seqno() < db.snapshot().seqno());
}

static void failing(const std::string &path, const std::string &other) {
    PHASE("failures are exceptions that say what and where");
    auto error = throws(ESKER_INVALID_ARGUMENT, [] { esker::Options().set("memory_buget", "1"); });
    CHECK(std::string_view(error.what()).find("memory_budget") != std::string_view::npos);
    CHECK(error.code_name() == "INVALID_ARGUMENT" && error.file().empty() && !error.offset());
    throws(ESKER_LOCKED, [&] { esker::Db second(path); });
    throws(ESKER_NOT_FOUND, [&] { esker::Db missing(other, esker::Options().set("create_if_missing", "false")); });
    throws(ESKER_NOT_FOUND, [&] { esker::Db::verify(other); });
    throws(ESKER_LOCKED, [&] { esker::Db::destroy(path); });
    esker::Db::destroy(other);
}

static void outliving(const std::string &path) {
    PHASE("children outlive a database, whichever way it goes");
    std::optional<esker::Db> db(std::in_place, path);
    db->put("k", "v");
    esker::Iterator it = db->iterator();
    it.seek_to_first();
    esker::Snapshot snapshot = db->snapshot();
    esker::Value value = *db->get_pinned("k");
    db.reset();
    throws(ESKER_CLOSED, [&] { it.next(); });
    CHECK(value.view() == "v" && snapshot.seqno() > 0);

    PHASE("a second close throws, a moved database is gone");
    esker::Db one(path);
    CHECK(one.path() == path && one.option("read_only") == "false");
    esker::Db two = std::move(one);
    throws(ESKER_INVALID_ARGUMENT, [&] { (void)one.get("k"); });
    CHECK(two.get("k") == "v"s && !two.is_closed() && !two.poisoned());
    two.close();
    CHECK(two.is_closed());
    throws(ESKER_CLOSED, [&] { two.close(); });
    throws(ESKER_CLOSED, [&] { (void)two.get("k"); });
    two = esker::Db(path, esker::Options().set("read_only", "true"));
    throws(ESKER_READ_ONLY, [&] { two.put("k", "w"); });
    CHECK(two.get("k") == "v"s);
}

static void sharing(const esker::Db &db) {
    PHASE("threads share it");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&db, t] {
            for (int i = 0; i < 500; i++) db.put("t" + std::to_string(t) + "/" + std::to_string(i), "v");
        });
    for (auto &thread : threads) thread.join();
    int count = 0;
    for (auto entry : db.scan(esker::ReadOptions().prefix("t"))) count += entry.value == "v";
    CHECK(count == 2000);
}

int main(int, char **argv) {
    std::string path = argv[1] + "/db"s, other = argv[1] + "/other"s;
    {
        esker::Db db(path, esker::Options().set("memory_budget", "32MiB"));
        writing_and_reading(db);
        iterating(db);
        db.flush();
        db.sync();
        iterating(db);
        db.compact_range("ka", "kc");
        db.compact_range();
        iterating(db);
        sharing(db);
        CHECK(db.stats("json").front() == '{');
        failing(path, other);
        db.delete_range("", "z");
    }
    CHECK(!esker::Db::verify(path).empty());
    outliving(path);
    esker::Db::destroy(path);
    CHECK(esker::version() == ESKER_VERSION_STRING);
}
