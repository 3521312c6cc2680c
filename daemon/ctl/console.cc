#include "daemon/ctl/console.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/base/clock.h"
#include "core/verdict/pace.h"
#include "reports/text.h"

namespace defuse::ctl {
namespace {

const char* colour_of(const std::string& word) {
  if (word == "pass" || word == "ok" || word == "done") return "\033[32m";
  if (word == "fail" || word == "violation" || word == "error" || word == "failed") return "\033[31m";
  if (word == "inconclusive" || word == "undecided" || word == "queued" || word == "running" || word == "settling")
    return "\033[33m";
  return nullptr;
}

// Columns on a terminal: UTF-8 continuation bytes take none.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

int exit_of(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return kPass;
    case VerdictState::fail:
      return kFail;
    case VerdictState::inconclusive:
      return kInconclusive;
    case VerdictState::error:
      return kError;
  }
  return kError;
}

int exit_of(const Error& error) { return error.code == ErrorCode::invalid_input ? kUsage : kError; }

// Line by line, so that lines stay; everything else that a terminal would obey, or that turns the direction of writing,
// goes.
std::string Console::plain(const std::string& text) {
  std::string out;
  std::string_view left = text;
  for (;;) {
    const auto end = left.find('\n');
    std::string line(left.substr(0, end));
    for (char& c : line)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    out += clean(line, std::string::npos / 2);
    if (end == std::string_view::npos) return out;
    out += '\n';
    left.remove_prefix(end + 1);
  }
}

void Console::say(const std::string& text) {
  if (unfinished_) err_ << "\r\033[K";
  unfinished_ = false;
  err_ << plain(text) << std::endl;
}

void Console::progress(const std::string& text) {
  if (!live) return;
  err_ << "\r\033[K" << plain(text) << std::flush;
  unfinished_ = true;
}

int Console::failed(const Error& error) {
  say("defusectl: " + error.describe());
  return exit_of(error);
}

std::string Console::word(const std::string& text) const {
  const auto* start = colour ? colour_of(text) : nullptr;
  return start == nullptr ? plain(text) : start + plain(text) + "\033[0m";
}

void Console::table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& title : head) widths.push_back(width_of(title));
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], width_of(plain(row[i])));
  const auto write = [&](const std::vector<std::string>& row, bool coloured) {
    std::string text;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      auto cell = plain(row[i]);
      std::replace(cell.begin(), cell.end(), '\n', ' ');
      const auto gap = i + 1 < row.size() ? widths[i] - std::min(widths[i], width_of(cell)) + 2 : 0;
      text += (coloured ? word(cell) : cell) + std::string(gap, ' ');
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    out_ << text << '\n';
  };
  write(head, /*coloured=*/false);
  for (const auto& row : rows) write(row, /*coloured=*/true);
}

std::string Console::until(const std::string& time) {
  constexpr std::size_t kClock = 11, kMinutes = 5;  // 2026-11-22T14:05:00Z
  return time.size() < kClock + kMinutes ? "" : ", until about " + time.substr(kClock, kMinutes) + " UTC";
}

std::function<void(const std::string& station, double fraction)> shown_on(Console& console) {
  return [&console, last = std::string(), pace = Pace()](const std::string& station, double fraction) mutable {
    const auto now = SystemClock().now();
    if (station != last) pace = {now, fraction, now, fraction};
    last = station;
    pace.at = now;
    pace.now = fraction;
    const auto ends = expected_end(pace);
    console.progress(
        fmt::format("{}: {:.0f} %{}", station, 100 * fraction, ends ? Console::until(to_rfc3339(*ends)) : ""));
  };
}

}  // namespace defuse::ctl
