// Where a seed is pushed to leave the data: further along the image statistics in which it is already extreme among its
// class. Bugs beyond the test split lie there more often than in a random direction of the latent space. Called by
// build_probe_set and perturbed_codes. Torch-free, pure.
#pragma once
#include <vector>

#include "core/evidence/evaluation.h"

namespace defuse {

inline constexpr std::size_t kTailRanks = 3;

// From probes.seeds, codes and statistics. The direction of statistic t in class c is cov(z, t) / sd(t): what goes
// along with one more standard deviation of t among the class's images, so that a push stays near what such images look
// like.
TailMoves tail_moves(const ProbeSet& probes);

// The displacement of a seed's `rank`-th tail, towards more extreme; zeros if it has none.
std::vector<float> tail_of(const ProbeSet& probes, std::size_t seed, int rank);

}  // namespace defuse
