#include "core/wire/json_fields.h"

#include <algorithm>

namespace defuse::fields {

std::string child(const JsonReader& reader, const char* key) { return reader.path() + "." + key; }

std::string text(JsonReader& reader, const char* key) {
  std::string value = reader.text(key);
  if (value.size() > kMaxText) {
    reader.problem(key, "longer than " + std::to_string(kMaxText) + " bytes");
    return {};
  }
  return value;
}

std::string plain_name(JsonReader& reader, const char* key) {
  std::string value = text(reader, key);
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
  // A leading dot would hide the file or leave the folder ("..").
  if (!plain || value.size() > 200 || value.starts_with('.')) reader.problem(key, "expected a plain file name");
  return value;
}

std::int64_t between(JsonReader& reader, const char* key, std::int64_t lowest, std::int64_t highest) {
  const std::int64_t value = reader.integer(key);
  if (value >= lowest && value <= highest) return value;
  reader.problem(key, "out of range: expected " + std::to_string(lowest) + " to " + std::to_string(highest));
  return lowest;
}

std::int64_t count(JsonReader& reader, const char* key) { return between(reader, key, 0, kMaxCount); }

std::int32_t class_index(JsonReader& reader, const char* key) {
  return static_cast<std::int32_t>(between(reader, key, -1, std::numeric_limits<std::int32_t>::max()));
}

namespace {

// One loop for every list of scalars: `take` returns false for an element of the wrong kind.
template <class T, class Take>
std::vector<T> scalars(JsonReader& reader, const char* key, std::size_t most, const char* expected, Take&& take) {
  const Json& items = reader.array(key);
  if (items.size() > most) {
    reader.problem(key, "more than " + std::to_string(most) + " entries");
    return {};
  }
  std::vector<T> out;
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    T value{};
    if (!take(items[i], value)) {
      reader.problem((std::string(key) + "[" + std::to_string(i) + "]").c_str(), std::string("expected ") + expected);
      return {};
    }
    out.push_back(std::move(value));
  }
  return out;
}

bool whole(const Json& item, std::uint64_t highest, std::uint64_t& value) {
  if (!item.is_number_unsigned() && !(item.is_number_integer() && item.get<std::int64_t>() >= 0)) return false;
  value = item.get<std::uint64_t>();
  return value <= highest;
}

}  // namespace

std::vector<std::string> texts(JsonReader& reader, const char* key, std::size_t most) {
  return scalars<std::string>(reader, key, most, "a text", [](const Json& item, std::string& value) {
    if (!item.is_string()) return false;
    value = item.get<std::string>();
    return value.size() <= kMaxText;
  });
}

std::vector<std::int64_t> counts(JsonReader& reader, const char* key, std::size_t most) {
  return scalars<std::int64_t>(reader, key, most, "a count", [](const Json& item, std::int64_t& value) {
    std::uint64_t found = 0;
    if (!whole(item, static_cast<std::uint64_t>(kMaxCount), found)) return false;
    value = static_cast<std::int64_t>(found);
    return true;
  });
}

std::vector<std::uint32_t> indices(JsonReader& reader, const char* key, std::size_t most) {
  return scalars<std::uint32_t>(reader, key, most, "an index", [](const Json& item, std::uint32_t& value) {
    std::uint64_t found = 0;
    if (!whole(item, std::numeric_limits<std::uint32_t>::max(), found)) return false;
    value = static_cast<std::uint32_t>(found);
    return true;
  });
}

std::vector<double> numbers(JsonReader& reader, const char* key, std::size_t most) {
  return scalars<double>(reader, key, most, "a number", [](const Json& item, double& value) {
    if (item.is_null()) {
      value = kNone;
      return true;
    }
    if (!item.is_number()) return false;
    value = item.get<double>();
    return true;
  });
}

TimePoint time(JsonReader& reader, const char* key) {
  const auto parsed = parse_rfc3339(text(reader, key));
  if (parsed) return *parsed;
  reader.problem(key, parsed.error().message);
  return {};
}

bool present(JsonReader& reader, const char* key) {
  // text() and friends report an absent key themselves; any() cannot tell absent from null, so ask for the type first.
  if (!reader.any(key).is_null()) return true;
  JsonReader probe = reader;
  probe.number(key);  // null is a number to the reader, absent is not
  if (!probe.status() && reader.status()) reader.problem(key, "missing; expected an object or null");
  return false;
}

}  // namespace defuse::fields
