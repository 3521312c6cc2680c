// Bootstraps of the seed images: how much of what the gate says hangs on which images it was given. A drawn seed brings
// every row that belongs to it: its draws' codes are keyed by its split and index, so copies of it are the same images.
// Pure; deterministic.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/random.h"
#include "core/evidence/evaluation.h"

namespace defuse::bench {

// [seeds] the seed that stands in each place: drawn with replacement among those of its class and half that are
// perturbed, or are not, as the one whose place it takes. So the copies of a seed stay in one half, and no region is
// judged by an image it was found with.
std::vector<std::uint32_t> draw_seeds(const ProbeSet& probes, RandomStream& random);

ProbeSet resampled(const ProbeSet& probes, std::span<const std::uint32_t> source);
ProbeEvaluation resampled(const ProbeEvaluation& answers, int draws, std::span<const std::uint32_t> source);

// What one bootstrap said, in the original seeds, ascending and each once.
struct Redone {
  bool blocked = false;
  std::vector<std::uint32_t> present;  // seeds drawn at all
  std::vector<std::uint32_t> members;  // of the first blocking region
};

struct Stability {
  double blocked = 0;  // share of the bootstraps; high for a bootstrap, since copies of a seed count as seeds
  double jaccard =
      0;  // of two blocking regions, among the seeds that both bootstraps hold, mean over pairs; NaN without a pair
};
Stability stability_of(std::span<const Redone> redone);

// Ascending, each once.
std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> seeds);

}  // namespace defuse::bench
