#include "config/decode.h"

#include <algorithm>
#include <numeric>

namespace defuse {
namespace {

constexpr std::size_t kMaxProblems = 20;
constexpr std::size_t kMaxShown = 60;

// For error messages and logs: short, one line, printable.
std::string shown(std::string_view text) {
  return "'" + printable(text.substr(0, kMaxShown)) + (text.size() > kMaxShown ? "...'" : "'");
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};
  std::string best;
  // A third of the letters may be wrong; a word that begins another one counts as near.
  auto distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    auto d = edit_distance(word, candidate);
    if (word.size() >= 3 && candidate.starts_with(word)) d = std::min<std::size_t>(d, 1);
    if (d >= distance || d >= candidate.size()) continue;
    distance = d;
    best = candidate;
  }
  return best;
}

void Problems::add(int line, int column, const std::string& words) {
  problems_.push_back({line, column, printable(words)});  // names of keys are the file's own
}

Result<void> Problems::status() const {
  if (problems_.empty()) return {};
  auto sorted = problems_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kMaxProblems); ++i)
    text += (i == 0 ? "" : "\n") + position(name_, sorted[i].line, sorted[i].column) + sorted[i].words;
  if (sorted.size() > kMaxProblems)
    text += "\n" + name_ + ": and " + std::to_string(sorted.size() - kMaxProblems) + " more problems";
  return fail(ErrorCode::invalid_input, std::move(text));
}

Decoder::Decoder(const YamlNode& node, std::string path, Problems& problems)
    : node_(node), path_(std::move(path)), problems_(problems) {}

void Decoder::expect_map() {
  if (node_.kind == YamlNode::Kind::map || node_.kind == YamlNode::Kind::null) return;
  problems_.add(node_.line, node_.column,
                (path_.empty() ? "the file" : "'" + path_ + "'") + " wants keys and values, not " + found(node_));
}

const YamlNode::Entry* Decoder::lookup(std::string_view key) const {
  for (const auto& entry : node_.entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

const YamlNode::Entry* Decoder::find(const char* key, Need need) {
  known_.emplace_back(key);
  const auto* entry = lookup(key);
  if (entry == nullptr && need == Need::required)
    problems_.add(node_.line, node_.column, "key " + name_of(key) + " is missing " + place());
  return entry;
}

const std::string* Decoder::scalar(const YamlNode::Entry& entry, const std::string& wants) {
  if (entry.value->kind == YamlNode::Kind::scalar) return &entry.value->text;
  problems_.add(entry.line, entry.column, name_of(entry.key) + " wants " + wants + ", not " + found(*entry.value));
  return nullptr;
}

bool Decoder::is_list(const YamlNode::Entry& entry, const char* wants) {
  if (entry.value->kind == YamlNode::Kind::list) return true;
  problems_.add(entry.line, entry.column, name_of(entry.key) + " wants " + wants + ", not " + found(*entry.value));
  return false;
}

// `http:` with everything below it commented out is an empty map.
bool Decoder::is_map(const YamlNode::Entry& entry) {
  if (entry.value->kind == YamlNode::Kind::map || entry.value->kind == YamlNode::Kind::null) return true;
  problems_.add(entry.line, entry.column, name_of(entry.key) + " wants keys and values, not " + found(*entry.value));
  return false;
}

void Decoder::check_model_name(const YamlNode::Entry& entry) {
  if (is_valid_name(entry.key)) return;
  problems_.add(
      entry.line, entry.column,
      shown(entry.key) + " cannot be a model's name: letters, digits, '.', '_' and '-', a letter or digit first");
}

void Decoder::exactly_one_alternative() {
  if (alternatives_found_ == 1) return;
  problems_.add(node_.line, node_.column,
                "'" + path_ + "' wants exactly one of " + alternatives_ + ", not " +
                    (alternatives_found_ == 0 ? "none" : std::to_string(alternatives_found_)) + " of them");
}

void Decoder::check(bool holds, const char* key, const std::string& words) {
  if (holds) return;
  const auto* entry = lookup(key);
  const bool exact = entry != nullptr && entry->value->kind != YamlNode::Kind::null;
  const int line = exact ? entry->value->line : node_.line;
  const int column = exact ? entry->value->column : node_.column;
  problems_.add(line, column, name_of(key) + " " + words);
}

void Decoder::report_duplicates(const YamlNode& node, const std::string& path) {
  std::map<std::string_view, const YamlNode::Entry*> seen;
  for (const auto& entry : node.entries) {
    const auto [first, is_new] = seen.emplace(entry.key, &entry);
    if (is_new) continue;
    std::string words = "duplicate key " + shown(entry.key) + (path.empty() ? " at the top level" : " in " + path);
    if (first->second->line > 0) words += "; it stands in line " + std::to_string(first->second->line) + " already";
    problems_.add(entry.line, entry.column, words);
  }
}

void Decoder::finish() {
  for (const auto& entry : node_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    std::string words = "unknown key " + shown(entry.key) + " " + place();
    const auto guess = nearest(entry.key, known_);
    if (!guess.empty()) {
      words += "; did you mean '" + guess + "'?";
    } else {
      words += "; known there:";
      for (const auto& key : known_) words += (key == known_.front() ? " " : ", ") + key;
    }
    problems_.add(entry.line, entry.column, words);
  }
  report_duplicates(node_, path_);
}

std::string Decoder::name_of(const std::string& key) const { return "'" + (node_.line > 0 ? key : below(key)) + "'"; }

std::string Decoder::found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "keys and values";
    case YamlNode::Kind::scalar:
      break;
  }
  return shown(node.text);
}

}  // namespace defuse
