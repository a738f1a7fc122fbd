/* esker/batch.hpp: writes that are applied together. Part of esker.hpp: include that. */
#ifndef ESKER_BATCH_HPP
#define ESKER_BATCH_HPP

#include <esker/family.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace esker {

/** Operations that Db::write() applies together. */
class Batch {
public:
    /** An empty batch. */
    Batch() : handle_(detail::made(esker_batch_new())) {}

    /** Adds: set `key` to `value`. */
    Batch &put(std::string_view key, std::string_view value) { return put_in(nullptr, key, value); }
    /** The same in a column family. */
    Batch &put(const ColumnFamily &family, std::string_view key, std::string_view value) {
        return put_in(family.handle(), key, value);
    }
    /** Sets `key` to `value` until a time, in milliseconds since 1970. */
    Batch &put_expiring(std::string_view key, std::string_view value, std::uint64_t expires_at_ms) {
        return put_expiring_in(nullptr, key, value, expires_at_ms);
    }
    /** The same in a column family. */
    Batch &put_expiring(const ColumnFamily &family, std::string_view key, std::string_view value,
                        std::uint64_t expires_at_ms) {
        return put_expiring_in(family.handle(), key, value, expires_at_ms);
    }
    /** Merges `operand` into what `key` has, by the merge operator of the family. */
    Batch &merge(std::string_view key, std::string_view operand) { return merge_in(nullptr, key, operand); }
    /** The same in a column family. */
    Batch &merge(const ColumnFamily &family, std::string_view key, std::string_view operand) {
        return merge_in(family.handle(), key, operand);
    }
    /** Adds: remove `key`. */
    Batch &del(std::string_view key) { return del_in(nullptr, key); }
    /** The same in a column family. */
    Batch &del(const ColumnFamily &family, std::string_view key) { return del_in(family.handle(), key); }
    /** Removes every key from `start` on and before `end`. */
    Batch &delete_range(std::string_view start, std::string_view end) { return delete_range_in(nullptr, start, end); }
    /** The same in a column family. */
    Batch &delete_range(const ColumnFamily &family, std::string_view start, std::string_view end) {
        return delete_range_in(family.handle(), start, end);
    }
    /** Adds everything in `other`, which must be another batch. */
    Batch &append(const Batch &other) {
        detail::check([&](esker_error **e) { return esker_batch_append(handle_.get(), other.handle(), e); });
        return *this;
    }
    /** Remembers what is in it now, for rollback_to_savepoint(). Savepoints nest. */
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
    /** Empties it; it keeps its memory. */
    void clear() noexcept { esker_batch_clear(handle_.get()); }
    /** How many operations are in it. */
    std::size_t count() const noexcept { return esker_batch_count(handle_.get()); }
    /** How many bytes it takes in the log. */
    std::size_t size_bytes() const noexcept { return esker_batch_size_bytes(handle_.get()); }
    /** For calls that this header does not have. */
    const esker_batch *handle() const noexcept { return handle_.get(); }

    /** What an entry of a batch does. */
    enum class Kind : std::int32_t {
        /** `key` is removed. */
        Delete = ESKER_ENTRY_DELETE,
        /** `key` is set to `value`. */
        Put = ESKER_ENTRY_PUT,
        /** The keys from `key` on and before `value` are removed. */
        DeleteRange = ESKER_ENTRY_DELETE_RANGE,
        /** `value` is merged into what `key` has. */
        Merge = ESKER_ENTRY_MERGE,
        /** `key` is set to `value` until `expires_at_ms`. */
        PutExpiring = ESKER_ENTRY_PUT_EXPIRING,
    };

    /** An entry of a batch. Key and value are valid until the batch changes. */
    struct Operation {
        /** What it does. */
        Kind kind;
        /** ColumnFamily::id() of the family it is for. */
        std::uint32_t family;
        /** The key, or the beginning of the range. */
        std::string_view key;
        /** The value, the operand, or the end of the range. */
        std::string_view value;
        /** Milliseconds since 1970; 0 for never. */
        std::uint64_t expires_at_ms;
    };

    /** Walks over the entries: for (const auto &operation : batch) … . */
    class Walk {
    public:
        /** One pass, forwards. */
        using iterator_category = std::input_iterator_tag;
        /** What it walks over. */
        using value_type = Operation;
        /** As every iterator says. */
        using difference_type = std::ptrdiff_t;
        /** As every iterator says. */
        using pointer = const Operation *;
        /** As every iterator says. */
        using reference = const Operation &;

        /** At the first entry of `batch`. */
        explicit Walk(const esker_batch *batch) : batch_(batch) { read(); }
        /** The entry it stands on. */
        const Operation &operator*() const noexcept { return operation_; }
        /** A part of the entry it stands on. */
        const Operation *operator->() const noexcept { return &operation_; }
        /** On to the next entry. */
        Walk &operator++() {
            read();
            return *this;
        }
        /** The same. */
        void operator++(int) { ++*this; }

        /** What a walk is compared with, to see whether it is through. */
        struct End {};
        /** Whether it stands on an entry. */
        bool operator!=(End) const noexcept { return more_; }
        /** Whether it is through. */
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

    /** For range-for. */
    Walk begin() const { return Walk(handle_.get()); }
    /** For range-for. */
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

} // namespace esker

#endif // ESKER_BATCH_HPP
