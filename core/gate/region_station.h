// Station 3 as one call: two models' answers on one probe set in, regions out. The gate asks it of candidate and
// incumbent; noise floors and benchmarks ask it of other pairs, and so cannot ask another question than the gate does.
// Deterministic.
#pragma once
#include <cstdint>
#include <vector>

#include "core/regions/search.h"
#include "core/settings/settings.h"

namespace defuse {

struct RegionPair {
  const ProbeSet& probes;
  const ProbeEvaluation& candidate;
  const ProbeEvaluation* incumbent = nullptr;  // null: only the candidate's own error regions
  bool generated_usable = true;                // GeneratorHealth::usable
  int classes = 0;
};

// The settings of the search that a configuration asks for; `alpha` is the share of the check.
RegionSearchSettings search_settings(const RegionSettings& settings, double alpha, int threads);

// Mixture over the candidate's errors, then the search. `seed` is the model line's.
Result<std::vector<Region>> regions_between(const RegionPair& pair, const RegionSettings& settings,
                                            const RegionSearchSettings& search, std::uint64_t seed);

}  // namespace defuse
