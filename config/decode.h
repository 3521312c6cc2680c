// Fills settings from a document tree. Decoder is one of the visitors of fields.h; it looks up each field that a
// settings struct describes, reports what is ill-typed, out of range, missing, unknown or written twice, with its
// position, and leaves the default in place. All problems are collected, so that a person repairs a file in one go. Not
// thread-safe; lives for one call.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/yaml.h"
#include "core/base/describe.h"
#include "core/base/names.h"
#include "core/base/result.h"
#include "core/registry/source.h"
#include "core/settings/text_forms.h"

namespace defuse {

// What was wrong, in the order of the file.
class Problems {
 public:
  Problems(std::string name, std::filesystem::path folder) : name_(std::move(name)), folder_(std::move(folder)) {}

  void add(int line, int column, const std::string& words);
  const std::filesystem::path& folder() const { return folder_; }  // relative paths are taken from here
  bool empty() const { return problems_.empty(); }
  Result<void> status() const;  // at most 20 lines and a count of the rest

 private:
  struct Problem {
    int line;
    int column;
    std::string words;
  };
  std::string name_;
  std::filesystem::path folder_;
  std::vector<Problem> problems_;
};

class Decoder {
 public:
  // `path` is where the node stands, "models.digits"; empty at the top.
  Decoder(const YamlNode& node, std::string path, Problems& problems);

  template <class T, class Form>
  void field(const char* key, T& value, const Form& form, const char* /*words*/, Need need = Need::optional) {
    const auto* entry = find(key, need);
    if (entry == nullptr) return;
    const auto* text = scalar(*entry, form.wants());
    if (text == nullptr) return;
    read(name_of(key), *entry->value, *text, value, form);
  }

  template <class T, class Form>
  void field(const char* key, std::optional<T>& value, const Form& form, const char* words) {
    T read_value{};
    field(key, read_value, form, words);
    if (has(key)) value = read_value;
  }

  // What is described for other documents too: it must be given, and not be empty.
  void field(const char* key, std::string& value) { field(key, value, Text{}, "", Need::required); }
  template <class Tag>
  void field(const char* key, Named<Tag>& value) {
    field(key, value, Text{}, "", Need::required);
  }
  void field(const char* key, std::filesystem::path& value) { field(key, value, Path{}, "", Need::required); }

  template <class T, class Form>
  void list(const char* key, std::vector<T>& values, const Form& form, const char* /*words*/,
            Need need = Need::optional) {
    const auto* entry = find(key, need);
    if (entry == nullptr || !is_list(*entry, "a list")) return;
    values.clear();
    for (const auto& item : entry->value->items) {
      T value{};
      if (item->kind != YamlNode::Kind::scalar)
        problems_.add(item->line, item->column,
                      "each entry of " + name_of(key) + " wants " + form.wants() + ", not " + found(*item));
      else
        read("each entry of " + name_of(key), *item, item->text, value, form);
      values.push_back(std::move(value));
    }
  }

  template <class S>
  void object(const char* key, S& value, const char* /*words*/, Need need = Need::optional) {
    const auto* entry = find(key, need);
    if (entry == nullptr || !is_map(*entry)) return;
    Decoder inside(*entry->value, below(key), problems_);
    describe(inside, value);
    inside.finish();
  }

  template <class S>
  void object(const char* key, std::optional<S>& value, const char* words) {
    if (!has(key)) {
      find(key, Need::optional);
      return;
    }
    object(key, value.emplace(), words);
  }

  template <class S>
  void objects(const char* key, std::vector<S>& values, const char* /*words*/, Need need = Need::optional) {
    const auto* entry = find(key, need);
    if (entry == nullptr || !is_list(*entry, "a list")) return;
    values.clear();
    for (std::size_t i = 0; i < entry->value->items.size(); ++i) {
      Decoder inside(*entry->value->items[i], below(key) + "[" + std::to_string(i) + "]", problems_);
      inside.expect_map();
      describe(inside, values.emplace_back());
      inside.finish();
    }
  }

  // Named children, each beginning as a copy of `prototype`, which also learns its name.
  template <class S>
  void map(const char* key, std::map<std::string, S>& values, const S& prototype, const char* /*words*/) {
    const auto* entry = find(key, Need::required);
    if (entry == nullptr || !is_map(*entry)) return;
    if (entry->value->entries.empty())
      problems_.add(entry->line, entry->column, "'" + below(key) + "' names no model; at least one is needed");
    for (const auto& child : entry->value->entries) {
      check_model_name(child);
      S value = prototype;
      value.name = child.key;
      Decoder inside(*child.value, below(key) + "." + child.key, problems_);
      inside.expect_map();
      describe(inside, value);
      inside.finish();
      values.emplace(child.key, std::move(value));
    }
    report_duplicates(*entry->value, below(key));
  }

  // One of several kinds of the same thing, told apart by its key.
  template <class S, class Variant>
  void alternative(const char* key, Variant& value, const char* words) {
    if (has(key)) ++alternatives_found_;
    alternatives_ += (alternatives_.empty() ? "" : ", ") + std::string(key);
    S read_value;
    object(key, read_value, words);
    if (has(key)) value = std::move(read_value);
  }
  void exactly_one_alternative();

  // A rule about values already read; `key` is what it is blamed on.
  void check(bool holds, const char* key, const std::string& words);

  // Call last: what no field asked for is unknown.
  void finish();
  void expect_map();

 private:
  const YamlNode::Entry* lookup(std::string_view key) const;
  bool has(std::string_view key) const { return lookup(key) != nullptr; }
  const YamlNode::Entry* find(const char* key, Need need);  // notes the key as known
  const std::string* scalar(const YamlNode::Entry& entry, const std::string& wants);
  bool is_list(const YamlNode::Entry& entry, const char* wants);
  bool is_map(const YamlNode::Entry& entry);
  void check_model_name(const YamlNode::Entry& entry);
  void report_duplicates(const YamlNode& node, const std::string& path);
  std::string below(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  std::string place() const { return path_.empty() ? "at the top level" : "in " + path_; }
  std::string name_of(const std::string& key) const;  // quoted; with the whole path where there is no position
  static std::string found(const YamlNode& node);     // "'soon'", "a list", "nothing"

  template <class T, class Form>
  void read(const std::string& what, const YamlNode& node, const std::string& text, T& value, const Form& form) {
    T read_value{};
    if (!form.read(text, read_value)) {
      problems_.add(node.line, node.column, what + " wants " + form.wants() + ", not " + found(node));
      return;
    }
    if constexpr (std::is_same_v<T, std::filesystem::path>) {
      value = (problems_.folder() / read_value).lexically_normal();
    } else {
      value = std::move(read_value);
    }
  }

  const YamlNode& node_;
  std::string path_;
  Problems& problems_;
  std::vector<std::string> known_;
  std::string alternatives_;
  int alternatives_found_ = 0;
};

// The nearest of `known` to a misspelt word; empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace defuse
