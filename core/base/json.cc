#include "core/base/json.h"

#include <cmath>
#include <limits>

namespace defuse {
namespace {
const Json kEmptyObject = Json::object();
const Json kEmptyArray = Json::array();
}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view name_for_errors) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return fail(ErrorCode::invalid_input, std::string(name_for_errors) + " is not valid JSON");
  return value;
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

JsonReader::JsonReader(const Json& object, std::string path) : object_(&object), path_(std::move(path)) {
  if (!object.is_object()) {
    problem_ = path_ + ": expected an object";
    object_ = &kEmptyObject;
  }
}

const Json* JsonReader::find(const char* key, const char* expected) {
  const auto it = object_->find(key);
  if (it != object_->end()) return &*it;
  problem(key, std::string("missing; expected ") + expected);
  return nullptr;
}

void JsonReader::problem(const char* key, const std::string& what) {
  if (problem_.empty()) problem_ = path_ + "." + key + ": " + what;
}

std::string JsonReader::text(const char* key) {
  const Json* value = find(key, "a text");
  if (value && value->is_string()) return value->get<std::string>();
  problem(key, "expected a text");
  return {};
}

std::int64_t JsonReader::integer(const char* key) {
  const Json* value = find(key, "a whole number");
  if (value && value->is_number_integer()) {
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX) return value->get<std::int64_t>();
  }
  problem(key, "expected a whole number");
  return 0;
}

double JsonReader::number(const char* key) {
  const Json* value = find(key, "a number");
  if (value && value->is_number()) return value->get<double>();
  if (value && value->is_null()) return std::numeric_limits<double>::quiet_NaN();
  problem(key, "expected a number");
  return 0;
}

bool JsonReader::boolean(const char* key) {
  const Json* value = find(key, "true or false");
  if (value && value->is_boolean()) return value->get<bool>();
  problem(key, "expected true or false");
  return false;
}

std::optional<std::string> JsonReader::optional_text(const char* key) {
  const auto it = object_->find(key);
  if (it == object_->end() || it->is_null()) return std::nullopt;
  return text(key);
}

const Json& JsonReader::object(const char* key) {
  const Json* value = find(key, "an object");
  if (value && value->is_object()) return *value;
  problem(key, "expected an object");
  return kEmptyObject;
}

const Json& JsonReader::array(const char* key) {
  const Json* value = find(key, "a list");
  if (value && value->is_array()) return *value;
  problem(key, "expected a list");
  return kEmptyArray;
}

Result<void> JsonReader::status() const {
  if (problem_.empty()) return {};
  return fail(ErrorCode::invalid_input, problem_);
}

}  // namespace defuse
