// Writes settings in the configuration's own form, defaults filled in. One of the visitors of fields.h. What is absent
// (an empty path, an unset optional) is left out.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "config/decode.h"
#include "core/base/json.h"

namespace defuse {

class Encoder {
 public:
  template <class T, class Form>
  void field(const char* key, T& value, const Form& form, const char* /*words*/, Need = Need::optional) {
    if constexpr (std::is_same_v<T, std::filesystem::path>)
      if (value.empty()) return;
    json_[key] = form.write(value);
  }
  template <class T, class Form>
  void field(const char* key, std::optional<T>& value, const Form& form, const char* words) {
    if (value) field(key, *value, form, words);
  }
  template <class T, class Form>
  void list(const char* key, std::vector<T>& values, const Form& form, const char* /*words*/, Need = Need::optional) {
    auto& out = json_[key] = Json::array();
    for (auto& value : values) out.push_back(form.write(value));
  }
  template <class S>
  void object(const char* key, S& value, const char* /*words*/, Need = Need::optional) {
    json_[key] = encode(value);
  }
  template <class S>
  void object(const char* key, std::optional<S>& value, const char* words) {
    if (value) object(key, *value, words);
  }
  template <class S>
  void objects(const char* key, std::vector<S>& values, const char* /*words*/, Need = Need::optional) {
    auto& out = json_[key] = Json::array();
    for (auto& value : values) out.push_back(encode(value));
  }
  template <class S>
  void map(const char* key, std::map<std::string, S>& values, const S&, const char* /*words*/) {
    auto& out = json_[key] = Json::object();
    for (auto& [name, value] : values) out[name] = encode(value);
  }
  template <class S, class Variant>
  void alternative(const char* key, Variant& value, const char* words) {
    if (auto* held = std::get_if<S>(&value)) object(key, *held, words);
  }
  void exactly_one_alternative() {}
  void check(bool, const char*, const std::string&) {}

  // Descriptions serve reading as well and so take their struct by reference: a copy is given to them.
  template <class S>
  static Json encode(S value) {
    Encoder inside;
    describe(inside, value);
    return std::move(inside.json_);
  }

 private:
  Json json_ = Json::object();
};

}  // namespace defuse
