#include "core/compare/confusion.h"

#include <algorithm>
#include <map>
#include <utility>

namespace defuse {

Result<Confusion> confusion(std::span<const std::int32_t> labels, std::span<const std::int32_t> incumbent,
                            std::span<const std::int32_t> candidate, std::int64_t classes) {
  if (candidate.size() != labels.size() || (!incumbent.empty() && incumbent.size() != labels.size()))
    return fail(ErrorCode::invalid_input, "labels and predictions differ in number");
  std::map<std::pair<std::int32_t, std::int32_t>, ConfusionCell> cells;
  const auto cell = [&](std::int32_t label, std::int32_t predicted) -> ConfusionCell& {
    auto& found = cells[{label, predicted}];
    found.label = label;
    found.predicted = predicted;
    return found;
  };
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes)
      return fail(ErrorCode::invalid_input, "label " + std::to_string(labels[i]) + " is no class");
    ++cell(labels[i], candidate[i]).candidate;
    if (!incumbent.empty()) ++cell(labels[i], incumbent[i]).incumbent;
  }
  Confusion out;
  out.incumbent = !incumbent.empty();
  for (const auto& [place, found] : cells) out.cells.push_back(found);
  if (classes <= kWholeConfusion) return out;
  out.whole = false;
  std::erase_if(out.cells, [](const ConfusionCell& c) { return c.label == c.predicted; });
  std::stable_sort(out.cells.begin(), out.cells.end(), [](const ConfusionCell& a, const ConfusionCell& b) {
    return a.candidate + a.incumbent > b.candidate + b.incumbent;
  });
  out.cells.resize(std::min(out.cells.size(), kConfusionCells));
  std::sort(out.cells.begin(), out.cells.end(), [](const ConfusionCell& a, const ConfusionCell& b) {
    return std::pair(a.label, a.predicted) < std::pair(b.label, b.predicted);
  });
  return out;
}

}  // namespace defuse
