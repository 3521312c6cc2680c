// Says in JSON Schema what documents of a described struct (describe.h) look like: the configuration's schema is made
// of it, and tests hold the published schemas of reports and of the API to it. Upper bounds, which protect a reader,
// are left out. Called with a value as it is by default. Pure.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/base/json.h"

namespace defuse {

template <class S>
Json schema_of(const S& usual = {});

class SchemaWriter {
 public:
  template <class T, class Form = form::Usual<T>>
  void field(const char* key, const T&, const Form& form = {}) {
    add(key, form.schema(), Need::required);
  }
  template <class T, class Form = form::Usual<T>>
  void list(const char* key, const std::vector<T>&, std::size_t /*most*/, const Form& form = {}) {
    add(key, list_of(form.schema()), Need::required);
  }
  template <class S>
  void object(const char* key, const S& value) {
    add(key, schema_of(value), Need::required);
  }
  template <class S>
  void object(const char* key, const std::optional<S>&) {
    Json schema = schema_of(S{});
    schema["type"] = Json::array({"object", "null"});
    add(key, std::move(schema), Need::required);
  }
  template <class S>
  void newer(const char* key, const std::optional<S>& value) {
    object(key, value);
  }
  template <class S>
  void objects(const char* key, const std::vector<S>&, std::size_t /*most*/) {
    add(key, list_of(schema_of(S{})), Need::required);
  }
  template <class S>
  void columns(const std::vector<S>&, std::size_t /*most*/) {
    const Json row = schema_of(S{});
    for (const auto& [key, schema] : row["properties"].items()) add(key, list_of(schema), Need::required);
  }
  void constant(const char* key, const char* text) { add(key, {{"const", text}}, Need::required); }
  void repeats(const char* key, bool, const char*) { add(key, form::Flag{}.schema(), Need::required); }

  // Settings: with what they are for, and their default.
  template <class T, class Form>
  void field(const char* key, const T& value, const Form& form, const char* words, Need need = Need::optional) {
    Json schema = form.schema();
    bool has_default = need == Need::optional;
    if constexpr (requires { form.is_absent(value); }) has_default = has_default && !form.is_absent(value);
    if (has_default) schema["default"] = form.write(value);
    explain(key, std::move(schema), words, need);
  }
  template <class T, class Form>
  void field(const char* key, const std::optional<T>&, const Form& form, const char* words) {
    explain(key, form.schema(), words, Need::optional);
  }
  template <class T, class Form>
  void list(const char* key, const std::vector<T>&, const Form& form, const char* words, Need need = Need::optional) {
    explain(key, list_of(form.schema()), words, need);
  }
  template <class S>
  void object(const char* key, const S& value, const char* words, Need need = Need::optional) {
    explain(key, schema_of(value), words, need);
  }
  template <class S>
  void objects(const char* key, const std::vector<S>&, const char* words, Need need = Need::optional) {
    explain(key, list_of(schema_of(S{})), words, need);
  }
  template <class S>
  void map(const char* key, const std::map<std::string, S>&, const S& prototype, const char* words) {
    Json schema{{"type", "object"}, {"minProperties", 1}};
    schema["propertyNames"] = {{"pattern", "^[A-Za-z0-9][A-Za-z0-9._-]*$"}};
    schema["additionalProperties"] = schema_of(prototype);
    explain(key, std::move(schema), words, Need::required);
  }
  template <class S, class Variant>
  void alternative(const char* key, const Variant&, const char* words) {
    explain(key, schema_of(S{}), words, Need::optional);
  }
  void exactly_one_alternative() {
    schema_["minProperties"] = 1;
    schema_["maxProperties"] = 1;
  }
  void check(bool, const char*, const std::string&) {}

  Json take() {
    if (!required_.empty()) schema_["required"] = required_;
    return std::move(schema_);
  }

 private:
  static Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
  void explain(const char* key, Json schema, const char* words, Need need) {
    schema["description"] = words;
    add(key, std::move(schema), need);
  }
  void add(const std::string& key, Json schema, Need need) {
    schema_["properties"][key] = std::move(schema);
    if (need == Need::required) required_.push_back(key);
  }

  Json schema_{{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  Json required_ = Json::array();
};

template <class S>
Json schema_of(const S& usual) {
  SchemaWriter writer;
  describe(writer, usual);
  return writer.take();
}

}  // namespace defuse
