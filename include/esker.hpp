/*
 * esker.hpp: Esker for C++17 and later. Header-only, over the C library: nothing here is exported, so it works with
 * every compiler and every later libesker.so.0.
 *
 *     esker::Db db("data");
 *     db.put("greeting", "hello");
 *     std::cout << db.get("greeting").value_or("nothing") << "\n";
 *     for (auto [key, value] : db.scan(esker::ReadOptions().prefix("gr"))) std::cout << key << " = " << value << "\n";
 *     esker::ColumnFamily users = db.create_family("users");
 *     db.transact([&](esker::Transaction &t) {
 *         if (!t.get(users, "7")) t.put(users, "7", "Ada");
 *     });
 *
 * Conventions.
 *
 *  1. Keys and values are bytes, passed as std::string_view, which may hold NULs. They are borrowed for the call.
 *  2. Every class owns its handle and can be moved, not copied. What is left of a moved object can be assigned and
 *     destroyed; any other use of it throws or does nothing. Options that were moved away are the defaults again.
 *  3. Objects may be destroyed in any order: an iterator, a snapshot, a transaction, a column family or a value may
 *     outlive its database. A Transaction that was not committed is rolled back.
 *  4. Failures throw esker::Error, with the status, the file and the offset. An absent key is no failure: std::nullopt.
 *     Destructors throw nothing: call Db::close() to learn whether everything reached the disk.
 *  5. A const function may be called from many threads with one object at once, any other from one at a time. All
 *     functions of Db are const but its assignment.
 *  6. What works on keys takes a ColumnFamily before them, or none for the default one.
 *  7. esker.h says what every call does and which statuses it has.
 */
#ifndef ESKER_HPP
#define ESKER_HPP

#include <esker.h>
#include <esker/batch.hpp>
#include <esker/error.hpp>
#include <esker/family.hpp>
#include <esker/iterator.hpp>
#include <esker/options.hpp>
#include <esker/transaction.hpp>
#include <esker/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace esker {

/** An open database. Any number of threads may share it. */
class Db {
public:
    /** Opens the database in the directory `path`. */
    explicit Db(const std::string &path, const Options &options = Options()) {
        detail::check([&](esker_error **e) { return esker_open(path.c_str(), options.handle(), &handle_, e); });
    }
    /** Takes over the database of `other`, which is left with none. */
    Db(Db &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /** Closes the database it has, and takes over that of `other`. */
    Db &operator=(Db &&other) noexcept {
        if (this != &other) {
            esker_close(handle_, nullptr);
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    Db(const Db &) = delete;
    Db &operator=(const Db &) = delete;
    /** Closes the database, and cannot tell of a failure; close() can. */
    ~Db() { esker_close(handle_, nullptr); }

    /** Closes it: everything written is on the medium, or this throws. Every later call throws ESKER_CLOSED. */
    void close() const {
        detail::check([&](esker_error **e) { return esker_close(handle_, e); });
    }
    /** Whether it was closed, or moved away. */
    bool is_closed() const noexcept { return esker_is_closed(handle_) != 0; }

    /** Sets `key` to `value`. */
    void put(std::string_view key, std::string_view value, const WriteOptions &options = WriteOptions()) const {
        put_in(nullptr, key, value, options);
    }
    /** The same in a column family. */
    void put(const ColumnFamily &family, std::string_view key, std::string_view value,
             const WriteOptions &options = WriteOptions()) const {
        put_in(family.handle(), key, value, options);
    }
    /** Merges `operand` into what `key` has, by the merge operator of the family. */
    void merge(std::string_view key, std::string_view operand, const WriteOptions &options = WriteOptions()) const {
        merge_in(nullptr, key, operand, options);
    }
    /** The same in a column family. */
    void merge(const ColumnFamily &family, std::string_view key, std::string_view operand,
               const WriteOptions &options = WriteOptions()) const {
        merge_in(family.handle(), key, operand, options);
    }
    /** Removes `key`, if it is there. */
    void del(std::string_view key, const WriteOptions &options = WriteOptions()) const {
        del_in(nullptr, key, options);
    }
    /** The same in a column family. */
    void del(const ColumnFamily &family, std::string_view key, const WriteOptions &options = WriteOptions()) const {
        del_in(family.handle(), key, options);
    }
    /** Removes every key from `start` on and before `end`. */
    void delete_range(std::string_view start, std::string_view end,
                      const WriteOptions &options = WriteOptions()) const {
        delete_range_in(nullptr, start, end, options);
    }
    /** The same in a column family. */
    void delete_range(const ColumnFamily &family, std::string_view start, std::string_view end,
                      const WriteOptions &options = WriteOptions()) const {
        delete_range_in(family.handle(), start, end, options);
    }
    /** Applies every operation of a batch, or none of them: also after a crash. */
    void write(const Batch &batch, const WriteOptions &options = WriteOptions()) const {
        detail::check([&](esker_error **e) { return esker_write(handle_, batch.handle(), options.handle(), e); });
    }

    /** A copy of the value; nothing if the key is absent. */
    std::optional<std::string> get(std::string_view key) const { return detail::copy(pinned(nullptr, key, nullptr)); }
    /** The same with options: as of a snapshot, say. */
    std::optional<std::string> get(std::string_view key, const ReadOptions &options) const {
        return detail::copy(pinned(nullptr, key, options.handle()));
    }
    /** The same in a column family. */
    std::optional<std::string> get(const ColumnFamily &family, std::string_view key,
                                   const ReadOptions &options = ReadOptions()) const {
        return detail::copy(pinned(family.handle(), key, options.handle()));
    }
    /** The value without a copy where the engine can. */
    std::optional<Value> get_pinned(std::string_view key) const { return pinned(nullptr, key, nullptr); }
    /** The same with options. */
    std::optional<Value> get_pinned(std::string_view key, const ReadOptions &options) const {
        return pinned(nullptr, key, options.handle());
    }
    /** The same in a column family. */
    std::optional<Value> get_pinned(const ColumnFamily &family, std::string_view key,
                                    const ReadOptions &options = ReadOptions()) const {
        return pinned(family.handle(), key, options.handle());
    }
    /** Reads many keys at one moment. */
    std::vector<std::optional<Value>> multi_get(const std::vector<std::string_view> &keys,
                                                const ReadOptions &options = ReadOptions()) const {
        return multi_get_in(nullptr, keys, options);
    }
    /** The same in a column family. */
    std::vector<std::optional<Value>> multi_get(const ColumnFamily &family, const std::vector<std::string_view> &keys,
                                                const ReadOptions &options = ReadOptions()) const {
        return multi_get_in(family.handle(), keys, options);
    }

    /** Creates a column family; its options are recorded. */
    ColumnFamily create_family(const std::string &name, const FamilyOptions &options = FamilyOptions()) const {
        return family_by(
            [&](auto cf, auto e) { return esker_cf_create(handle_, name.c_str(), options.handle(), cf, e); });
    }
    /** The column family of this name; throws ESKER_NOT_FOUND if there is none. */
    ColumnFamily family(const std::string &name) const {
        return family_by([&](auto cf, auto e) { return esker_cf_open(handle_, name.c_str(), cf, e); });
    }
    /** The one that calls without a family mean. */
    ColumnFamily default_family() const {
        return family_by([&](auto cf, auto e) { return esker_cf_default(handle_, cf, e); });
    }
    /** Drops a column family: its keys are gone for every new read. */
    void drop_family(const ColumnFamily &family) const {
        detail::check([&](esker_error **e) { return esker_cf_drop(handle_, family.handle(), e); });
    }
    /** The names of all families; "default" leads. */
    std::vector<std::string> families() const {
        esker_names *names = nullptr;
        detail::check([&](esker_error **e) { return esker_cf_list(handle_, &names, e); });
        return detail::strings(names);
    }

    /** Begins a transaction. */
    Transaction begin(const TransactionOptions &options = TransactionOptions()) const {
        esker_txn *txn = nullptr;
        detail::check([&](esker_error **e) { return esker_txn_begin(handle_, options.handle(), &txn, e); });
        return Transaction(txn);
    }
    /**
     * Runs `work(transaction)` and commits; returns what it returned. On a conflict everything is done again, up to
     * `retries` times; whatever else is thrown leaves here, and nothing was written.
     */
    template <class Work>
    auto transact(Work &&work, unsigned retries = 10, const TransactionOptions &options = TransactionOptions()) const {
        for (;; retries--) {
            Transaction transaction = begin(options);
            try {
                if constexpr (std::is_void_v<decltype(work(transaction))>) {
                    work(transaction);
                    return transaction.commit();
                } else {
                    auto result = work(transaction);
                    transaction.commit();
                    return result;
                }
            } catch (const Error &error) {
                if (error.code() != ESKER_CONFLICT || retries == 0) throw;
            }
        }
    }

    /** A snapshot of this moment, for ReadOptions::snapshot(). */
    Snapshot snapshot() const {
        esker_snapshot *snapshot = nullptr;
        detail::check([&](esker_error **e) { return esker_snapshot_new(handle_, &snapshot, e); });
        return Snapshot(snapshot);
    }
    /** The sequence number of the latest write that a new read sees. */
    std::uint64_t latest_seqno() const {
        std::uint64_t seqno = 0;
        detail::check([&](esker_error **e) { return esker_latest_seqno(handle_, &seqno, e); });
        return seqno;
    }
    /** A cursor over the keys that the options let through. It stands nowhere: seek first. */
    Iterator iterator(const ReadOptions &options = ReadOptions()) const { return iterator_in(nullptr, options); }
    /** The same in a column family. */
    Iterator iterator(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) const {
        return iterator_in(family.handle(), options);
    }
    /** All entries that the options let through, in order. */
    Scan scan(const ReadOptions &options = ReadOptions()) const { return Scan(iterator(options), false); }
    /** The same in a column family. */
    Scan scan(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) const {
        return Scan(iterator(family, options), false);
    }
    /** The same from the last to the first. */
    Scan scan_backwards(const ReadOptions &options = ReadOptions()) const { return Scan(iterator(options), true); }
    /** The same in a column family. */
    Scan scan_backwards(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) const {
        return Scan(iterator(family, options), true);
    }

    /** Makes everything written so far survive a power cut. */
    void sync() const {
        detail::check([&](esker_error **e) { return esker_sync(handle_, e); });
    }
    /** Writes what every family has in memory to tables. */
    void flush() const {
        detail::check([&](esker_error **e) { return esker_flush(handle_, nullptr, e); });
    }
    /** The same for one family. */
    void flush(const ColumnFamily &family) const {
        detail::check([&](esker_error **e) { return esker_flush(handle_, family.handle(), e); });
    }
    /** Makes a second database in `path`, an empty or new directory, as of now; see esker_checkpoint(). */
    void checkpoint(const std::string &path) const {
        detail::check([&](esker_error **e) { return esker_checkpoint(handle_, path.c_str(), e); });
    }
    /** A bound of a range; nothing is an open end. */
    using Bound = std::optional<std::string_view>;
    /** Compacts the keys from `start` on and before `end`. */
    void compact_range(Bound start = {}, Bound end = {}) const { compact_in(nullptr, start, end); }
    /** The same in a column family. */
    void compact_range(const ColumnFamily &family, Bound start = {}, Bound end = {}) const {
        compact_in(family.handle(), start, end);
    }
    /** About how many bytes the keys from `start` on and before `end` take on disk. */
    std::uint64_t approximate_size(Bound start = {}, Bound end = {}) const { return size_in(nullptr, start, end); }
    /** The same in a column family. */
    std::uint64_t approximate_size(const ColumnFamily &family, Bound start = {}, Bound end = {}) const {
        return size_in(family.handle(), start, end);
    }
    /** One number or text of stats() by its name. */
    std::string property(const std::string &name) const {
        return detail::text([&](auto v, auto e) { return esker_property(handle_, name.c_str(), v, e); });
    }
    /** The names that property() knows. */
    std::vector<std::string> property_names() const {
        esker_names *names = nullptr;
        detail::check([&](esker_error **e) { return esker_property_names(handle_, &names, e); });
        return detail::strings(names);
    }
    /** Numbers about the database; the format is "text", "json" or "prometheus". */
    std::string stats(const std::string &format = "text") const {
        return detail::text([&](auto v, auto e) { return esker_stats(handle_, format.c_str(), v, e); });
    }
    /** Takes what the engine did of its own accord since the last call: JSON lines, the oldest first.
     *
     * What a line holds is told at esker_drain_log(). */
    std::string drain_log() const {
        return detail::text([&](auto v, auto e) { return esker_drain_log(handle_, v, e); });
    }
    /** The directory, as it was passed to the constructor. */
    std::string path() const {
        return detail::text([&](auto v, auto e) { return esker_path(handle_, v, e); });
    }
    /** An option that it was opened with, as text. */
    std::string option(const std::string &name) const {
        return detail::text([&](auto v, auto e) { return esker_get_option(handle_, name.c_str(), v, e); });
    }
    /** The failure that made the database read-only, if there was one. */
    std::optional<Error> poisoned() const {
        esker_error *error = nullptr;
        esker_status status = esker_poisoned(handle_, &error);
        if (status == ESKER_OK) return std::nullopt;
        Error reason = detail::take(status, error);
        if (status != ESKER_POISONED) throw reason;
        return reason;
    }

    /** Checks every file of a database that is not open; the report, or an Error with it. Wants its comparators. */
    static std::string verify(const std::string &path, const Options &options = Options()) {
        return detail::text([&](auto v, auto e) { return esker_verify(path.c_str(), options.handle(), v, e); });
    }
    /** What is in a file of a database, or in its directory, as text or JSON; keys of so many entries. */
    static std::string inspect(const std::string &path, const char *format = "text", uint64_t entries = 0) {
        return detail::text([&](auto v, auto e) { return esker_inspect(path.c_str(), format, entries, v, e); });
    }
    /** Removes a database that is not open. */
    static void destroy(const std::string &path) {
        esker_error *error = nullptr;
        esker_status status = esker_destroy(path.c_str(), nullptr, &error);
        if (status != ESKER_OK) throw detail::take(status, error);
    }

    /** For calls that this header does not have. */
    const esker_db *handle() const noexcept { return handle_; }

private:
    void put_in(const esker_cf *cf, std::string_view key, std::string_view value, const WriteOptions &options) const {
        detail::check([&](esker_error **e) {
            return esker_put(handle_, cf, detail::bytes(key), key.size(), detail::bytes(value), value.size(),
                             options.handle(), e);
        });
    }
    void merge_in(const esker_cf *cf, std::string_view key, std::string_view operand,
                  const WriteOptions &options) const {
        detail::check([&](esker_error **e) {
            return esker_merge(handle_, cf, detail::bytes(key), key.size(), detail::bytes(operand), operand.size(),
                               options.handle(), e);
        });
    }
    void del_in(const esker_cf *cf, std::string_view key, const WriteOptions &options) const {
        detail::check([&](esker_error **e) {
            return esker_delete(handle_, cf, detail::bytes(key), key.size(), options.handle(), e);
        });
    }
    void delete_range_in(const esker_cf *cf, std::string_view start, std::string_view end,
                         const WriteOptions &options) const {
        detail::check([&](esker_error **e) {
            return esker_delete_range(handle_, cf, detail::bytes(start), start.size(), detail::bytes(end), end.size(),
                                      options.handle(), e);
        });
    }
    std::optional<Value> pinned(const esker_cf *cf, std::string_view key, const esker_read_options *options) const {
        return detail::value([&](auto v, auto e) {
            return esker_get(handle_, cf, detail::bytes(key), key.size(), options, v, e);
        });
    }
    std::vector<std::optional<Value>> multi_get_in(const esker_cf *cf, const std::vector<std::string_view> &keys,
                                                   const ReadOptions &options) const {
        return detail::values(keys, [&](auto n, auto starts, auto lengths, auto values, auto statuses, auto e) {
            return esker_multi_get(handle_, cf, n, starts, lengths, options.handle(), values, statuses, e);
        });
    }
    Iterator iterator_in(const esker_cf *cf, const ReadOptions &options) const {
        esker_iter *iter = nullptr;
        detail::check([&](esker_error **e) { return esker_iter_new(handle_, cf, options.handle(), &iter, e); });
        return Iterator(iter);
    }
    void compact_in(const esker_cf *cf, Bound start, Bound end) const {
        detail::check([&](esker_error **e) {
            return esker_compact_range(handle_, cf, start ? detail::bytes(*start) : nullptr, start ? start->size() : 0,
                                       end ? detail::bytes(*end) : nullptr, end ? end->size() : 0, e);
        });
    }
    std::uint64_t size_in(const esker_cf *cf, Bound start, Bound end) const {
        std::uint64_t bytes = 0;
        detail::check([&](esker_error **e) {
            return esker_approximate_size(handle_, cf, start ? detail::bytes(*start) : nullptr,
                                          start ? start->size() : 0, end ? detail::bytes(*end) : nullptr,
                                          end ? end->size() : 0, &bytes, e);
        });
        return bytes;
    }
    template <class Call> ColumnFamily family_by(Call call) const {
        esker_cf *cf = nullptr;
        detail::check([&](esker_error **e) { return call(&cf, e); });
        return ColumnFamily(cf);
    }

    esker_db *handle_ = nullptr;
};

/** The version of the library that is running. */
inline std::string_view version() noexcept { return esker_version(); }

} // namespace esker

#endif // ESKER_HPP
