// Fills described structs (describe.h) from JSON that nobody vouches for: a worker's result, a stored row. Every field
// must be there, of its type and within its bounds. The first problem ends the reading and names its place:
// "result.checks[3].findings[0].limit: expected a number". Called through read_document(). Not thread-safe; lives for
// one call.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/base/json.h"
#include "core/base/result.h"

namespace defuse {

// What was stored by an earlier version may lack what came later (`newer`).
enum class Age { present, stored };

class DocumentReader {
 public:
  DocumentReader(const Json& json, std::string path, Age age);

  template <class T, class Form = form::Usual<T>>
  void field(const char* key, T& value, const Form& form = {}) {
    const Json* json = find(key, form);
    if (json == nullptr) return;
    if (std::string why = form.read(*json, value); !why.empty()) problem(key, kNoIndex, why);
  }

  template <class T, class Form = form::Usual<T>>
  void list(const char* key, std::vector<T>& values, std::size_t most, const Form& form = {}) {
    const Json* items = find_list(key, most);
    if (items == nullptr) return;
    values.clear();
    values.reserve(items->size());
    for (std::size_t i = 0; i < items->size() && !failed(); ++i) {
      T value{};
      if (std::string why = form.read((*items)[i], value); !why.empty()) problem(key, i, why);
      values.push_back(std::move(value));
    }
  }

  template <class S>
  void object(const char* key, S& value) {
    if (const Json* json = find(key, "an object")) read_inside(*json, key, kNoIndex, value);
  }

  // Null for none. An absent one is a problem: a field that got lost must not read as "there is none".
  template <class S>
  void object(const char* key, std::optional<S>& value) {
    const Json* json = find(key, "an object or null");
    if (json != nullptr && !json->is_null()) read_inside(*json, key, kNoIndex, value.emplace());
  }

  // The same, of a key that earlier versions did not write.
  template <class S>
  void newer(const char* key, std::optional<S>& value) {
    if (documents_age() == Age::present || has(key)) object(key, value);
  }

  template <class S>
  void objects(const char* key, std::vector<S>& values, std::size_t most) {
    const Json* items = find_list(key, most);
    if (items == nullptr) return;
    values.clear();
    values.reserve(items->size());
    for (std::size_t i = 0; i < items->size() && !failed(); ++i)
      read_inside((*items)[i], key, i, values.emplace_back());
  }

  // Many small structs of single values, as one list for each of their fields.
  template <class S>
  void columns(std::vector<S>& rows, std::size_t most);

  // A text that never changes.
  void constant(const char* key, const char* text);
  // A flag that repeats what another field says, for readers of the document.
  void repeats(const char* key, bool value, const char* otherwise);
  void check(bool holds, const char* key, const std::string& words);

  Result<void> status() const;

 private:
  class Columns;
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  DocumentReader(const Json& json, const DocumentReader& above, const char* key, std::size_t index);

  template <class S>
  void read_inside(const Json& json, const char* key, std::size_t index, S& value) {
    DocumentReader inside(json, *this, key, index);
    if (!failed()) describe(inside, value);
  }

  template <class Form>
  const Json* find(const char* key, const Form& form) {
    const Json* json = look_up(key);
    if (json == nullptr && !failed()) problem(key, kNoIndex, "missing; expected " + form.wants());
    return json;
  }
  const Json* find(const char* key, const char* wanted);
  const Json* find_list(const char* key, std::size_t most);
  const Json* look_up(const char* key) const;  // null if absent, and once there is a problem
  bool has(const char* key) const;
  bool failed() const { return !problem_->empty(); }
  void problem(const char* key, std::size_t index, const std::string& what);
  std::string path() const;
  Age documents_age() const { return age_; }

  const Json* object_;
  const DocumentReader* above_ = nullptr;
  const char* key_ = nullptr;  // under which it stands in what is above
  std::size_t index_ = kNoIndex;
  std::string root_;  // of the outermost
  std::string own_problem_;
  std::string* problem_;  // one for the whole document
  Age age_;
};

// Reads the lists that stand for a vector of structs: first it looks at each of them, then it hands out row by row.
class DocumentReader::Columns {
 public:
  Columns(DocumentReader& reader, std::size_t most) : reader_(reader), most_(most) {}

  template <class T, class Form = form::Usual<T>>
  void field(const char* key, T& value, const Form& form = {}) {
    if (!filling_) return add(key);
    const auto& [name, items] = columns_[next_++];
    if (reader_.failed()) return;
    if (std::string why = form.read((*items)[row_], value); !why.empty()) reader_.problem(name, row_, why);
  }

  std::size_t rows() const { return columns_.empty() || reader_.failed() ? 0 : columns_.front().second->size(); }
  void go_to(std::size_t row) {
    filling_ = true;
    row_ = row;
    next_ = 0;
  }

 private:
  void add(const char* key);

  DocumentReader& reader_;
  std::size_t most_;
  std::vector<std::pair<const char*, const Json*>> columns_;
  bool filling_ = false;
  std::size_t row_ = 0;
  std::size_t next_ = 0;
};

template <class S>
void DocumentReader::columns(std::vector<S>& rows, std::size_t most) {
  Columns columns(*this, most);
  S blank{};
  describe(columns, blank);
  rows.assign(columns.rows(), blank);
  for (std::size_t i = 0; i < rows.size() && !failed(); ++i) {
    columns.go_to(i);
    describe(columns, rows[i]);
  }
}

// `invalid_input` with the first problem's place, which begins with `path`.
template <class S>
Result<S> read_document(const Json& json, std::string path, Age age = Age::present) {
  S value{};
  DocumentReader reader(json, std::move(path), age);
  describe(reader, value);
  TRY_OK(reader.status());
  return value;
}

}  // namespace defuse
