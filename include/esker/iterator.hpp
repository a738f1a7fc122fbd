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

} // namespace esker

#endif // ESKER_ITERATOR_HPP
