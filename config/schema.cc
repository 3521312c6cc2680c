#include "config/schema.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/fields.h"

namespace defuse {
namespace {

// The third visitor: walks through default-constructed settings.
class SchemaWriter {
 public:
  template <class T, class Form>
  void field(const char* key, T& value, const Form& form, const char* words, Need need = Need::optional) {
    Json schema = form.schema();
    bool has_default = need == Need::optional;
    if constexpr (std::is_same_v<T, std::filesystem::path>) has_default = has_default && !value.empty();
    if (has_default) schema["default"] = form.write(value);
    add(key, std::move(schema), words, need);
  }
  template <class T, class Form>
  void field(const char* key, std::optional<T>&, const Form& form, const char* words) {
    add(key, form.schema(), words, Need::optional);
  }
  template <class T, class Form>
  void list(const char* key, std::vector<T>&, const Form& form, const char* words, Need need = Need::optional) {
    add(key, {{"type", "array"}, {"items", form.schema()}}, words, need);
  }
  template <class S>
  void object(const char* key, S& value, const char* words, Need need = Need::optional) {
    add(key, schema_of(value), words, need);
  }
  template <class S>
  void objects(const char* key, std::vector<S>&, const char* words, Need need = Need::optional) {
    add(key, {{"type", "array"}, {"items", schema_of(S{})}}, words, need);
  }
  template <class S>
  void map(const char* key, std::map<std::string, S>&, const S& prototype, const char* words) {
    Json schema{{"type", "object"}, {"minProperties", 1}};
    schema["propertyNames"] = {{"pattern", "^[A-Za-z0-9][A-Za-z0-9._-]*$"}};
    schema["additionalProperties"] = schema_of(prototype);
    add(key, std::move(schema), words, Need::required);
  }
  template <class S, class Variant>
  void alternative(const char* key, Variant&, const char* words) {
    add(key, schema_of(S{}), words, Need::optional);
  }
  void exactly_one_alternative() {
    schema_["minProperties"] = 1;
    schema_["maxProperties"] = 1;
  }
  void check(bool, const char*, const std::string&) {}

  template <class S>
  static Json schema_of(S value) {
    SchemaWriter inside;
    describe(inside, value);
    if (!inside.required_.empty()) inside.schema_["required"] = inside.required_;
    return std::move(inside.schema_);
  }

 private:
  void add(const char* key, Json schema, const char* words, Need need) {
    schema["description"] = words;
    schema_["properties"][key] = std::move(schema);
    if (need == Need::required) required_.push_back(key);
  }

  Json schema_{{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  Json required_ = Json::array();
};

}  // namespace

Json config_schema() {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "defused configuration, version 1"}};
  schema.update(SchemaWriter::schema_of(Config{}));
  return schema;
}

}  // namespace defuse
