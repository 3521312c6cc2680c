// Writes described structs (describe.h) as JSON: every field, in the order of the description, null for what is not
// there. The same value gives the same bytes, so the text also serves as a key. Pure.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/base/json.h"

namespace defuse {

template <class S>
Json write_document(const S& value);

class DocumentWriter {
 public:
  template <class T, class Form = form::Usual<T>>
  void field(const char* key, const T& value, const Form& form = {}) {
    json_[key] = form.write(value);
  }

  template <class T, class Form = form::Usual<T>>
  void list(const char* key, const std::vector<T>& values, std::size_t /*most*/, const Form& form = {}) {
    Json& items = json_[key] = Json::array();
    for (const T& value : values) items.push_back(form.write(value));
  }

  template <class S>
  void object(const char* key, const S& value) {
    json_[key] = write_document(value);
  }
  template <class S>
  void object(const char* key, const std::optional<S>& value) {
    json_[key] = value ? write_document(*value) : Json(nullptr);
  }
  template <class S>
  void newer(const char* key, const std::optional<S>& value) {
    object(key, value);
  }

  template <class S>
  void objects(const char* key, const std::vector<S>& values, std::size_t /*most*/) {
    Json& items = json_[key] = Json::array();
    for (const S& value : values) items.push_back(write_document(value));
  }

  template <class S>
  void columns(const std::vector<S>& rows, std::size_t /*most*/) {
    Columns columns(json_);
    const S blank{};
    describe(columns, blank);  // so that a list without rows is there, too
    for (const S& row : rows) {
      columns.next_row();
      describe(columns, row);
    }
    std::move(columns).finish();
  }

  // Settings: what is absent is left out.
  template <class T, class Form>
  void field(const char* key, const T& value, const Form& form, const char* /*words*/, Need = Need::optional) {
    if constexpr (requires { form.is_absent(value); })
      if (form.is_absent(value)) return;
    json_[key] = form.write(value);
  }
  template <class T, class Form>
  void field(const char* key, const std::optional<T>& value, const Form& form, const char* words) {
    if (value) field(key, *value, form, words);
  }
  template <class T, class Form>
  void list(const char* key, const std::vector<T>& values, const Form& form, const char* /*words*/,
            Need = Need::optional) {
    list(key, values, values.size(), form);
  }
  template <class S>
  void object(const char* key, const S& value, const char* /*words*/, Need = Need::optional) {
    object(key, value);
  }
  template <class S>
  void object(const char* key, const std::optional<S>& value, const char* /*words*/) {
    if (value) object(key, *value);
  }
  template <class S>
  void objects(const char* key, const std::vector<S>& values, const char* /*words*/, Need = Need::optional) {
    objects(key, values, values.size());
  }
  template <class S>
  void map(const char* key, const std::map<std::string, S>& values, const S& /*prototype*/, const char* /*words*/) {
    Json& all = json_[key] = Json::object();
    for (const auto& [name, value] : values) all[name] = write_document(value);
  }
  template <class S, class Variant>
  void alternative(const char* key, const Variant& value, const char* /*words*/) {
    if (const auto* held = std::get_if<S>(&value)) object(key, *held);
  }
  void exactly_one_alternative() {}

  void constant(const char* key, const char* text) { json_[key] = text; }
  void repeats(const char* key, bool value, const char* /*otherwise*/) { json_[key] = value; }
  void check(bool /*holds*/, const char* /*key*/, const std::string& /*words*/) {}

  Json take() { return std::move(json_); }

 private:
  class Columns {
   public:
    explicit Columns(Json& json) : json_(json) {}

    template <class T, class Form = form::Usual<T>>
    void field(const char* key, const T& value, const Form& form = {}) {
      if (!filling_)
        lists_.emplace_back(key, Json::array());
      else
        lists_[next_++].second.push_back(form.write(value));
    }
    void next_row() {
      filling_ = true;
      next_ = 0;
    }
    void finish() && {
      for (auto& [key, list] : lists_) json_[key] = std::move(list);
    }

   private:
    Json& json_;
    std::vector<std::pair<const char*, Json>> lists_;
    bool filling_ = false;
    std::size_t next_ = 0;
  };

  Json json_ = Json::object();
};

template <class S>
Json write_document(const S& value) {
  DocumentWriter writer;
  describe(writer, value);
  return writer.take();
}

}  // namespace defuse
