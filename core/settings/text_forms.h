// The forms a single setting can have: what text it may be, in which range, how it is written back, and how the JSON
// Schema says so. Each form offers
//   bool read(std::string_view, T&) const        true if the text is such a value and within range
//   std::string wants() const                    "a duration such as 5s or 200ms": the end of an error message
//   Json write(const T&) const                   reads back to the same value
//   Json schema() const
//   bool is_absent(const T&) const               where a value may be left out: true if it is
// Used by fields.h and by config/fields.h. Pure values.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/json.h"
#include "core/settings/units.h"

namespace defuse {

inline Json typed(const char* type) { return Json{{"type", type}}; }

// Any text; AnyText may be empty as well.
struct AnyText {
  template <class T>  // std::string, or a name (core/base/names.h)
  bool read(std::string_view text, T& out) const {
    out = T(std::string(text));
    return true;
  }
  std::string wants() const { return "a text"; }
  Json write(const std::string& value) const { return value; }
  Json schema() const { return {{"type", Json::array({"string", "number", "boolean"})}}; }
};

struct Text : AnyText {
  template <class T>
  bool read(std::string_view text, T& out) const {
    return !text.empty() && AnyText::read(text, out);
  }
};

// Relative ones are resolved by the decoder, which knows the file's folder.
struct Path {
  bool read(std::string_view text, std::filesystem::path& out) const {
    out = text;
    return !text.empty() && text.find('\0') == std::string_view::npos;
  }
  std::string wants() const { return "a path"; }
  Json write(const std::filesystem::path& value) const { return value.string(); }
  bool is_absent(const std::filesystem::path& value) const { return value.empty(); }
  Json schema() const { return typed("string"); }
};

struct Flag {
  bool read(std::string_view text, bool& out) const {
    out = text == "true";
    return out || text == "false";
  }
  std::string wants() const { return "true or false"; }
  Json write(bool value) const { return value; }
  Json schema() const { return typed("boolean"); }
};

// One of a few words. T is an enum or std::string.
template <class T, std::size_t N>
struct Choice {
  std::array<std::pair<const char*, T>, N> words;

  bool read(std::string_view text, T& out) const {
    for (const auto& [word, value] : words) {
      if (text != word) continue;
      out = value;
      return true;
    }
    return false;
  }
  std::string wants() const {
    std::string text = N == 1 ? "" : "one of ";
    for (std::size_t i = 0; i < N; ++i)
      text += (i == 0 ? "" : i + 1 == N ? " or " : ", ") + std::string(words[i].first);
    return text;
  }
  Json write(const T& value) const {
    for (const auto& [word, known] : words)
      if (known == value) return word;
    return nullptr;  // an enum value without a word: reads back as an error, not as something else
  }
  Json schema() const {
    Json all = Json::array();
    for (const auto& entry : words) all.push_back(entry.first);
    return {{"enum", std::move(all)}};
  }
};

// A whole number in [min, max]; with a `zero` word, that word stands for 0 and min..max hold for the rest.
template <class T>
struct Whole {
  T min = 0;
  T max = std::numeric_limits<T>::max();
  const char* zero = nullptr;

  bool read(std::string_view text, T& out) const {
    out = 0;
    if (zero != nullptr && text == zero) return true;
    if constexpr (std::is_unsigned_v<T>) {
      const auto value = parse_unsigned(text);
      if (!value || *value < min || *value > max) return false;
      out = static_cast<T>(*value);
    } else {
      const auto value = parse_integer(text);
      if (!value || *value < min || *value > max) return false;
      out = static_cast<T>(*value);
    }
    return true;
  }
  std::string wants() const {
    const std::string word = zero == nullptr ? "" : std::string(zero) + " or ";
    if (max == std::numeric_limits<T>::max()) return word + "a whole number of at least " + std::to_string(min);
    return word + "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  }
  Json write(T value) const { return zero != nullptr && value == 0 ? Json(zero) : Json(value); }
  Json schema() const {
    Json number{{"type", "integer"}, {"minimum", min}};
    if (max != std::numeric_limits<T>::max()) number["maximum"] = max;
    return zero == nullptr ? number : Json{{"anyOf", Json::array({Json{{"const", zero}}, number})}};
  }
};

enum class Lower { inclusive, exclusive };

// A decimal number in [min, max], or (min, max].
struct Number {
  double min = 0;
  double max = 0;
  Lower lower = Lower::inclusive;

  bool contains(double value) const { return (lower == Lower::inclusive ? value >= min : value > min) && value <= max; }
  bool read(std::string_view text, double& out) const;
  std::string wants() const;
  Json write(double value) const { return value; }
  Json schema() const;
};

// A share in [min, max] within [0, 1], written as such or in percent.
struct Fraction : Number {
  bool read(std::string_view text, double& out) const;
  std::string wants() const;
  Json schema() const;
};

// Fractions of 0 to 1, both included.
inline constexpr Fraction kShare{{0, 1, Lower::inclusive}};

// A duration with a unit, in whole T; with a `zero` word, that word stands for none.
template <class T>
struct Duration {
  std::chrono::milliseconds min{0};
  std::chrono::milliseconds max{0};
  const char* zero = nullptr;

  bool read(std::string_view text, T& out) const {
    out = T(0);
    if (zero != nullptr && text == zero) return true;
    const auto value = parse_duration(text);
    if (!value || *value < min || *value > max) return false;
    out = std::chrono::duration_cast<T>(*value);
    return out == *value;
  }
  std::string wants() const {
    const std::string range = " (from " + format_duration(min) + " to " + format_duration(max) + ")";
    const std::string word = zero == nullptr ? "" : std::string(zero) + " or ";
    if constexpr (std::is_same_v<T, std::chrono::hours>)
      return word + "a duration in whole hours such as 12h or 90d" + range;
    if constexpr (std::is_same_v<T, std::chrono::seconds>)
      return word + "a duration in whole seconds such as 90s or 30min" + range;
    return word + "a duration such as 5s or 200ms" + range;
  }
  Json write(T value) const { return zero != nullptr && value == T(0) ? std::string(zero) : format_duration(value); }
  Json schema() const {
    Json duration{{"type", "string"}, {"pattern", "^[0-9.]+ ?(ms|s|min|h|d)$"}};
    return zero == nullptr ? duration : Json{{"anyOf", Json::array({Json{{"const", zero}}, duration})}};
  }
};

struct Size {
  std::uint64_t min = 0;
  std::uint64_t max = std::uint64_t{1} << 50;

  bool read(std::string_view text, std::uint64_t& out) const;
  std::string wants() const;
  Json write(std::uint64_t value) const { return format_size(value); }
  Json schema() const;
};

struct Device {
  bool read(std::string_view text, std::string& out) const;
  std::string wants() const { return "cpu, cuda or cuda:<number>"; }
  Json write(const std::string& value) const { return value; }
  Json schema() const { return {{"type", "string"}, {"pattern", "^(cpu|cuda(:[0-9]+)?)$"}}; }
};

}  // namespace defuse
