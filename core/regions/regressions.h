// The gate's question: where did the candidate get worse than the incumbent? Per class and kind of evidence one region
// is found on each half of the seeds and measured on the other half; the two measurements are pooled, so every seed is
// judged by a region that was found without it, and none is wasted on finding alone (cross-fitting, methods "gate
// quality", section 2). Called by search_regions only. Deterministic; the result does not depend on threads.
#pragma once
#include <vector>

#include "core/regions/confirm.h"

namespace defuse {

// Confirmed regions (new_bug, worse) and suspected ones that the unseen seeds repeat. Not merged. Empty without an
// incumbent.
//   Family: classes x kinds of evidence (real or generated images, all flips or clear ones). The level of a test is
//   alpha times its kind's weight over the number of classes, fixed before anything is looked at (weighted Bonferroni).
std::vector<Region> find_regressions(const SearchView& view);

// The level of one test: the share of alpha that its kind of evidence has in each class.
double regression_level(const RegionSearchSettings& settings, ImageKind evidence, Measure measure, int classes);

// The net rate whose lower bound blocks, by how flips are counted.
double limit_of(const RegionSearchSettings& settings, Measure measure);

}  // namespace defuse
