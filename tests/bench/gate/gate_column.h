// Our own columns: the product as a whole, and its region search alone. Built exactly as the pipeline builds them: the
// same search, the same checks with default settings, the same verdict. Deterministic.
#pragma once
#include <string>
#include <vector>

#include "core/pipeline/check.h"
#include "core/regions/region.h"
#include "tests/bench/gate/world.h"

namespace defuse::bench {

struct GateAnswer {
  std::vector<Region> regions;        // all, with ids
  std::vector<std::size_t> blocking;  // into regions: those that block, in the report's order
  std::vector<std::string> failed;    // checks whose state is fail
  std::string verdict;                // pass, fail, inconclusive, error
  double score = -1;                  // largest confirmed bound of the net flip rate of a worse or suspected region
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

// A confirmed bug as the product freezes it (core/pipeline/pictures.cc), with two other models' answers on its images.
KnownRegion freeze(const Region& region, const ProbeSet& probes, const ProbeEvaluation& incumbent,
                   const ProbeEvaluation& candidate);
// Does the candidate reopen it, by the known_regions check at the share of alpha it has in the product?
struct ReopenedAnswer {
  bool blocked = false;
  double lower = 0;  // bound of the net flip rate on the frozen images
  double p = 1;
  std::int64_t seeds = 0;
};
Result<ReopenedAnswer> judge_reopened(const GatePair& pair, const KnownRegion& known);

}  // namespace defuse::bench
