// How defusectl talks: data on stdout, words on stderr, colour and moving lines on terminals only. Text from a server
// or a registry is made harmless for terminals first. One thread.
#pragma once
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/verdict/verdict.h"

namespace defuse::ctl {

// The exit codes that pipelines rely on.
enum Exit : int { kPass = 0, kFail = 1, kUsage = 2, kInconclusive = 3, kError = 4, kTimedOut = 124 };
int exit_of(VerdictState state);
// Wrong input or configuration is 2; everything else was not judged: 4. Never 0.
int exit_of(const Error& error);

class Console {
 public:
  Console(std::ostream& out, std::ostream& err) : out_(out), err_(err) {}

  bool json = false;    // --output json
  bool colour = false;  // of stdout
  bool live = false;    // stderr is a terminal: progress may overwrite its line

  void print(const Json& value) { out_ << dump_json(value, 2) << '\n'; }
  void line(const std::string& text) { out_ << plain(text) << '\n'; }
  void raw(std::string_view bytes) { out_ << bytes; }
  void say(const std::string& text);       // to stderr
  void progress(const std::string& text);  // to stderr, on a terminal only; the next line takes its place
  int failed(const Error& error);          // says it and returns the exit code

  // Columns as wide as they need to be; the last one is free. Verdict words are coloured.
  void table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);
  std::string word(const std::string& text) const;  // coloured if it is a state's name

  static std::string plain(const std::string& text);  // without control characters
  // ", until about 14:05 UTC", of a time as the daemon writes it; empty for none.
  static std::string until(const std::string& time);

 private:
  std::ostream& out_;
  std::ostream& err_;
  bool unfinished_ = false;
};

// Shows how far a worker is, and until about when its station will last.
std::function<void(const std::string& station, double fraction)> shown_on(Console& console);

}  // namespace defuse::ctl
