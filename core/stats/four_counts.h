// The four counts of two models on the same images: the raw material of every paired statistic. Plain value.
// Source of the names: Yan et al., "Positive-Congruent Training", CVPR 2021, arXiv:2011.09161.
#pragma once
#include <cstdint>

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

}  // namespace defuse
