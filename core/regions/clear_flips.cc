#include "core/regions/clear_flips.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace defuse {
namespace {

std::vector<double> thresholds(const ProbeSet& probes, const ProbeEvaluation& model, int classes, double share) {
  std::vector<std::vector<float>> right(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < probes.seeds.size() && i < model.real_margin.size(); ++i) {
    if (model.real_margin[i] > 0)
      right[static_cast<std::size_t>(probes.seeds[i].label)].push_back(model.real_margin[i]);
  }
  std::vector<double> out;
  for (auto& margins : right) {
    if (margins.empty()) {
      out.push_back(std::numeric_limits<double>::infinity());
      continue;
    }
    const auto middle = margins.begin() + static_cast<std::ptrdiff_t>(margins.size() / 2);
    std::nth_element(margins.begin(), middle, margins.end());
    out.push_back(share * static_cast<double>(*middle));
  }
  return out;
}

}  // namespace

ClearFlips::ClearFlips(const ProbeSet& probes, const ProbeEvaluation* incumbent, const ProbeEvaluation& candidate,
                       int classes, double share)
    : incumbent_(static_cast<std::size_t>(classes), std::numeric_limits<double>::infinity()), candidate_(incumbent_) {
  if (incumbent == nullptr) return;
  incumbent_ = thresholds(probes, *incumbent, classes, share);
  candidate_ = thresholds(probes, candidate, classes, share);
  // A candidate that gets nothing of a class right has no ordinary sureness there; whatever it says wrongly then
  // counts.
  for (double& threshold : candidate_) {
    if (std::isinf(threshold)) threshold = 0;
  }
}

int ClearFlips::of(std::int32_t label, float incumbent_margin, float candidate_margin) const {
  const auto c = static_cast<std::size_t>(label);
  const auto old_margin = static_cast<double>(incumbent_margin);
  const auto new_margin = static_cast<double>(candidate_margin);
  // NaN is no answer at all: an image the incumbent was sure of is then surely broken.
  if (old_margin >= incumbent_[c] && std::isnan(new_margin)) return 1;
  if (old_margin >= incumbent_[c] && new_margin <= -candidate_[c]) return 1;
  if (old_margin <= -incumbent_[c] && new_margin >= candidate_[c]) return -1;
  return 0;
}

}  // namespace defuse
