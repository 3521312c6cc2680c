#include "core/data/never_break.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "core/base/files.h"

namespace defuse {
namespace {

constexpr std::uint64_t kMaxBytes = 64ULL << 20;

std::string_view trimmed(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

Result<void> read_never_break(NegativeFlipSettings& settings) {
  if (settings.never_break_file.empty()) return {};
  TRY(text, while_doing("while reading never_break_file", read_file(settings.never_break_file, kMaxBytes)));
  std::vector<std::int64_t> found;
  int number = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('\n', from), text.size());
    const auto line = trimmed(std::string_view(text).substr(from, end - from));
    from = end + 1;
    ++number;
    if (line.empty()) continue;
    std::int64_t index = -1;
    const auto [rest, problem] = std::from_chars(line.data(), line.data() + line.size(), index);
    if (problem != std::errc() || rest != line.data() + line.size() || index < 0)
      return fail(ErrorCode::invalid_input, settings.never_break_file.string() + ":" + std::to_string(number) +
                                                ": wants the index of a test image, not '" +
                                                std::string(line.substr(0, 40)) + "'");
    found.push_back(index);
  }
  auto& all = settings.never_break;
  all.insert(all.end(), found.begin(), found.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return {};
}

}  // namespace defuse
