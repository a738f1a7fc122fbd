/* esker/value.hpp: bytes that were found. Part of esker.hpp: include that. */
#ifndef ESKER_VALUE_HPP
#define ESKER_VALUE_HPP

#include <esker/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace esker {

/** Bytes that were found, without a copy where the engine can; readable for as long as this lives. */
class Value {
public:
    /** Owns a value that a function of C gave. */
    explicit Value(esker_value *handle) noexcept : handle_(handle) {}

    /** The bytes, valid for as long as this lives. */
    std::string_view view() const noexcept {
        std::size_t len = 0;
        const std::uint8_t *data = esker_value_data(handle_.get(), &len);
        return detail::view(data, len);
    }
    /** The same, where a view is expected. */
    operator std::string_view() const noexcept { return view(); }
    /** A copy of the bytes. */
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

} // namespace esker

#endif // ESKER_VALUE_HPP
