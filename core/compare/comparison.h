// Candidate against incumbent on the same images: the four paired counts, overall, per class and per region.
// Pure functions over predictions; thread-safe. Source of the counts and names: Yan et al., "Positive-Congruent
// Training", CVPR 2021, arXiv:2011.09161.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/stats/four_counts.h"

namespace defuse {

struct Comparison {
  FourCounts overall;
  std::vector<FourCounts> per_class;               // by true label
  std::vector<std::int64_t> negative_flip_images;  // indices, ascending
  std::vector<std::int64_t> positive_flip_images;
};

// Predictions of -1 (no finite logits) count as wrong. `invalid_input` if lengths differ or a label is not in [0,
// classes).
Result<Comparison> compare(std::span<const std::int32_t> labels, std::span<const std::int32_t> incumbent,
                           std::span<const std::int32_t> candidate, std::int64_t classes);

}  // namespace defuse
