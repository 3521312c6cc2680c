#include "core/base/document_reader.h"

namespace defuse {

DocumentReader::DocumentReader(const Json& json, std::string path, Age age)
    : object_(&json), root_(std::move(path)), problem_(&own_problem_), age_(age) {
  if (!json.is_object()) own_problem_ = root_ + ": expected an object";
}

DocumentReader::DocumentReader(const Json& json, const DocumentReader& above, const char* key, std::size_t index)
    : object_(&json), above_(&above), key_(key), index_(index), problem_(above.problem_), age_(above.age_) {
  if (!json.is_object() && !failed()) *problem_ = path() + ": expected an object";
}

std::string DocumentReader::path() const {
  if (above_ == nullptr) return root_;
  std::string text = above_->path() + "." + key_;
  if (index_ != kNoIndex) text += "[" + std::to_string(index_) + "]";
  return text;
}

void DocumentReader::problem(const char* key, std::size_t index, const std::string& what) {
  if (failed()) return;
  std::string place = path() + "." + key;
  if (index != kNoIndex) place += "[" + std::to_string(index) + "]";
  *problem_ = place + ": " + what;
}

const Json* DocumentReader::look_up(const char* key) const {
  if (failed()) return nullptr;
  const auto found = object_->find(key);
  return found == object_->end() ? nullptr : &*found;
}

bool DocumentReader::has(const char* key) const { return look_up(key) != nullptr; }

const Json* DocumentReader::find(const char* key, const char* wanted) {
  const Json* json = look_up(key);
  if (json == nullptr && !failed()) problem(key, kNoIndex, std::string("missing; expected ") + wanted);
  return json;
}

const Json* DocumentReader::find_list(const char* key, std::size_t most) {
  const Json* items = find(key, "a list");
  if (items == nullptr) return nullptr;
  if (!items->is_array()) problem(key, kNoIndex, "expected a list");
  if (items->size() > most) problem(key, kNoIndex, "more than " + std::to_string(most) + " entries");
  return failed() ? nullptr : items;
}

void DocumentReader::constant(const char* key, const char* text) {
  std::string found;
  field(key, found);
  check(found == text, key, std::string("expected ") + text);
}

void DocumentReader::repeats(const char* key, bool value, const char* otherwise) {
  bool found = value;
  field(key, found);
  check(found == value, key, otherwise);
}

void DocumentReader::check(bool holds, const char* key, const std::string& words) {
  if (!holds) problem(key, kNoIndex, words);
}

Result<void> DocumentReader::status() const {
  if (!failed()) return {};
  return fail(ErrorCode::invalid_input, *problem_);
}

void DocumentReader::Columns::add(const char* key) {
  const Json* items = reader_.find_list(key, most_);
  if (items == nullptr) return;
  columns_.emplace_back(key, items);
  if (items->size() != columns_.front().second->size())
    reader_.problem(columns_.front().first, kNoIndex, std::string("expected as many as in ") + key);
}

}  // namespace defuse
