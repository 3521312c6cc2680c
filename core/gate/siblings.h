// The noise floor's station: runs the siblings as the incumbent is run (same images, same caches, so that they cost
// something once) and asks of each pair what the gate asks of candidate and incumbent. Called by pipeline.cc only.
//   A sibling that cannot be found, loaded or run makes no floor at all: the reason stands in `problem` and the default
// limits hold. Results are errors only where the gate itself must stop (cancelled, out of memory).
#pragma once
#include <optional>
#include <vector>

#include "core/compare/noise_floor.h"
#include "core/gate/region_station.h"
#include "core/gate/stations.h"

namespace defuse {

// Counts on the test split, with limits for flips. nullopt if the configuration wants no floor.
Result<std::optional<NoiseFloor>> floor_of(const Evaluation& incumbent, const Splits& splits, double alpha,
                                           StageContext& context);

// The floor with what the region search finds between siblings and incumbent, both ways, and the limits that follow
// from it. They are searched with the configured limits and again with those that follow, since a search for smaller
// differences finds others; the larger value counts.
Result<NoiseFloor> search_siblings(NoiseFloor floor, LazyImages& images, const ProbeEvaluation& incumbent,
                                   bool generated_usable, const Splits& splits, StageContext& context,
                                   const RegionSearchSettings& defaults);

// The settings of a search within the floor's limits: the configured ones where it has none.
RegionSearchSettings within(const NoiseFloor& floor, RegionSearchSettings defaults);

// The floor with where the candidate lies, once its own search was made with these settings.
NoiseFloor with_regions_placed(NoiseFloor floor, const std::vector<Region>& regions,
                               const RegionSearchSettings& search);

}  // namespace defuse
