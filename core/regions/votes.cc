#include "core/regions/votes.h"

#include <algorithm>

namespace defuse {

Tally tally(std::span<const Vote> votes) {
  std::map<std::string, std::string> last;
  for (const Vote& vote : votes) last[vote.who] = vote.label;
  Tally out;
  for (const auto& [_, label] : last) {
    if (label.empty()) continue;
    ++out.counts[label];
    ++out.voters;
  }
  if (out.voters == 0) return out;
  const auto most = std::max_element(out.counts.begin(), out.counts.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  out.agreement = static_cast<double>(most->second) / static_cast<double>(out.voters);
  if (2 * most->second > out.voters) out.label = most->first;
  return out;
}

}  // namespace defuse
