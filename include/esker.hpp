/*
 * esker.hpp: Esker for C++17. Header-only, over the C library: nothing here is exported, so it works with every
 * compiler and every later libesker.so.0.
 *
 *     esker::Db db("data");
 *     db.put("greeting", "hello");
 *     std::cout << db.get("greeting").value_or("nothing") << "\n";
 *     for (auto [key, value] : db.scan(esker::ReadOptions().prefix("gr"))) std::cout << key << " = " << value << "\n";
 *
 * Conventions.
 *
 *  1. Keys and values are bytes, passed as std::string_view, which may hold NULs. They are borrowed for the call.
 *  2. Every class owns its handle and can be moved, not copied. What is left of a moved object can be assigned and
 *     destroyed; any other use of it throws or does nothing. Options that were moved away are the defaults again.
 *  3. Objects may be destroyed in any order: an iterator, a snapshot or a value may outlive its database.
 *  4. Failures throw esker::Error, with the status, the file and the offset. An absent key is no failure: std::nullopt.
 *     Destructors throw nothing: call Db::close() to learn whether everything reached the disk.
 *  5. A const function may be called from many threads with one object at once, any other from one at a time. All
 *     functions of Db are const but its assignment.
 *  6. esker.h says what every call does and which statuses it has.
 */
#ifndef ESKER_HPP
#define ESKER_HPP

#include <esker.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace esker {

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

/** What a failed call throws. what() is the whole sentence. */
class Error : public std::runtime_error {
public:
    Error(esker_status code, const std::string &message, std::string file = {},
          std::optional<std::uint64_t> offset = {})
        : std::runtime_error(message), code_(code), file_(std::move(file)), offset_(offset) {}

    /** One of ESKER_…, never ESKER_OK. */
    esker_status code() const noexcept { return code_; }
    /** "CORRUPTION", … */
    std::string_view code_name() const noexcept { return esker_status_name(code_); }
    /** The file it is about; empty if it is about none. */
    const std::string &file() const noexcept { return file_; }
    /** The offset in that file. */
    std::optional<std::uint64_t> offset() const noexcept { return offset_; }

private:
    esker_status code_;
    std::string file_;
    std::optional<std::uint64_t> offset_;
};

namespace detail {

/** Ends a handle of C by its own function. */
template <auto end> struct Ends {
    template <class T> void operator()(T *handle) const noexcept { end(handle); }
};

template <class T, auto end> using Owned = std::unique_ptr<T, Ends<end>>;

/** An error of C as one of C++; frees it. */
inline Error take(esker_status status, esker_error *raw) {
    Owned<esker_error, esker_error_free> error(raw);
    if (!error) return Error(status, esker_status_name(status));
    const char *file = esker_error_file(error.get());
    std::uint64_t offset = esker_error_offset(error.get());
    return Error(status, esker_error_message(error.get()), file ? file : "",
                 offset == ESKER_NO_OFFSET ? std::nullopt : std::optional<std::uint64_t>(offset));
}

/** Calls `call(&error)`; returns whether it found what it looked for, and throws if it failed. */
template <class Call> bool found(Call call) {
    esker_error *error = nullptr;
    esker_status status = call(&error);
    if (status == ESKER_NOT_FOUND && error == nullptr) return false;
    if (status != ESKER_OK) throw take(status, error);
    return true;
}

/** Calls `call(&error)` and throws if it failed. */
template <class Call> void check(Call call) { (void)found(std::move(call)); }

/** For calls without an error. */
inline void check_status(esker_status status) {
    if (status != ESKER_OK) throw take(status, nullptr);
}

/** A view's bytes, never NULL: the C functions tell a missing bound from an empty one by that. */
inline const std::uint8_t *bytes(std::string_view view) noexcept {
    return reinterpret_cast<const std::uint8_t *>(view.data() ? view.data() : "");
}

inline std::string_view view(const std::uint8_t *data, std::size_t len) noexcept {
    return data ? std::string_view(reinterpret_cast<const char *>(data), len) : std::string_view();
}

/** A new handle, or std::bad_alloc in the one case in which there is none. */
template <class T> T *made(T *handle) {
    if (handle == nullptr) throw std::bad_alloc();
    return handle;
}

} // namespace detail

/* ---- Values ------------------------------------------------------------------------------------------------------ */

/** Bytes that were found, without a copy where the engine can; readable for as long as this lives. */
class Value {
public:
    explicit Value(esker_value *handle) noexcept : handle_(handle) {}

    std::string_view view() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_value_data(handle_.get(), &len);
        return detail::view(data, len);
    }
    operator std::string_view() const noexcept { return view(); }
    std::string str() const { return std::string(view()); }

private:
    detail::Owned<esker_value, esker_value_free> handle_;
};

namespace detail {

/** The text that `call(&value, &error)` makes. */
template <class Call> std::string text(Call call) {
    esker_value *value = nullptr;
    check([&](esker_error **error) { return call(&value, error); });
    return Value(value).str();
}

} // namespace detail

/* ---- Options ----------------------------------------------------------------------------------------------------- */

namespace detail {

/** What the three kinds of options share: set and read by name. Without a handle they are the defaults, at no cost. */
template <class Self, class T, auto make, auto end, auto assign, auto read> class Named {
public:
    Self &set(const std::string &name, const std::string &value) & {
        check([&](esker_error **e) { return assign(own(), name.c_str(), value.c_str(), e); });
        return static_cast<Self &>(*this);
    }
    Self &&set(const std::string &name, const std::string &value) && { return std::move(set(name, value)); }

    std::string get(const std::string &name) const {
        Owned<T, end> defaults(handle_ ? nullptr : make());
        const T *from = handle_ ? handle_.get() : defaults.get();
        return text([&](esker_value **v, esker_error **e) { return read(from, name.c_str(), v, e); });
    }

    /** For the C functions; NULL is the defaults. */
    const T *handle() const noexcept { return handle_.get(); }

protected:
    T *own() {
        if (!handle_) handle_.reset(made(make()));
        return handle_.get();
    }

private:
    Owned<T, end> handle_;
};

} // namespace detail

/** How a database is opened: Options().set("memory_budget", "64MiB").set("create_if_missing", "false"). */
class Options : public detail::Named<Options, esker_options, esker_options_new, esker_options_free, esker_options_set,
                                     esker_options_get> {};

/** What an acknowledged write survives; see esker.h. */
enum class Durability : std::int32_t {
    Default = ESKER_DURABILITY_DEFAULT,
    Sync = ESKER_DURABILITY_SYNC,
    Buffered = ESKER_DURABILITY_BUFFERED,
    None = ESKER_DURABILITY_NONE,
};

/** Choices for writes. A Durability converts to it: db.put("k", "v", esker::Durability::Sync). */
class WriteOptions : public detail::Named<WriteOptions, esker_write_options, esker_write_options_new,
                                          esker_write_options_free, esker_write_options_set, esker_write_options_get> {
public:
    WriteOptions() = default;
    WriteOptions(Durability durability) {
        detail::check_status(esker_write_options_set_durability(own(), static_cast<std::int32_t>(durability)));
    }
};

/** A moment of a database. Made by Db::snapshot(). */
class Snapshot {
public:
    explicit Snapshot(esker_snapshot *handle) noexcept : handle_(handle) {}
    std::uint64_t seqno() const noexcept { return esker_snapshot_seqno(handle_.get()); }
    const esker_snapshot *handle() const noexcept { return handle_.get(); }

private:
    detail::Owned<esker_snapshot, esker_snapshot_free> handle_;
};

/** Choices for reads: ReadOptions().prefix("user:").snapshot(then). Everything is copied. */
class ReadOptions : public detail::Named<ReadOptions, esker_read_options, esker_read_options_new,
                                         esker_read_options_free, esker_read_options_set, esker_read_options_get> {
public:
    /** Reads as of a snapshot. */
    ReadOptions &snapshot(const Snapshot &moment) & {
        detail::check_status(esker_read_options_set_snapshot(own(), moment.handle()));
        return *this;
    }
    ReadOptions &&snapshot(const Snapshot &moment) && { return std::move(snapshot(moment)); }

    /** Sees exactly the keys that begin with this. */
    ReadOptions &prefix(std::string_view key) & {
        detail::check_status(esker_read_options_set_prefix(own(), detail::bytes(key), key.size()));
        return *this;
    }
    ReadOptions &&prefix(std::string_view key) && { return std::move(prefix(key)); }

    /** Sees no key before this. */
    ReadOptions &lower_bound(std::string_view key) & {
        detail::check_status(esker_read_options_set_lower_bound(own(), detail::bytes(key), key.size()));
        return *this;
    }
    ReadOptions &&lower_bound(std::string_view key) && { return std::move(lower_bound(key)); }

    /** Sees no key from this on. */
    ReadOptions &upper_bound(std::string_view key) & {
        detail::check_status(esker_read_options_set_upper_bound(own(), detail::bytes(key), key.size()));
        return *this;
    }
    ReadOptions &&upper_bound(std::string_view key) && { return std::move(upper_bound(key)); }
};

/* ---- Batches ----------------------------------------------------------------------------------------------------- */

/** Operations that Db::write() applies together. */
class Batch {
public:
    Batch() : handle_(detail::made(esker_batch_new())) {}

    Batch &put(std::string_view key, std::string_view value) {
        detail::check([&](esker_error **e) {
            return esker_batch_put(handle_.get(), nullptr, detail::bytes(key), key.size(), detail::bytes(value),
                                   value.size(), e);
        });
        return *this;
    }
    Batch &del(std::string_view key) {
        detail::check([&](esker_error **e) {
            return esker_batch_delete(handle_.get(), nullptr, detail::bytes(key), key.size(), e);
        });
        return *this;
    }
    /** Removes every key from `start` on and before `end`. */
    Batch &delete_range(std::string_view start, std::string_view end) {
        detail::check([&](esker_error **e) {
            return esker_batch_delete_range(handle_.get(), nullptr, detail::bytes(start), start.size(),
                                            detail::bytes(end), end.size(), e);
        });
        return *this;
    }
    /** Adds everything in `other`, which must be another batch. */
    Batch &append(const Batch &other) {
        detail::check([&](esker_error **e) { return esker_batch_append(handle_.get(), other.handle(), e); });
        return *this;
    }
    void set_savepoint() {
        detail::check([&](esker_error **e) { return esker_batch_set_savepoint(handle_.get(), e); });
    }
    /** Takes out what was added after the latest savepoint, and forgets that savepoint. */
    void rollback_to_savepoint() {
        detail::check([&](esker_error **e) { return esker_batch_rollback_to_savepoint(handle_.get(), e); });
    }
    /** Forgets the latest savepoint, and keeps what was added. */
    void pop_savepoint() {
        detail::check([&](esker_error **e) { return esker_batch_pop_savepoint(handle_.get(), e); });
    }
    /** The batch as bytes, valid until it changes. */
    std::string_view data() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_batch_data(handle_.get(), &len);
        return detail::view(data, len);
    }
    /** A batch of the bytes that data() gave. */
    static Batch from_data(std::string_view data) {
        esker_batch *batch = nullptr;
        detail::check(
            [&](esker_error **e) { return esker_batch_from_data(detail::bytes(data), data.size(), &batch, e); });
        return Batch(batch);
    }
    void clear() noexcept { esker_batch_clear(handle_.get()); }
    std::size_t count() const noexcept { return esker_batch_count(handle_.get()); }
    std::size_t size_bytes() const noexcept { return esker_batch_size_bytes(handle_.get()); }
    const esker_batch *handle() const noexcept { return handle_.get(); }

private:
    explicit Batch(esker_batch *handle) noexcept : handle_(handle) {}

    detail::Owned<esker_batch, esker_batch_free> handle_;
};

/* ---- Iterators --------------------------------------------------------------------------------------------------- */

/** Key and value of an entry, valid until the iterator moves. */
struct Entry {
    std::string_view key;
    std::string_view value;
};

/** A cursor. A new one stands nowhere: seek first. */
class Iterator {
public:
    explicit Iterator(esker_iter *handle) noexcept : handle_(handle) {}

    void seek_to_first() { moved(esker_iter_seek_to_first(handle_.get())); }
    void seek_to_last() { moved(esker_iter_seek_to_last(handle_.get())); }
    void seek(std::string_view key) { moved(esker_iter_seek(handle_.get(), detail::bytes(key), key.size())); }
    void seek_for_prev(std::string_view key) {
        moved(esker_iter_seek_for_prev(handle_.get(), detail::bytes(key), key.size()));
    }
    void next() { moved(esker_iter_next(handle_.get())); }
    void prev() { moved(esker_iter_prev(handle_.get())); }

    bool valid() const noexcept { return esker_iter_valid(handle_.get()) != 0; }
    explicit operator bool() const noexcept { return valid(); }

    /** Empty when not valid. */
    std::string_view key() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_iter_key(handle_.get(), &len);
        return detail::view(data, len);
    }
    std::string_view value() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_iter_value(handle_.get(), &len);
        return detail::view(data, len);
    }
    Entry entry() const noexcept { return {key(), value()}; }

    /** The value, to keep when the iterator moves on. */
    std::optional<Value> pinned_value() const {
        esker_value *value = nullptr;
        bool found = detail::found([&](esker_error **e) { return esker_iter_pinned_value(handle_.get(), &value, e); });
        return found ? std::optional<Value>(Value(value)) : std::nullopt;
    }

private:
    /** A move has no error of its own; the iterator knows the cause. */
    void moved(esker_status status) const {
        if (status == ESKER_OK) return;
        detail::check([&](esker_error **e) { return esker_iter_status(handle_.get(), e); });
        detail::check_status(status);
    }

    detail::Owned<esker_iter, esker_iter_free> handle_;
};

/** What range-for walks over: for (auto [key, value] : db.scan()) … . Walks once. */
class Scan {
public:
    Scan(Iterator iterator, bool backwards) : iterator_(std::move(iterator)), backwards_(backwards) {}

    struct End {};

    class Step {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Entry;
        using difference_type = std::ptrdiff_t;
        using pointer = const Entry *;
        using reference = Entry;

        explicit Step(Scan *scan) noexcept : scan_(scan) {}
        Entry operator*() const noexcept { return scan_->iterator_.entry(); }
        Step &operator++() {
            scan_->backwards_ ? scan_->iterator_.prev() : scan_->iterator_.next();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator!=(End) const noexcept { return scan_->iterator_.valid(); }
        bool operator==(End) const noexcept { return !scan_->iterator_.valid(); }

    private:
        Scan *scan_;
    };

    Step begin() {
        backwards_ ? iterator_.seek_to_last() : iterator_.seek_to_first();
        return Step(this);
    }
    End end() const noexcept { return {}; }

private:
    Iterator iterator_;
    bool backwards_;
};

/* ---- Databases --------------------------------------------------------------------------------------------------- */

/** An open database. Any number of threads may share it. */
class Db {
public:
    /** Opens the database in the directory `path`. */
    explicit Db(const std::string &path, const Options &options = Options()) {
        detail::check([&](esker_error **e) { return esker_open(path.c_str(), options.handle(), &handle_, e); });
    }
    Db(Db &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Db &operator=(Db &&other) noexcept {
        if (this != &other) {
            esker_close(handle_, nullptr);
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    Db(const Db &) = delete;
    Db &operator=(const Db &) = delete;
    ~Db() { esker_close(handle_, nullptr); }

    /** Closes it: everything written is on the medium, or this throws. Every later call throws ESKER_CLOSED. */
    void close() const {
        detail::check([&](esker_error **e) { return esker_close(handle_, e); });
    }
    bool is_closed() const noexcept { return esker_is_closed(handle_) != 0; }

    void put(std::string_view key, std::string_view value, const WriteOptions &options = WriteOptions()) const {
        detail::check([&](esker_error **e) {
            return esker_put(handle_, nullptr, detail::bytes(key), key.size(), detail::bytes(value), value.size(),
                             options.handle(), e);
        });
    }
    void del(std::string_view key, const WriteOptions &options = WriteOptions()) const {
        detail::check([&](esker_error **e) {
            return esker_delete(handle_, nullptr, detail::bytes(key), key.size(), options.handle(), e);
        });
    }
    /** Removes every key from `start` on and before `end`. */
    void delete_range(std::string_view start, std::string_view end,
                      const WriteOptions &options = WriteOptions()) const {
        detail::check([&](esker_error **e) {
            return esker_delete_range(handle_, nullptr, detail::bytes(start), start.size(), detail::bytes(end),
                                      end.size(), options.handle(), e);
        });
    }
    void write(const Batch &batch, const WriteOptions &options = WriteOptions()) const {
        detail::check([&](esker_error **e) { return esker_write(handle_, batch.handle(), options.handle(), e); });
    }

    /** A copy of the value; nothing if the key is absent. */
    std::optional<std::string> get(std::string_view key) const { return copy(pinned(key, nullptr)); }
    std::optional<std::string> get(std::string_view key, const ReadOptions &options) const {
        return copy(pinned(key, options.handle()));
    }
    /** The value without a copy where the engine can. */
    std::optional<Value> get_pinned(std::string_view key) const { return pinned(key, nullptr); }
    std::optional<Value> get_pinned(std::string_view key, const ReadOptions &options) const {
        return pinned(key, options.handle());
    }
    /** Reads many keys at one moment. */
    std::vector<std::optional<Value>> multi_get(const std::vector<std::string_view> &keys,
                                                const ReadOptions &options = ReadOptions()) const;

    Snapshot snapshot() const {
        esker_snapshot *snapshot = nullptr;
        detail::check([&](esker_error **e) { return esker_snapshot_new(handle_, &snapshot, e); });
        return Snapshot(snapshot);
    }
    Iterator iterator(const ReadOptions &options = ReadOptions()) const {
        esker_iter *iter = nullptr;
        detail::check([&](esker_error **e) { return esker_iter_new(handle_, nullptr, options.handle(), &iter, e); });
        return Iterator(iter);
    }
    /** All entries that the options let through, in order. */
    Scan scan(const ReadOptions &options = ReadOptions()) const { return Scan(iterator(options), false); }
    /** The same from the last to the first. */
    Scan scan_backwards(const ReadOptions &options = ReadOptions()) const { return Scan(iterator(options), true); }

    void sync() const {
        detail::check([&](esker_error **e) { return esker_sync(handle_, e); });
    }
    void flush() const {
        detail::check([&](esker_error **e) { return esker_flush(handle_, nullptr, e); });
    }
    /** Compacts the keys from `start` on and before `end`; nothing there means an open end. */
    void compact_range(std::optional<std::string_view> start = {}, std::optional<std::string_view> end = {}) const {
        detail::check([&](esker_error **e) {
            return esker_compact_range(handle_, nullptr, start ? detail::bytes(*start) : nullptr,
                                       start ? start->size() : 0, end ? detail::bytes(*end) : nullptr,
                                       end ? end->size() : 0, e);
        });
    }
    /** Numbers about the database; the format is "text", "json" or "prometheus". */
    std::string stats(const std::string &format = "text") const {
        return detail::text([&](auto v, auto e) { return esker_stats(handle_, format.c_str(), v, e); });
    }
    std::string path() const {
        return detail::text([&](auto v, auto e) { return esker_path(handle_, v, e); });
    }
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

    /** Checks every file of a database that is not open; the report, or an Error that holds it. */
    static std::string verify(const std::string &path) {
        return detail::text([&](auto v, auto e) { return esker_verify(path.c_str(), nullptr, v, e); });
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
    std::optional<Value> pinned(std::string_view key, const esker_read_options *options) const {
        esker_value *value = nullptr;
        bool found = detail::found([&](esker_error **e) {
            return esker_get(handle_, nullptr, detail::bytes(key), key.size(), options, &value, e);
        });
        return found ? std::optional<Value>(Value(value)) : std::nullopt;
    }
    static std::optional<std::string> copy(const std::optional<Value> &value) {
        return value ? std::optional<std::string>(value->str()) : std::nullopt;
    }

    esker_db *handle_ = nullptr;
};

inline std::vector<std::optional<Value>> Db::multi_get(const std::vector<std::string_view> &keys,
                                                       const ReadOptions &options) const {
    std::vector<const std::uint8_t *> starts;
    std::vector<std::size_t> lengths;
    for (std::string_view key : keys) {
        starts.push_back(detail::bytes(key));
        lengths.push_back(key.size());
    }
    std::vector<esker_value *> values(keys.size());
    std::vector<esker_status> statuses(keys.size());
    std::vector<std::optional<Value>> found(keys.size());
    detail::check([&](esker_error **e) {
        return esker_multi_get(handle_, nullptr, keys.size(), starts.data(), lengths.data(), options.handle(),
                               values.data(), statuses.data(), e);
    });
    for (std::size_t i = 0; i < keys.size(); i++)
        if (values[i] != nullptr) found[i].emplace(values[i]);
    for (esker_status status : statuses)
        if (status != ESKER_NOT_FOUND) detail::check_status(status);
    return found;
}

/** The version of the library that is running. */
inline std::string_view version() noexcept { return esker_version(); }

} // namespace esker

#endif // ESKER_HPP
