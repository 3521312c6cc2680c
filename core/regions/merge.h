// One bug, one region: the search sees the same bug in several spaces, on real and on generated images, and by several
// questions. Called by the region search on measured regions. Pure; deterministic.
#pragma once
#include <vector>

#include "core/regions/region.h"

namespace defuse {

// Same class, and half of the smaller one's members shared; or same class, prediction and mixture component with
// touching balls in one space.
bool same_bug(const Region& a, const Region& b);

// new, worse, inherited, fixed, suspected; within a status the larger harm first (held-back images that changed, or
// that fail).
bool more_important(const Region& a, const Region& b);

// Sorted by importance; of regions that are the same bug the more important one stays and `evidence` becomes "both"
// where they differ. A fixed region only ever merges with fixed ones: a gain must not hide harm beside it.
std::vector<Region> merge_regions(std::vector<Region> regions);

}  // namespace defuse
