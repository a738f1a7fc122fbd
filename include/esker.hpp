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

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
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

/** What all kinds of options share: set and read by name. Without a handle they are the defaults, at no cost. */
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

/** Compares two keys: below 0, 0 only for equal bytes, above 0. Must not throw, and must not call Esker. */
using Comparator = std::function<int(std::string_view a, std::string_view b)>;
/** What operands, oldest first, make of a base, if there is one. What it throws is the error of the read. */
using FullMerge = std::function<std::string(std::string_view key, std::optional<std::string_view> base,
                                            const std::vector<std::string_view> &operands)>;
/** One operand that does what `older` and then `newer` do; nothing if there is none. */
using PartialMerge =
    std::function<std::optional<std::string>(std::string_view key, std::string_view older, std::string_view newer)>;

namespace detail {

/** A merge operator as the callbacks of C see it. */
struct Operator {
    FullMerge full;
    PartialMerge partial;
};

template <class T> void destroy(void *userdata) noexcept { delete static_cast<T *>(userdata); }

inline std::int32_t compare(void *userdata, const std::uint8_t *a, std::size_t a_len, const std::uint8_t *b,
                            std::size_t b_len) noexcept {
    return (*static_cast<Comparator *>(userdata))(view(a, a_len), view(b, b_len));
}

/** Says what `merge()` returns, or why it threw. */
template <class Merge> void answer(esker_merge_result *result, Merge merge) noexcept {
    try {
        std::optional<std::string> merged = merge();
        if (merged) esker_merge_result_set(result, bytes(*merged), merged->size());
    } catch (const std::exception &error) {
        esker_merge_result_fail(result, error.what());
    } catch (...) {
        esker_merge_result_fail(result, "it threw what is no std::exception");
    }
}

inline void full_merge(void *userdata, const std::uint8_t *key, std::size_t key_len, const std::uint8_t *base,
                       std::size_t base_len, std::size_t n, const std::uint8_t *const *operands,
                       const std::size_t *operand_lens, esker_merge_result *result) noexcept {
    answer(result, [&]() -> std::optional<std::string> {
        std::vector<std::string_view> views;
        for (std::size_t i = 0; i < n; i++) views.push_back(view(operands[i], operand_lens[i]));
        std::optional<std::string_view> below;
        if (base != nullptr) below = view(base, base_len);
        return static_cast<Operator *>(userdata)->full(view(key, key_len), below, views);
    });
}

inline void partial_merge(void *userdata, const std::uint8_t *key, std::size_t key_len, const std::uint8_t *older,
                          std::size_t older_len, const std::uint8_t *newer, std::size_t newer_len,
                          esker_merge_result *result) noexcept {
    answer(result, [&] {
        return static_cast<Operator *>(userdata)->partial(view(key, key_len), view(older, older_len),
                                                          view(newer, newer_len));
    });
}

} // namespace detail

/** How a database is opened: Options().set("memory_budget", "64MiB").set("create_if_missing", "false"). */
class Options : public detail::Named<Options, esker_options, esker_options_new, esker_options_free, esker_options_set,
                                     esker_options_get> {
public:
    /** Makes a key order known, for the families whose option "comparator" is its name. */
    Options &add_comparator(const std::string &name, Comparator compare) & {
        esker_compare_fn function = compare ? detail::compare : nullptr;
        auto *userdata = new Comparator(std::move(compare));
        detail::check([&](esker_error **e) {
            return esker_options_add_comparator(own(), name.c_str(), function, userdata, detail::destroy<Comparator>,
                                                e);
        });
        return *this;
    }
    Options &&add_comparator(const std::string &name, Comparator compare) && {
        return std::move(add_comparator(name, std::move(compare)));
    }
    /** Makes a merge operator known, for the families whose option "merge_operator" is its name. */
    Options &add_merge_operator(const std::string &name, FullMerge full, PartialMerge partial = {}) & {
        esker_full_merge_fn function = full ? detail::full_merge : nullptr;
        esker_partial_merge_fn second = partial ? detail::partial_merge : nullptr;
        auto *userdata = new detail::Operator{std::move(full), std::move(partial)};
        detail::check([&](esker_error **e) {
            return esker_options_add_merge_operator(own(), name.c_str(), function, second, userdata,
                                                    detail::destroy<detail::Operator>, e);
        });
        return *this;
    }
    Options &&add_merge_operator(const std::string &name, FullMerge full, PartialMerge partial = {}) && {
        return std::move(add_merge_operator(name, std::move(full), std::move(partial)));
    }
};

/** How a column family is made: FamilyOptions().set("merge_operator", "add_u64"). */
class FamilyOptions : public detail::Named<FamilyOptions, esker_cf_options, esker_cf_options_new, esker_cf_options_free,
                                           esker_cf_options_set, esker_cf_options_get> {};

/** Choices for transactions: TransactionOptions().set("mode", "pessimistic"). */
class TransactionOptions
    : public detail::Named<TransactionOptions, esker_txn_options, esker_txn_options_new, esker_txn_options_free,
                           esker_txn_options_set, esker_txn_options_get> {};

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
    /** What is put expires so many milliseconds after its commit; 0 is never, whatever the family says. */
    WriteOptions &ttl_ms(std::uint64_t ms) & {
        detail::check_status(esker_write_options_set_ttl_ms(own(), ms));
        return *this;
    }
    WriteOptions &&ttl_ms(std::uint64_t ms) && { return std::move(ttl_ms(ms)); }
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

/* ---- Column families --------------------------------------------------------------------------------------------- */

/** A named tree of keys within a database. Made by Db::create_family() and Db::family(). */
class ColumnFamily {
public:
    explicit ColumnFamily(esker_cf *handle) noexcept : handle_(handle) {}

    std::string name() const { return esker_cf_name(handle_.get()); }
    /** What Batch::Operation has for it. */
    std::uint32_t id() const noexcept { return esker_cf_id(handle_.get()); }
    bool is_dropped() const noexcept { return esker_cf_is_dropped(handle_.get()) != 0; }
    std::string option(const std::string &name) const {
        return detail::text([&](auto v, auto e) { return esker_cf_get_option(handle_.get(), name.c_str(), v, e); });
    }
    const esker_cf *handle() const noexcept { return handle_.get(); }

private:
    detail::Owned<esker_cf, esker_cf_free> handle_;
};

namespace detail {

/** The texts of a list; frees it. */
inline std::vector<std::string> strings(esker_names *raw) {
    Owned<esker_names, esker_names_free> names(raw);
    std::vector<std::string> found;
    for (std::size_t i = 0; i < esker_names_count(raw); i++) found.emplace_back(esker_names_at(raw, i));
    return found;
}

/** The value that `call(&value, &error)` finds. */
template <class Call> std::optional<Value> value(Call call) {
    esker_value *value = nullptr;
    bool there = found([&](esker_error **e) { return call(&value, e); });
    return there ? std::optional<Value>(Value(value)) : std::nullopt;
}

inline std::optional<std::string> copy(const std::optional<Value> &value) {
    return value ? std::optional<std::string>(value->str()) : std::nullopt;
}

/** The values that `call(n, keys, lengths, values, statuses, &error)` finds. */
template <class Call>
std::vector<std::optional<Value>> values(const std::vector<std::string_view> &keys, Call call) {
    std::vector<const std::uint8_t *> starts;
    std::vector<std::size_t> lengths;
    for (std::string_view key : keys) {
        starts.push_back(bytes(key));
        lengths.push_back(key.size());
    }
    std::vector<esker_value *> values(keys.size());
    std::vector<esker_status> statuses(keys.size());
    std::vector<std::optional<Value>> found(keys.size());
    check([&](esker_error **e) {
        return call(keys.size(), starts.data(), lengths.data(), values.data(), statuses.data(), e);
    });
    for (std::size_t i = 0; i < keys.size(); i++)
        if (values[i] != nullptr) found[i].emplace(values[i]);
    for (esker_status status : statuses)
        if (status != ESKER_NOT_FOUND) check_status(status);
    return found;
}

} // namespace detail

/* ---- Batches ----------------------------------------------------------------------------------------------------- */

/** Operations that Db::write() applies together. */
class Batch {
public:
    Batch() : handle_(detail::made(esker_batch_new())) {}

    Batch &put(std::string_view key, std::string_view value) { return put_in(nullptr, key, value); }
    Batch &put(const ColumnFamily &family, std::string_view key, std::string_view value) {
        return put_in(family.handle(), key, value);
    }
    /** Sets `key` to `value` until a time, in milliseconds since 1970. */
    Batch &put_expiring(std::string_view key, std::string_view value, std::uint64_t expires_at_ms) {
        return put_expiring_in(nullptr, key, value, expires_at_ms);
    }
    Batch &put_expiring(const ColumnFamily &family, std::string_view key, std::string_view value,
                        std::uint64_t expires_at_ms) {
        return put_expiring_in(family.handle(), key, value, expires_at_ms);
    }
    /** Merges `operand` into what `key` has, by the merge operator of the family. */
    Batch &merge(std::string_view key, std::string_view operand) { return merge_in(nullptr, key, operand); }
    Batch &merge(const ColumnFamily &family, std::string_view key, std::string_view operand) {
        return merge_in(family.handle(), key, operand);
    }
    Batch &del(std::string_view key) { return del_in(nullptr, key); }
    Batch &del(const ColumnFamily &family, std::string_view key) { return del_in(family.handle(), key); }
    /** Removes every key from `start` on and before `end`. */
    Batch &delete_range(std::string_view start, std::string_view end) { return delete_range_in(nullptr, start, end); }
    Batch &delete_range(const ColumnFamily &family, std::string_view start, std::string_view end) {
        return delete_range_in(family.handle(), start, end);
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

    /** What an entry of a batch does. */
    enum class Kind : std::int32_t {
        Delete = ESKER_ENTRY_DELETE,
        Put = ESKER_ENTRY_PUT,
        DeleteRange = ESKER_ENTRY_DELETE_RANGE,
        Merge = ESKER_ENTRY_MERGE,
        PutExpiring = ESKER_ENTRY_PUT_EXPIRING,
    };

    /** An entry of a batch. Key and value are valid until the batch changes. */
    struct Operation {
        Kind kind;
        std::uint32_t family;
        std::string_view key;
        /** The value, the operand, or the end of the range. */
        std::string_view value;
        /** Milliseconds since 1970; 0 for never. */
        std::uint64_t expires_at_ms;
    };

    /** Walks over the entries: for (const auto &operation : batch) … . */
    class Walk {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Operation;
        using difference_type = std::ptrdiff_t;
        using pointer = const Operation *;
        using reference = const Operation &;

        explicit Walk(const esker_batch *batch) : batch_(batch) { read(); }
        const Operation &operator*() const noexcept { return operation_; }
        const Operation *operator->() const noexcept { return &operation_; }
        Walk &operator++() {
            read();
            return *this;
        }
        void operator++(int) { ++*this; }

        struct End {};
        bool operator!=(End) const noexcept { return more_; }
        bool operator==(End) const noexcept { return !more_; }

    private:
        void read() {
            std::int32_t kind = 0;
            const std::uint8_t *key = nullptr, *value = nullptr;
            std::size_t key_len = 0, value_len = 0;
            more_ = detail::found([&](esker_error **e) {
                return esker_batch_entry(batch_, next_, &kind, &operation_.family, &key, &key_len, &value, &value_len,
                                         &operation_.expires_at_ms, &next_, e);
            });
            operation_.kind = static_cast<Kind>(kind);
            operation_.key = detail::view(key, key_len);
            operation_.value = detail::view(value, value_len);
        }

        const esker_batch *batch_;
        Operation operation_{};
        std::size_t next_ = 0;
        bool more_ = false;
    };

    Walk begin() const { return Walk(handle_.get()); }
    Walk::End end() const noexcept { return {}; }

private:
    explicit Batch(esker_batch *handle) noexcept : handle_(handle) {}

    Batch &put_in(const esker_cf *cf, std::string_view key, std::string_view value) {
        detail::check([&](esker_error **e) {
            return esker_batch_put(handle_.get(), cf, detail::bytes(key), key.size(), detail::bytes(value),
                                   value.size(), e);
        });
        return *this;
    }
    Batch &put_expiring_in(const esker_cf *cf, std::string_view key, std::string_view value,
                           std::uint64_t expires_at_ms) {
        detail::check([&](esker_error **e) {
            return esker_batch_put_expiring(handle_.get(), cf, detail::bytes(key), key.size(), detail::bytes(value),
                                            value.size(), expires_at_ms, e);
        });
        return *this;
    }
    Batch &merge_in(const esker_cf *cf, std::string_view key, std::string_view operand) {
        detail::check([&](esker_error **e) {
            return esker_batch_merge(handle_.get(), cf, detail::bytes(key), key.size(), detail::bytes(operand),
                                     operand.size(), e);
        });
        return *this;
    }
    Batch &del_in(const esker_cf *cf, std::string_view key) {
        detail::check([&](esker_error **e) {
            return esker_batch_delete(handle_.get(), cf, detail::bytes(key), key.size(), e);
        });
        return *this;
    }
    Batch &delete_range_in(const esker_cf *cf, std::string_view start, std::string_view end) {
        detail::check([&](esker_error **e) {
            return esker_batch_delete_range(handle_.get(), cf, detail::bytes(start), start.size(), detail::bytes(end),
                                            end.size(), e);
        });
        return *this;
    }

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

    /** Takes in what was written since; it stands nowhere then. */
    void refresh() {
        detail::check([&](esker_error **e) { return esker_iter_refresh(handle_.get(), e); });
    }

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
        return detail::value([&](auto v, auto e) { return esker_iter_pinned_value(handle_.get(), v, e); });
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

/* ---- Transactions ------------------------------------------------------------------------------------------------ */

/**
 * Reads and writes that take effect together when it commits, or not at all. Sees the database as it was when it began,
 * and its own writes. Made by Db::begin(), or run by Db::transact(). Destroyed without a commit it is rolled back.
 */
class Transaction {
public:
    explicit Transaction(esker_txn *handle) noexcept : handle_(handle) {}

    void put(std::string_view key, std::string_view value) { put_in(nullptr, key, value); }
    void put(const ColumnFamily &family, std::string_view key, std::string_view value) {
        put_in(family.handle(), key, value);
    }
    /** Sets `key` to `value` until a time, in milliseconds since 1970. */
    void put_expiring(std::string_view key, std::string_view value, std::uint64_t expires_at_ms) {
        put_expiring_in(nullptr, key, value, expires_at_ms);
    }
    void put_expiring(const ColumnFamily &family, std::string_view key, std::string_view value,
                      std::uint64_t expires_at_ms) {
        put_expiring_in(family.handle(), key, value, expires_at_ms);
    }
    void del(std::string_view key) { del_in(nullptr, key); }
    void del(const ColumnFamily &family, std::string_view key) { del_in(family.handle(), key); }
    /** Removes every key from `start` on and before `end`. */
    void delete_range(std::string_view start, std::string_view end) { delete_range_in(nullptr, start, end); }
    void delete_range(const ColumnFamily &family, std::string_view start, std::string_view end) {
        delete_range_in(family.handle(), start, end);
    }
    /** Merges `operand` into what `key` has, by the merge operator of the family. */
    void merge(std::string_view key, std::string_view operand) { merge_in(nullptr, key, operand); }
    void merge(const ColumnFamily &family, std::string_view key, std::string_view operand) {
        merge_in(family.handle(), key, operand);
    }

    /** A copy of the value; nothing if the key is absent. */
    std::optional<std::string> get(std::string_view key) { return detail::copy(get_pinned_in(nullptr, key)); }
    std::optional<std::string> get(const ColumnFamily &family, std::string_view key) {
        return detail::copy(get_pinned_in(family.handle(), key));
    }
    /** The value without a copy where the engine can. */
    std::optional<Value> get_pinned(std::string_view key) { return get_pinned_in(nullptr, key); }
    std::optional<Value> get_pinned(const ColumnFamily &family, std::string_view key) {
        return get_pinned_in(family.handle(), key);
    }
    /** The value, for a write that depends on it; with key locks it takes the lock first. */
    std::optional<std::string> get_for_update(std::string_view key) { return get_for_update_in(nullptr, key); }
    std::optional<std::string> get_for_update(const ColumnFamily &family, std::string_view key) {
        return get_for_update_in(family.handle(), key);
    }
    std::vector<std::optional<Value>> multi_get(const std::vector<std::string_view> &keys) {
        return multi_get_in(nullptr, keys);
    }
    std::vector<std::optional<Value>> multi_get(const ColumnFamily &family, const std::vector<std::string_view> &keys) {
        return multi_get_in(family.handle(), keys);
    }
    /** A cursor over what it sees now. */
    Iterator iterator(const ReadOptions &options = ReadOptions()) { return iterator_in(nullptr, options); }
    Iterator iterator(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) {
        return iterator_in(family.handle(), options);
    }
    Scan scan(const ReadOptions &options = ReadOptions()) { return Scan(iterator(options), false); }
    Scan scan(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) {
        return Scan(iterator(family, options), false);
    }

    void set_savepoint() {
        detail::check([&](esker_error **e) { return esker_txn_set_savepoint(handle_.get(), e); });
    }
    /** Takes back the writes after the latest savepoint, and forgets that savepoint. */
    void rollback_to_savepoint() {
        detail::check([&](esker_error **e) { return esker_txn_rollback_to_savepoint(handle_.get(), e); });
    }
    /** Forgets the latest savepoint, and keeps the writes. */
    void pop_savepoint() {
        detail::check([&](esker_error **e) { return esker_txn_pop_savepoint(handle_.get(), e); });
    }
    /** Makes the writes take effect, or throws; ESKER_CONFLICT: begin again. It has ended either way. */
    void commit() {
        detail::check([&](esker_error **e) { return esker_txn_commit(handle_.get(), e); });
    }
    void rollback() {
        detail::check([&](esker_error **e) { return esker_txn_rollback(handle_.get(), e); });
    }
    esker_txn *handle() noexcept { return handle_.get(); }

private:
    void put_in(const esker_cf *cf, std::string_view key, std::string_view value) {
        detail::check([&](esker_error **e) {
            return esker_txn_put(handle_.get(), cf, detail::bytes(key), key.size(), detail::bytes(value), value.size(),
                                 e);
        });
    }
    void put_expiring_in(const esker_cf *cf, std::string_view key, std::string_view value,
                         std::uint64_t expires_at_ms) {
        detail::check([&](esker_error **e) {
            return esker_txn_put_expiring(handle_.get(), cf, detail::bytes(key), key.size(), detail::bytes(value),
                                          value.size(), expires_at_ms, e);
        });
    }
    void del_in(const esker_cf *cf, std::string_view key) {
        detail::check([&](esker_error **e) {
            return esker_txn_delete(handle_.get(), cf, detail::bytes(key), key.size(), e);
        });
    }
    void delete_range_in(const esker_cf *cf, std::string_view start, std::string_view end) {
        detail::check([&](esker_error **e) {
            return esker_txn_delete_range(handle_.get(), cf, detail::bytes(start), start.size(), detail::bytes(end),
                                          end.size(), e);
        });
    }
    void merge_in(const esker_cf *cf, std::string_view key, std::string_view operand) {
        detail::check([&](esker_error **e) {
            return esker_txn_merge(handle_.get(), cf, detail::bytes(key), key.size(), detail::bytes(operand),
                                   operand.size(), e);
        });
    }
    std::optional<Value> get_pinned_in(const esker_cf *cf, std::string_view key) {
        return detail::value([&](auto v, auto e) {
            return esker_txn_get(handle_.get(), cf, detail::bytes(key), key.size(), v, e);
        });
    }
    std::optional<std::string> get_for_update_in(const esker_cf *cf, std::string_view key) {
        return detail::copy(detail::value([&](auto v, auto e) {
            return esker_txn_get_for_update(handle_.get(), cf, detail::bytes(key), key.size(), v, e);
        }));
    }
    std::vector<std::optional<Value>> multi_get_in(const esker_cf *cf, const std::vector<std::string_view> &keys) {
        return detail::values(keys, [&](auto n, auto starts, auto lengths, auto values, auto statuses, auto e) {
            return esker_txn_multi_get(handle_.get(), cf, n, starts, lengths, values, statuses, e);
        });
    }
    Iterator iterator_in(const esker_cf *cf, const ReadOptions &options) {
        esker_iter *iter = nullptr;
        detail::check(
            [&](esker_error **e) { return esker_txn_iter_new(handle_.get(), cf, options.handle(), &iter, e); });
        return Iterator(iter);
    }

    detail::Owned<esker_txn, esker_txn_free> handle_;
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
        put_in(nullptr, key, value, options);
    }
    void put(const ColumnFamily &family, std::string_view key, std::string_view value,
             const WriteOptions &options = WriteOptions()) const {
        put_in(family.handle(), key, value, options);
    }
    /** Merges `operand` into what `key` has, by the merge operator of the family. */
    void merge(std::string_view key, std::string_view operand, const WriteOptions &options = WriteOptions()) const {
        merge_in(nullptr, key, operand, options);
    }
    void merge(const ColumnFamily &family, std::string_view key, std::string_view operand,
               const WriteOptions &options = WriteOptions()) const {
        merge_in(family.handle(), key, operand, options);
    }
    void del(std::string_view key, const WriteOptions &options = WriteOptions()) const {
        del_in(nullptr, key, options);
    }
    void del(const ColumnFamily &family, std::string_view key, const WriteOptions &options = WriteOptions()) const {
        del_in(family.handle(), key, options);
    }
    /** Removes every key from `start` on and before `end`. */
    void delete_range(std::string_view start, std::string_view end,
                      const WriteOptions &options = WriteOptions()) const {
        delete_range_in(nullptr, start, end, options);
    }
    void delete_range(const ColumnFamily &family, std::string_view start, std::string_view end,
                      const WriteOptions &options = WriteOptions()) const {
        delete_range_in(family.handle(), start, end, options);
    }
    void write(const Batch &batch, const WriteOptions &options = WriteOptions()) const {
        detail::check([&](esker_error **e) { return esker_write(handle_, batch.handle(), options.handle(), e); });
    }

    /** A copy of the value; nothing if the key is absent. */
    std::optional<std::string> get(std::string_view key) const { return detail::copy(pinned(nullptr, key, nullptr)); }
    std::optional<std::string> get(std::string_view key, const ReadOptions &options) const {
        return detail::copy(pinned(nullptr, key, options.handle()));
    }
    std::optional<std::string> get(const ColumnFamily &family, std::string_view key,
                                   const ReadOptions &options = ReadOptions()) const {
        return detail::copy(pinned(family.handle(), key, options.handle()));
    }
    /** The value without a copy where the engine can. */
    std::optional<Value> get_pinned(std::string_view key) const { return pinned(nullptr, key, nullptr); }
    std::optional<Value> get_pinned(std::string_view key, const ReadOptions &options) const {
        return pinned(nullptr, key, options.handle());
    }
    std::optional<Value> get_pinned(const ColumnFamily &family, std::string_view key,
                                    const ReadOptions &options = ReadOptions()) const {
        return pinned(family.handle(), key, options.handle());
    }
    /** Reads many keys at one moment. */
    std::vector<std::optional<Value>> multi_get(const std::vector<std::string_view> &keys,
                                                const ReadOptions &options = ReadOptions()) const {
        return multi_get_in(nullptr, keys, options);
    }
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
    Iterator iterator(const ReadOptions &options = ReadOptions()) const { return iterator_in(nullptr, options); }
    Iterator iterator(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) const {
        return iterator_in(family.handle(), options);
    }
    /** All entries that the options let through, in order. */
    Scan scan(const ReadOptions &options = ReadOptions()) const { return Scan(iterator(options), false); }
    Scan scan(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) const {
        return Scan(iterator(family, options), false);
    }
    /** The same from the last to the first. */
    Scan scan_backwards(const ReadOptions &options = ReadOptions()) const { return Scan(iterator(options), true); }
    Scan scan_backwards(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) const {
        return Scan(iterator(family, options), true);
    }

    void sync() const {
        detail::check([&](esker_error **e) { return esker_sync(handle_, e); });
    }
    /** Writes what every family has in memory to tables. */
    void flush() const {
        detail::check([&](esker_error **e) { return esker_flush(handle_, nullptr, e); });
    }
    void flush(const ColumnFamily &family) const {
        detail::check([&](esker_error **e) { return esker_flush(handle_, family.handle(), e); });
    }
    /** A bound of a range; nothing is an open end. */
    using Bound = std::optional<std::string_view>;
    /** Compacts the keys from `start` on and before `end`. */
    void compact_range(Bound start = {}, Bound end = {}) const { compact_in(nullptr, start, end); }
    void compact_range(const ColumnFamily &family, Bound start = {}, Bound end = {}) const {
        compact_in(family.handle(), start, end);
    }
    /** About how many bytes the keys from `start` on and before `end` take on disk. */
    std::uint64_t approximate_size(Bound start = {}, Bound end = {}) const { return size_in(nullptr, start, end); }
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

    /** Checks every file of a database that is not open; the report, or an Error with it. Wants its comparators. */
    static std::string verify(const std::string &path, const Options &options = Options()) {
        return detail::text([&](auto v, auto e) { return esker_verify(path.c_str(), options.handle(), v, e); });
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
