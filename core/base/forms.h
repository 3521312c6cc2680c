// The forms that a single value of a described document can have (describe.h). A form offers
//   std::string wants() const                        what it is, for "missing; expected …"
//   std::string read(const Json&, T&) const          what is wrong with the value; empty if it was read
//   Json write(const T&) const                       what read() takes
//   Json schema() const                              without the upper bounds, which protect a reader and promise
//   nothing
// Reading is strict, as the bytes may be hostile: the type must be right, texts have a greatest length, whole numbers a
// range. Pure values.
#pragma once
#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/names.h"

namespace defuse::form {

inline constexpr std::size_t kMaxText = 64 << 10;
inline constexpr std::int64_t kMaxCount = std::int64_t{1} << 52;  // a double holds every whole number up to here

struct Text {
  std::string wants() const { return "a text"; }
  std::string read(const Json& json, std::string& out) const;
  Json write(const std::string& value) const { return value; }
  Json schema() const { return {{"type", "string"}}; }
};

struct Name : Text {
  template <class Tag>
  std::string read(const Json& json, Named<Tag>& out) const {
    std::string text;
    std::string why = Text::read(json, text);
    if (why.empty()) out = Named<Tag>(std::move(text));
    return why;
  }
  template <class Tag>
  Json write(const Named<Tag>& value) const {
    return value.str();
  }
};

// Empty, or a file name that stays in its folder and is not hidden.
struct FileName : Text {
  std::string read(const Json& json, std::string& out) const;
  template <class Tag>
  std::string read(const Json& json, Named<Tag>& out) const {
    std::string text;
    std::string why = read(json, text);
    if (why.empty()) out = Named<Tag>(std::move(text));
    return why;
  }
  using Text::write;
  template <class Tag>
  Json write(const Named<Tag>& value) const {
    return value.str();
  }
};

struct Path : Text {
  std::string read(const Json& json, std::filesystem::path& out) const;
  Json write(const std::filesystem::path& value) const { return value.string(); }
};

struct Time : Text {
  std::string read(const Json& json, TimePoint& out) const;
  Json write(TimePoint value) const { return to_rfc3339(value); }
};

struct Flag {
  std::string wants() const { return "true or false"; }
  std::string read(const Json& json, bool& out) const;
  Json write(bool value) const { return value; }
  Json schema() const { return {{"type", "boolean"}}; }
};

// A whole number within both this range and its type's.
struct Whole {
  std::int64_t least = 0;
  std::int64_t most = kMaxCount;

  std::string wants() const { return "a whole number"; }
  template <std::integral T>
  std::string read(const Json& json, T& out) const {
    std::int64_t value = 0;
    std::string why = read_between(json, most_of<T>(), value);
    if (why.empty()) out = static_cast<T>(value);
    return why;
  }
  template <std::integral T>
  Json write(T value) const {
    return value;
  }
  Json schema() const { return {{"type", "integer"}, {"minimum", least}}; }

 private:
  template <class T>
  std::int64_t most_of() const {
    constexpr auto of_type = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    return static_cast<std::int64_t>(std::min(static_cast<std::uint64_t>(most), of_type));
  }
  std::string read_between(const Json& json, std::int64_t highest, std::int64_t& out) const;
};

inline constexpr Whole kClassIndex{-1};  // -1: none

// A number; null is "does not apply", which is NaN here.
struct Figure {
  std::string wants() const { return "a number"; }
  template <std::floating_point T>
  std::string read(const Json& json, T& out) const {
    double value = 0;
    std::string why = read_number(json, value);
    if (why.empty()) out = static_cast<T>(value);
    return why;
  }
  Json write(double value) const { return json_number(value); }
  Json schema() const { return {{"type", Json::array({"number", "null"})}}; }

 private:
  std::string read_number(const Json& json, double& out) const;
};

// A number in [least, most]; null is none.
struct Within {
  double least = 0;
  double most = 0;
  std::string wants() const { return "a number"; }
  std::string read(const Json& json, double& out) const;
  Json write(double value) const { return json_number(value); }
  Json schema() const { return {{"type", "number"}, {"minimum", least}, {"maximum", most}}; }
};

// Null, or a value of another form.
template <class Form>
struct OrNull {
  Form form{};
  std::string wants() const { return form.wants() + " or null"; }
  template <class T>
  std::string read(const Json& json, std::optional<T>& out) const {
    out.reset();
    if (json.is_null()) return {};
    T value{};
    std::string why = form.read(json, value);
    if (why.empty()) out = std::move(value);
    return why;
  }
  template <class T>
  Json write(const std::optional<T>& value) const {
    return value ? form.write(*value) : Json(nullptr);
  }
  Json schema() const {
    Json schema = form.schema();
    schema["type"] = Json::array({schema["type"], "null"});
    return schema;
  }
};

// An enum, by the names of to_string().
template <class E, std::size_t N>
struct OneOf {
  std::array<E, N> all;

  std::string wants() const { return "a text"; }
  std::string read(const Json& json, E& out) const {
    if (!json.is_string()) return "expected a text";
    std::string known;
    for (const E value : all) {
      if (to_string(value) == json.get_ref<const std::string&>()) {
        out = value;
        return {};
      }
      known += (known.empty() ? "" : ", ") + std::string(to_string(value));
    }
    return "expected one of " + known;
  }
  Json write(E value) const { return to_string(value); }
  Json schema() const {
    Json names = Json::array();
    for (const E value : all) names.push_back(to_string(value));
    return {{"enum", std::move(names)}};
  }
};
template <class E, std::size_t N>
OneOf(std::array<E, N>) -> OneOf<E, N>;

// The form of a type that needs no bounds of its own.
template <class T>
struct Usual;
template <>
struct Usual<std::string> : Text {};
template <class Tag>
struct Usual<Named<Tag>> : Name {};
template <>
struct Usual<std::filesystem::path> : Path {};
template <>
struct Usual<TimePoint> : Time {};
template <>
struct Usual<bool> : Flag {};
template <std::floating_point T>
struct Usual<T> : Figure {};
template <std::integral T>
struct Usual<T> : Whole {};

}  // namespace defuse::form
