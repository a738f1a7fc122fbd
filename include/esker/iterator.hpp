/* esker/iterator.hpp: cursors, and range-for over them. Part of esker.hpp: include that. */
#ifndef ESKER_ITERATOR_HPP
#define ESKER_ITERATOR_HPP

#include <esker/family.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace esker {

/** Key and value of an entry, valid until the iterator moves. */
struct Entry {
    /** The key. */
    std::string_view key;
    /** The value. */
    std::string_view value;
};

/** A cursor. A new one stands nowhere: seek first. */
class Iterator {
public:
    /** Owns an iterator that a function of C gave. */
    explicit Iterator(esker_iter *handle) noexcept : handle_(handle) {}

    /** To the first key. */
    void seek_to_first() { moved(esker_iter_seek_to_first(handle_.get())); }
    /** To the last key. */
    void seek_to_last() { moved(esker_iter_seek_to_last(handle_.get())); }
    /** To the first key that is `key` or after it. */
    void seek(std::string_view key) { moved(esker_iter_seek(handle_.get(), detail::bytes(key), key.size())); }
    /** To the last key that is `key` or before it. */
    void seek_for_prev(std::string_view key) {
        moved(esker_iter_seek_for_prev(handle_.get(), detail::bytes(key), key.size()));
    }
    /** To the next key. When not valid: stays so. */
    void next() { moved(esker_iter_next(handle_.get())); }
    /** To the key before. When not valid: stays so. */
    void prev() { moved(esker_iter_prev(handle_.get())); }

    /** Takes in what was written since; it stands nowhere then. */
    void refresh() {
        detail::check([&](esker_error **e) { return esker_iter_refresh(handle_.get(), e); });
    }

    /** Whether it stands on an entry: not before the first seek, and not beyond an end. */
    bool valid() const noexcept { return esker_iter_valid(handle_.get()) != 0; }
    /** The same: while (iterator) … . */
    explicit operator bool() const noexcept { return valid(); }

    /** Empty when not valid. */
    std::string_view key() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_iter_key(handle_.get(), &len);
        return detail::view(data, len);
    }
    /** Empty when not valid. Until the next move, like key(). */
    std::string_view value() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_iter_value(handle_.get(), &len);
        return detail::view(data, len);
    }
    /** Key and value together. */
    Entry entry() const noexcept { return {key(), value()}; }

    /** When the entry expires, in milliseconds since 1970; 0 if it never does, or when not valid. */
    std::uint64_t expires_at_ms() const noexcept { return esker_iter_expires_at_ms(handle_.get()); }

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
    /** Walks over all that `iterator` has, from the first or from the last. */
    Scan(Iterator iterator, bool backwards) : iterator_(std::move(iterator)), backwards_(backwards) {}

    /** What a step is compared with, to see whether the walk is over. */
    struct End {};

    /** A place in the walk, as range-for wants one. */
    class Step {
    public:
        /** One pass, forwards. */
        using iterator_category = std::input_iterator_tag;
        /** What it walks over. */
        using value_type = Entry;
        /** As every iterator says. */
        using difference_type = std::ptrdiff_t;
        /** As every iterator says. */
        using pointer = const Entry *;
        /** As every iterator says; an entry is two views, made anew. */
        using reference = Entry;

        /** Where `scan` stands. */
        explicit Step(Scan *scan) noexcept : scan_(scan) {}
        /** The entry, valid until the next step. */
        Entry operator*() const noexcept { return scan_->iterator_.entry(); }
        /** On to the next entry. Throws if reading it fails. */
        Step &operator++() {
            scan_->backwards_ ? scan_->iterator_.prev() : scan_->iterator_.next();
            return *this;
        }
        /** The same. */
        void operator++(int) { ++*this; }
        /** Whether it stands on an entry. */
        bool operator!=(End) const noexcept { return scan_->iterator_.valid(); }
        /** Whether the walk is over. */
        bool operator==(End) const noexcept { return !scan_->iterator_.valid(); }

    private:
        Scan *scan_;
    };

    /** Seeks; for range-for. */
    Step begin() {
        backwards_ ? iterator_.seek_to_last() : iterator_.seek_to_first();
        return Step(this);
    }
    /** For range-for. */
    End end() const noexcept { return {}; }

private:
    Iterator iterator_;
    bool backwards_;
};

} // namespace esker

#endif // ESKER_ITERATOR_HPP
