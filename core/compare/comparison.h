// Candidate against incumbent on the same images: the four paired counts, overall, per class and per region.
// Pure functions over predictions; thread-safe. Source of the counts and names: Yan et al., "Positive-Congruent Training",
// CVPR 2021, arXiv:2011.09161.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"

namespace defuse {

// N = a + b + c + d. Store counts, never ratios.
struct FourCounts {
  std::int64_t both_right = 0;      // a
  std::int64_t negative_flips = 0;  // b: incumbent right, candidate wrong
  std::int64_t positive_flips = 0;  // c: incumbent wrong, candidate right
  std::int64_t both_wrong = 0;      // d

  std::int64_t total() const { return both_right + negative_flips + positive_flips + both_wrong; }
  void add(bool incumbent_right, bool candidate_right);
  FourCounts& operator+=(const FourCounts& other);
  bool operator==(const FourCounts&) const = default;
};

struct Comparison {
  FourCounts overall;
  std::vector<FourCounts> per_class;               // by true label
  std::vector<std::int64_t> negative_flip_images;  // indices, ascending
  std::vector<std::int64_t> positive_flip_images;
};

// Predictions of -1 (no finite logits) count as wrong. `invalid_input` if lengths differ or a label is not in [0, classes).
Result<Comparison> compare(std::span<const std::int32_t> labels, std::span<const std::int32_t> incumbent,
                           std::span<const std::int32_t> candidate, std::int64_t classes);

}  // namespace defuse
