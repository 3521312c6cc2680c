// JSON with errors instead of exceptions. Json keeps keys in insertion order, so documents read as they were written
// and the same input gives the same bytes. Decoders name the field: "findings[3].limit: expected a number".
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/names.h"
#include "core/base/result.h"

namespace defuse {

using Json = nlohmann::ordered_json;

// A name is its text.
template <class Tag>
void to_json(Json& json, const Named<Tag>& name) {
  json = name.str();
}

Result<Json> parse_json(std::string_view text, std::string_view name_for_errors);

// Never throws: bytes that are not UTF-8 become U+FFFD. indent < 0 gives one line.
std::string dump_json(const Json& value, int indent = -1);

// A cursor over one object of untrusted JSON, for what is read in one place alone; a struct that travels is described
// (describe.h). The first problem is remembered; read everything, then ask `status()`.
//   JsonReader r(value, "verdict"); v.reason = r.text("reason"); v.n = r.integer("n"); TRY_OK(r.status());
class JsonReader {
 public:
  JsonReader(const Json& object, std::string path);

  std::string text(const char* key);
  std::int64_t integer(const char* key);
  double number(const char* key);  // null is NaN: JSON has no other way to say it
  bool boolean(const char* key);
  std::optional<std::string> optional_text(const char* key);  // absent or null is nullopt
  const Json& object(const char* key);                        // an empty object if it is not one
  const Json& array(const char* key);                         // an empty array if it is not one
  void problem(const char* key, const std::string& what);

  const std::string& path() const { return path_; }
  Result<void> status() const;

 private:
  const Json* find(const char* key, const char* expected);
  const Json* object_;
  std::string path_;
  std::string problem_;
};

// null for NaN and infinities, which JSON cannot hold.
Json json_number(double value);

}  // namespace defuse
