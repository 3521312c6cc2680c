#include "config/yaml.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace defuse {
namespace {

// Leaves the library's parser from inside a callback; caught in parse_yaml() and nowhere else.
struct Refused {
  int line;
  int column;
  std::string words;
};

// Nodes of a document with every alias counted as what it stands for. No file of kMaxYamlBytes reaches it without
// aliases; with them a few kilobytes can stand for more settings than fit into memory.
constexpr std::size_t kMaxYamlNodes = 1 << 20;

// What aliases stand for may lie deeper than what is written; a chain of them must not exhaust the stack when it is
// freed.
constexpr std::size_t kMaxTreeDepth = 4 * static_cast<std::size_t>(kMaxYamlDepth);

// The library's events, put together to a tree.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // The library's mark is that of the next token; the key is what a person looks for.
    YAML::Mark at = mark;
    if (!stack_.empty() && stack_.back().has_key) {
      at.line = stack_.back().entry.line - 1;
      at.column = stack_.back().entry.column - 1;
    }
    leaf(YamlNode::Kind::null, at, anchor, {});
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    leaf(YamlNode::Kind::scalar, mark, anchor, value);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) refuse(mark, "an alias must not lie inside what it stands for");
    place(target->second.node, mark, target->second.size);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  std::shared_ptr<const YamlNode> root() const { return root_; }
  // Only looked at once the library is content: an unclosed brace shows as an odd key first.
  const std::optional<Refused>& bad_key() const { return bad_key_; }

 private:
  struct Size {  // of a node with everything below
    std::size_t nodes = 1;
    std::size_t depth = 1;
  };
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    bool has_key = false;  // of a map: the next node is a value
    YamlNode::Entry entry;
    Size size;
  };
  struct Known {
    std::shared_ptr<const YamlNode> node;
    Size size;
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string words) {
    throw Refused{mark.line + 1, mark.column + 1, std::move(words)};
  }

  static std::shared_ptr<YamlNode> make(YamlNode::Kind kind, const YAML::Mark& mark) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    return node;
  }

  void leaf(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text) {
    auto node = make(kind, mark);
    node->text = text;
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, {}};
    place(std::move(node), mark, {});
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= static_cast<std::size_t>(kMaxYamlDepth)) refuse(mark, "nested too deeply");
    stack_.push_back({make(kind, mark), anchor, /*has_key=*/false, {}, {}});
  }

  void close() {
    auto done = std::move(stack_.back());
    stack_.pop_back();
    if (done.anchor != YAML::NullAnchor) anchors_[done.anchor] = {done.node, done.size};
    YAML::Mark mark;
    mark.line = done.node->line - 1;
    mark.column = done.node->column - 1;
    place(std::move(done.node), mark, done.size);
  }

  void place(std::shared_ptr<const YamlNode> node, const YAML::Mark& mark, Size size) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& top = stack_.back();
    top.size.nodes += size.nodes;
    top.size.depth = std::max(top.size.depth, 1 + size.depth);
    if (top.size.nodes > kMaxYamlNodes) refuse(mark, "aliases make it too large");
    if (stack_.size() + size.depth > kMaxTreeDepth) refuse(mark, "nested too deeply");
    if (top.node->kind == YamlNode::Kind::list) {
      top.node->items.push_back(std::move(node));
    } else if (!top.has_key) {
      if (node->kind != YamlNode::Kind::scalar && !bad_key_)
        bad_key_ = Refused{mark.line + 1, mark.column + 1, kBadKey};
      top.entry = {node->text, mark.line + 1, mark.column + 1, nullptr};
      top.has_key = true;
    } else {
      top.entry.value = std::move(node);
      top.node->entries.push_back(std::move(top.entry));
      top.has_key = false;
    }
  }

  static constexpr const char* kBadKey = "a key must be a plain text";

  std::vector<Open> stack_;
  std::optional<Refused> bad_key_;
  std::map<YAML::anchor_t, Known> anchors_;
  std::shared_ptr<const YamlNode> root_;
};

}  // namespace

std::string printable(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f)
      out += c;
    else
      out += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
  }
  return out;
}

std::string position(const std::string& name, int line, int column) {
  if (line <= 0) return name + ": ";
  return name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

Result<std::shared_ptr<const YamlNode>> parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > kMaxYamlBytes)
    return fail(ErrorCode::exhausted,
                name + " is larger than the limit of " + std::to_string(kMaxYamlBytes) + " bytes");
  try {
    // The end marker, because the library takes a quote that is still open at the end of the file for closed.
    std::istringstream stream{std::string(text) + "\n...\n"};
    YAML::Parser parser(stream);
    TreeBuilder first;
    if (!parser.HandleNextDocument(first) || first.root() == nullptr || first.root()->kind == YamlNode::Kind::null)
      return fail(ErrorCode::invalid_input, name + " is empty");
    TreeBuilder second;
    if (parser.HandleNextDocument(second))
      return fail(ErrorCode::invalid_input, name + " holds more than one document");
    if (const auto& bad = first.bad_key())
      return fail(ErrorCode::invalid_input, position(name, bad->line, bad->column) + bad->words);
    return first.root();
  } catch (const Refused& refused) {
    return fail(ErrorCode::invalid_input, position(name, refused.line, refused.column) + refused.words);
  } catch (const YAML::Exception& problem) {  // it may quote what it stumbled over
    return fail(ErrorCode::invalid_input,
                position(name, problem.mark.line + 1, problem.mark.column + 1) + printable(problem.msg));
  } catch (const std::exception& problem) {
    return fail(ErrorCode::invalid_input, name + " cannot be read as YAML: " + printable(problem.what()));
  }
}

std::shared_ptr<const YamlNode> tree_of(const Json& json, int depth) {
  auto node = std::make_shared<YamlNode>();
  if (depth > kMaxYamlDepth) return node;
  if (json.is_object()) {
    node->kind = YamlNode::Kind::map;
    for (const auto& [key, value] : json.items()) node->entries.push_back({key, 0, 0, tree_of(value, depth + 1)});
  } else if (json.is_array()) {
    node->kind = YamlNode::Kind::list;
    for (const auto& value : json) node->items.push_back(tree_of(value, depth + 1));
  } else if (!json.is_null()) {
    node->kind = YamlNode::Kind::scalar;
    node->text = json.is_string() ? json.get<std::string>() : dump_json(json);
  }
  return node;
}

}  // namespace defuse
