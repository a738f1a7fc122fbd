/* esker/error.hpp: failures as exceptions, and how every call of C is made. Part of esker.hpp: include that. */
#ifndef ESKER_ERROR_HPP
#define ESKER_ERROR_HPP

#include <esker.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace esker {

/** What a failed call throws. what() is the whole sentence. */
class Error : public std::runtime_error {
public:
    /** An error of the program's own, for a work function that wants to throw one. */
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

} // namespace esker

#endif // ESKER_ERROR_HPP
