// The gate's question: where did the candidate get worse than the incumbent? Per class and kind of evidence one region
// is found on each half of the seeds and measured on the other half; the two measurements are pooled, so every seed is
// judged by a region that was found without it, and none is wasted on finding alone (cross-fitting, methods "gate
// quality", section 2). Called by search_regions only. Deterministic; the result does not depend on threads.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "core/regions/regression_cuts.h"

namespace defuse {

using Halves = std::array<std::vector<std::uint32_t>, 2>;  // seeds of one class, by Half

// One test that was made.
struct JudgedRegion {
  Region region;
  double limit = 0;
  bool shown = false;  // confirmed (new_bug, worse), or suspected and repeated by the unseen seeds
};

// One class: what was found on each half, measured on the other. Needs an incumbent. The regions are not merged.
//   Family: classes x kinds of evidence (real or generated images, all flips or clear ones). The level of a test is
//   alpha times its kind's weight over the number of classes, fixed before anything is looked at (weighted Bonferroni).
std::vector<JudgedRegion> judge_regressions(const SearchView& view, std::int32_t label, const Halves& halves,
                                            const Cuts& found_on_first, const Cuts& found_on_second);

// As the benchmarks want to see it.
RegressionTest test_of(const JudgedRegion& judged);

// The level of one test: the share of alpha that its kind of evidence has in each class.
double regression_level(const RegionSearchSettings& settings, ImageKind evidence, Measure measure, int classes);

// The net rate whose lower bound blocks, by how flips are counted.
double limit_of(const RegionSearchSettings& settings, Measure measure);

}  // namespace defuse
