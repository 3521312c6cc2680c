// A YAML or JSON document as a plain tree that remembers where everything stood. The one place that knows yaml-cpp.
// Any bytes are safe to give: size, depth and the library's exceptions all end in an Error. Every scalar stays the text
// that was written (YAML 1.1 would turn `off` into false and `1e3` into a float); what it means is decided by whoever
// asks for it.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace defuse {

inline constexpr std::size_t kMaxYamlBytes = 1 << 20;
inline constexpr int kMaxYamlDepth = 32;

struct YamlNode {
  struct Entry;
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  int line = 0;    // from 1; 0 if unknown (JSON)
  int column = 0;  // from 1
  std::string text;
  std::vector<std::shared_ptr<const YamlNode>> items;  // shared: an alias is the node it points to
  std::vector<Entry> entries;                          // of a map, in order, duplicates kept
};

struct YamlNode::Entry {
  std::string key;
  int line = 0;
  int column = 0;
  std::shared_ptr<const YamlNode> value;
};

// One document. `name` goes before the position in errors: "defused.yaml:3:7: ...".
Result<std::shared_ptr<const YamlNode>> parse_yaml(std::string_view text, const std::string& name);

// The same tree, without positions. What lies deeper than kMaxYamlDepth becomes null.
std::shared_ptr<const YamlNode> tree_of(const Json& json, int depth = 0);

// One line without control characters, which become \xNN: what an error quotes of a file may reach a terminal.
std::string printable(std::string_view text);

// "file:line:column: " or, without a position, "file: ".
std::string position(const std::string& name, int line, int column);

}  // namespace defuse
