/* esker/transaction.hpp: reads and writes that take effect together. Part of esker.hpp: include that. */
#ifndef ESKER_TRANSACTION_HPP
#define ESKER_TRANSACTION_HPP

#include <esker/family.hpp>
#include <esker/iterator.hpp>
#include <esker/options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace esker {

/**
 * Reads and writes that take effect together when it commits, or not at all. Sees the database as it was when it began,
 * and its own writes. Made by Db::begin(), or run by Db::transact(). Destroyed without a commit it is rolled back.
 */
class Transaction {
public:
    /** Owns a transaction that a function of C gave. */
    explicit Transaction(esker_txn *handle) noexcept : handle_(handle) {}

    /** Sets `key` to `value`. */
    void put(std::string_view key, std::string_view value) { put_in(nullptr, key, value); }
    /** The same in a column family. */
    void put(const ColumnFamily &family, std::string_view key, std::string_view value) {
        put_in(family.handle(), key, value);
    }
    /** Sets `key` to `value` until a time, in milliseconds since 1970. */
    void put_expiring(std::string_view key, std::string_view value, std::uint64_t expires_at_ms) {
        put_expiring_in(nullptr, key, value, expires_at_ms);
    }
    /** The same in a column family. */
    void put_expiring(const ColumnFamily &family, std::string_view key, std::string_view value,
                      std::uint64_t expires_at_ms) {
        put_expiring_in(family.handle(), key, value, expires_at_ms);
    }
    /** Removes `key`, if it is there. */
    void del(std::string_view key) { del_in(nullptr, key); }
    /** The same in a column family. */
    void del(const ColumnFamily &family, std::string_view key) { del_in(family.handle(), key); }
    /** Removes every key from `start` on and before `end`. */
    void delete_range(std::string_view start, std::string_view end) { delete_range_in(nullptr, start, end); }
    /** The same in a column family. */
    void delete_range(const ColumnFamily &family, std::string_view start, std::string_view end) {
        delete_range_in(family.handle(), start, end);
    }
    /** Merges `operand` into what `key` has, by the merge operator of the family. */
    void merge(std::string_view key, std::string_view operand) { merge_in(nullptr, key, operand); }
    /** The same in a column family. */
    void merge(const ColumnFamily &family, std::string_view key, std::string_view operand) {
        merge_in(family.handle(), key, operand);
    }

    /** A copy of the value; nothing if the key is absent. */
    std::optional<std::string> get(std::string_view key) { return detail::copy(get_pinned_in(nullptr, key)); }
    /** The same in a column family. */
    std::optional<std::string> get(const ColumnFamily &family, std::string_view key) {
        return detail::copy(get_pinned_in(family.handle(), key));
    }
    /** The value without a copy where the engine can. */
    std::optional<Value> get_pinned(std::string_view key) { return get_pinned_in(nullptr, key); }
    /** The same in a column family. */
    std::optional<Value> get_pinned(const ColumnFamily &family, std::string_view key) {
        return get_pinned_in(family.handle(), key);
    }
    /** The value, for a write that depends on it; with key locks it takes the lock first. */
    std::optional<std::string> get_for_update(std::string_view key) { return get_for_update_in(nullptr, key); }
    /** The same in a column family. */
    std::optional<std::string> get_for_update(const ColumnFamily &family, std::string_view key) {
        return get_for_update_in(family.handle(), key);
    }
    /** Reads many keys. */
    std::vector<std::optional<Value>> multi_get(const std::vector<std::string_view> &keys) {
        return multi_get_in(nullptr, keys);
    }
    /** The same in a column family. */
    std::vector<std::optional<Value>> multi_get(const ColumnFamily &family, const std::vector<std::string_view> &keys) {
        return multi_get_in(family.handle(), keys);
    }
    /** A cursor over what it sees now. */
    Iterator iterator(const ReadOptions &options = ReadOptions()) { return iterator_in(nullptr, options); }
    /** The same in a column family. */
    Iterator iterator(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) {
        return iterator_in(family.handle(), options);
    }
    /** All entries that the options let through, in order, for range-for. */
    Scan scan(const ReadOptions &options = ReadOptions()) { return Scan(iterator(options), false); }
    /** The same in a column family. */
    Scan scan(const ColumnFamily &family, const ReadOptions &options = ReadOptions()) {
        return Scan(iterator(family, options), false);
    }

    /** Remembers what was written so far, for rollback_to_savepoint(). Savepoints nest. */
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
    /** Ends it without a trace. */
    void rollback() {
        detail::check([&](esker_error **e) { return esker_txn_rollback(handle_.get(), e); });
    }
    /** For calls that this header does not have. */
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

} // namespace esker

#endif // ESKER_TRANSACTION_HPP
