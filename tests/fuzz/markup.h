// Whether a text is well-formed XML, as far as our own writers go: elements, attributes in double quotes, text,
// character references, one declaration. No comments, no CDATA, no DTD.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace defuse::fuzz {

class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : rest_(text) {}

  bool well_formed() {
    if (rest_.starts_with("<?xml") && !skip_past("?>")) return false;
    do {
      if (!next()) return false;
    } while (!open_.empty());
    return rest_.find_first_not_of(" \n") == std::string_view::npos;
  }

 private:
  bool skip_past(std::string_view end) {
    const auto at = rest_.find(end);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + end.size());
    return true;
  }

  // Text up to the next tag or quote: every ampersand begins a reference, no character is forbidden.
  bool text_until(char end) {
    while (!rest_.empty() && rest_.front() != end) {
      const auto c = static_cast<unsigned char>(rest_.front());
      if (c == '<' || (c < 0x20 && c != '\n' && c != '\t')) return false;
      if (c == '&' && !reference()) return false;
      if (c != '&') rest_.remove_prefix(1);
    }
    return !rest_.empty();
  }

  bool reference() {
    for (const std::string_view known : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#39;", "&#10;"})
      if (rest_.starts_with(known)) {
        rest_.remove_prefix(known.size());
        return true;
      }
    return false;
  }

  std::string_view name() {
    const auto end = rest_.find_first_of(" \n/>=\"<&");
    const auto found = rest_.substr(0, end);
    rest_.remove_prefix(found.size());
    return found;
  }

  void spaces() {
    while (rest_.starts_with(' ') || rest_.starts_with('\n')) rest_.remove_prefix(1);
  }

  // One tag, with the text before it.
  bool next() {
    if (!text_until('<')) return false;
    rest_.remove_prefix(1);
    if (rest_.starts_with('/')) {
      rest_.remove_prefix(1);
      if (open_.empty() || name() != open_.back() || !rest_.starts_with('>')) return false;
      open_.pop_back();
      rest_.remove_prefix(1);
      return true;
    }
    const auto tag = name();
    if (tag.empty()) return false;
    for (spaces(); !rest_.starts_with('>') && !rest_.starts_with("/>"); spaces()) {
      if (name().empty() || !rest_.starts_with("=\"")) return false;
      rest_.remove_prefix(2);
      if (!text_until('"')) return false;
      rest_.remove_prefix(1);
    }
    if (rest_.starts_with("/>")) {
      rest_.remove_prefix(2);
      return true;
    }
    open_.emplace_back(tag);
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
  std::vector<std::string> open_;
};

inline bool is_well_formed(std::string_view text) { return XmlReader(text).well_formed(); }

}  // namespace defuse::fuzz
