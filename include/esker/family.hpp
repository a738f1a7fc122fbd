/* esker/family.hpp: column families. Part of esker.hpp: include that. */
#ifndef ESKER_FAMILY_HPP
#define ESKER_FAMILY_HPP

#include <esker/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace esker {

/** A named tree of keys within a database. Made by Db::create_family() and Db::family(). */
class ColumnFamily {
public:
    /** Owns a family's handle that a function of C gave. */
    explicit ColumnFamily(esker_cf *handle) noexcept : handle_(handle) {}

    /** Its name. */
    std::string name() const { return esker_cf_name(handle_.get()); }
    /** What Batch::Operation has for it. */
    std::uint32_t id() const noexcept { return esker_cf_id(handle_.get()); }
    /** Whether it was dropped. */
    bool is_dropped() const noexcept { return esker_cf_is_dropped(handle_.get()) != 0; }
    /** An option that it was created with, as text. */
    std::string option(const std::string &name) const {
        return detail::text([&](auto v, auto e) { return esker_cf_get_option(handle_.get(), name.c_str(), v, e); });
    }
    /** For calls that this header does not have. */
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

} // namespace esker

#endif // ESKER_FAMILY_HPP
