// Our own columns: the product as a whole, and its region search alone. Built exactly as the pipeline builds them: the
// same search, the same checks with default settings, the same verdict. Deterministic.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/regions/region.h"
#include "core/regions/search.h"
#include "core/verdict/check.h"
#include "tests/bench/gate/bootstrap.h"
#include "tests/bench/gate/world.h"

namespace defuse::bench {

struct GateAnswer {
  std::vector<Region> regions;        // all, with ids
  std::vector<std::size_t> blocking;  // into regions: those that block, in the report's order
  std::vector<std::string> failed;    // checks whose state is fail
  std::string verdict;                // pass, fail, inconclusive, error
  double score = -1;                  // largest bound of the net flip rate among regressions, confirmed or not
  double margin = -1;  // largest (bound - limit) / (1 - limit): flips and clear flips on one scale, blocked above 0
  double search_seconds = 0;
  double seconds = 0;
};

// Both models' answers on the world's probe set.
struct GatePair {
  const World& world;
  const ProbeEvaluation& incumbent;
  const ProbeEvaluation& candidate;
  const GeneratorHealth& health;
};

Result<GateAnswer> judge(const GatePair& pair);
// The region search with only some of its shapes, spaces or kinds of evidence, at the level and limits that it has in
// the gate; blocked by the misclassification_regions check. All shapes: the gate's own search.
Result<GateAnswer> judge_part(const GatePair& pair, const SearchShapes& shapes);

// The search again on bootstraps of the seed images (bootstrap.h).
Result<Stability> stability(const GatePair& pair, int bootstraps, std::uint64_t seed);

// What the product keeps of a region that was found in `found_in` (core/regions/frozen.h), with a later candidate's
// answers on these images.
KnownRegion freeze(const Region& region, const GatePair& found_in, const ProbeEvaluation& candidate);
// Does the candidate reopen it, by the known_regions check at the share of alpha it has in the product?
struct ReopenedAnswer {
  bool blocked = false;
  double lower = 0;  // bound of the net flip rate on the frozen images
  double p = 1;
  std::int64_t seeds = 0;
};
Result<ReopenedAnswer> judge_reopened(const GatePair& pair, const KnownRegion& known);

}  // namespace defuse::bench
