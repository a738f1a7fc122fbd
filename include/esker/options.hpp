/* esker/options.hpp: choices by name, and callbacks. Part of esker.hpp: include that. */
#ifndef ESKER_OPTIONS_HPP
#define ESKER_OPTIONS_HPP

#include <esker/value.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace esker {

/**
 * What all kinds of options share: set and read by name. Without a handle they are the defaults, at no cost. Programs
 * use the classes below that are made of it.
 */
template <class Self, class T, auto make, auto end, auto assign, auto read> class NamedOptions {
public:
    /** Sets an option; throws if there is none of that name (and offers the nearest) or the value will not do. */
    Self &set(const std::string &name, const std::string &value) & {
        detail::check([&](esker_error **e) { return assign(own(), name.c_str(), value.c_str(), e); });
        return static_cast<Self &>(*this);
    }
    /** The same on a temporary, so that calls can be chained. */
    Self &&set(const std::string &name, const std::string &value) && { return std::move(set(name, value)); }

    /** An option as text. */
    std::string get(const std::string &name) const {
        detail::Owned<T, end> defaults(handle_ ? nullptr : make());
        const T *from = handle_ ? handle_.get() : defaults.get();
        return detail::text([&](esker_value **v, esker_error **e) { return read(from, name.c_str(), v, e); });
    }

    /** For the C functions; NULL is the defaults. */
    const T *handle() const noexcept { return handle_.get(); }

protected:
    /** The handle, made when the first option is set. */
    T *own() {
        if (!handle_) handle_.reset(detail::made(make()));
        return handle_.get();
    }

private:
    detail::Owned<T, end> handle_;
};

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
class Options : public NamedOptions<Options, esker_options, esker_options_new, esker_options_free, esker_options_set,
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
    /** The same on a temporary. */
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
    /** The same on a temporary. */
    Options &&add_merge_operator(const std::string &name, FullMerge full, PartialMerge partial = {}) && {
        return std::move(add_merge_operator(name, std::move(full), std::move(partial)));
    }
};

/** How a column family is made: FamilyOptions().set("merge_operator", "add_u64"). */
class FamilyOptions : public NamedOptions<FamilyOptions, esker_cf_options, esker_cf_options_new, esker_cf_options_free,
                                          esker_cf_options_set, esker_cf_options_get> {};

/** Choices for transactions: TransactionOptions().set("mode", "pessimistic"). */
class TransactionOptions
    : public NamedOptions<TransactionOptions, esker_txn_options, esker_txn_options_new, esker_txn_options_free,
                          esker_txn_options_set, esker_txn_options_get> {};

/** What an acknowledged write survives; see esker.h. */
enum class Durability : std::int32_t {
    /** What the database was opened with. */
    Default = ESKER_DURABILITY_DEFAULT,
    /** On the medium before the write returns. */
    Sync = ESKER_DURABILITY_SYNC,
    /** Survives the death of the process; a power cut keeps everything up to some moment. */
    Buffered = ESKER_DURABILITY_BUFFERED,
    /** Not logged: kept from the next flush on. */
    None = ESKER_DURABILITY_NONE,
};

/** Choices for writes. A Durability converts to it: db.put("k", "v", esker::Durability::Sync). */
class WriteOptions : public NamedOptions<WriteOptions, esker_write_options, esker_write_options_new,
                                         esker_write_options_free, esker_write_options_set, esker_write_options_get> {
public:
    /** The defaults of the database. */
    WriteOptions() = default;
    /** These writes survive this much. */
    WriteOptions(Durability durability) {
        detail::check_status(esker_write_options_set_durability(own(), static_cast<std::int32_t>(durability)));
    }
    /** What is put expires so many milliseconds after its commit; 0 is never, whatever the family says. */
    WriteOptions &ttl_ms(std::uint64_t ms) & {
        detail::check_status(esker_write_options_set_ttl_ms(own(), ms));
        return *this;
    }
    /** The same on a temporary. */
    WriteOptions &&ttl_ms(std::uint64_t ms) && { return std::move(ttl_ms(ms)); }
};

/** A moment of a database. Made by Db::snapshot(). */
class Snapshot {
public:
    /** Owns a snapshot that a function of C gave. */
    explicit Snapshot(esker_snapshot *handle) noexcept : handle_(handle) {}
    /** Its place in the order of writes: it sees the writes up to this number. */
    std::uint64_t seqno() const noexcept { return esker_snapshot_seqno(handle_.get()); }
    /** For calls that this header does not have. */
    const esker_snapshot *handle() const noexcept { return handle_.get(); }

private:
    detail::Owned<esker_snapshot, esker_snapshot_free> handle_;
};

/** Choices for reads: ReadOptions().prefix("user:").snapshot(then). Everything is copied. */
class ReadOptions : public NamedOptions<ReadOptions, esker_read_options, esker_read_options_new,
                                        esker_read_options_free, esker_read_options_set, esker_read_options_get> {
public:
    /** Reads as of a snapshot. */
    ReadOptions &snapshot(const Snapshot &moment) & {
        detail::check_status(esker_read_options_set_snapshot(own(), moment.handle()));
        return *this;
    }
    /** The same on a temporary. */
    ReadOptions &&snapshot(const Snapshot &moment) && { return std::move(snapshot(moment)); }

    /** Sees exactly the keys that begin with this. */
    ReadOptions &prefix(std::string_view key) & {
        detail::check_status(esker_read_options_set_prefix(own(), detail::bytes(key), key.size()));
        return *this;
    }
    /** The same on a temporary. */
    ReadOptions &&prefix(std::string_view key) && { return std::move(prefix(key)); }

    /** Sees no key before this. */
    ReadOptions &lower_bound(std::string_view key) & {
        detail::check_status(esker_read_options_set_lower_bound(own(), detail::bytes(key), key.size()));
        return *this;
    }
    /** The same on a temporary. */
    ReadOptions &&lower_bound(std::string_view key) && { return std::move(lower_bound(key)); }

    /** Sees no key from this on. */
    ReadOptions &upper_bound(std::string_view key) & {
        detail::check_status(esker_read_options_set_upper_bound(own(), detail::bytes(key), key.size()));
        return *this;
    }
    /** The same on a temporary. */
    ReadOptions &&upper_bound(std::string_view key) && { return std::move(upper_bound(key)); }
};

} // namespace esker

#endif // ESKER_OPTIONS_HPP
