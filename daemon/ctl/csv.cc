#include "daemon/ctl/csv.h"

#include <algorithm>

namespace defuse::ctl {
namespace {

std::string csv_value(std::string value) {
  if (!value.empty() && std::string_view("=+-@\t\r").find(value.front()) != std::string_view::npos)
    value.insert(value.begin(), '\'');
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  Result<std::vector<CsvRow>> run() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      TRY(row, line());
      if (row.size() > 1 || !row.front().empty()) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  bool at_line_end() const { return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r'; }

  void pass_line_end() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  Result<CsvRow> line() {
    CsvRow row;
    for (;;) {
      TRY(value, text_[std::min(at_, text_.size() - 1)] == '"' && at_ < text_.size() ? quoted() : plain());
      row.push_back(std::move(value));
      if (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        continue;
      }
      pass_line_end();
      return row;
    }
  }

  Result<std::string> plain() {
    const auto begin = at_;
    while (!at_line_end() && text_[at_] != ',') ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> quoted() {
    const auto opened = line_;
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        value += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        value += '"';
        ++at_;
      } else {
        ++at_;
        if (!at_line_end() && text_[at_] != ',')
          return fail(ErrorCode::invalid_input, "line " + std::to_string(line_) + ": text after a closing quote");
        return value;
      }
    }
    return fail(ErrorCode::invalid_input, "line " + std::to_string(opened) + ": a quote is opened and never closed");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

std::string csv_line(const CsvRow& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) line += (i > 0 ? "," : "") + csv_value(row[i]);
  return line + "\r\n";
}

Result<std::vector<CsvRow>> parse_csv(std::string_view text) { return Parser(text).run(); }

}  // namespace defuse::ctl
