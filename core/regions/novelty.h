// Is a region's bug known in the training data? Looks for the real images nearest the region, and for the nearest
// training images that the candidate itself gets wrong, and measures how far apart two training images are as a rule.
// Published as the distance of an error to the nearest misclassified training image (methods, Defuse 7). Called when
// pictures are drawn; decides nothing. Pure; deterministic; thread-safe.
#pragma once
#include <cstdint>
#include <optional>

#include "core/regions/region.h"

namespace defuse {

inline constexpr std::size_t kNeighboursShown = 5;
inline constexpr int kNoveltyPairs = 2'000;

struct NoveltyInput {
  const ProbeSet& probes;
  const ProbeEvaluation& candidate;
  const ProbeEvaluation* incumbent;  // null if there is none
  std::uint64_t seed;                // of the random pairs
};

// Distances are Euclidean in the region's space (image statistics each in its standard deviations), from the middle of
// the region's members: the centre of a half-space, or of a ball that scans a tail, lies where no image is. Nothing for
// a region without members or in a space that is not there.
std::optional<RegionNovelty> novelty_of(const Region& region, const NoveltyInput& input);

}  // namespace defuse
