// Sets of rows: those with the highest scores, and how much two sets share. Called by the Spotlight and by benchmarks.
// A set is a list of indices in any order. Pure, thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace defuse {

using Slice = std::vector<std::uint32_t>;

// Indices of the `count` highest scores, highest first, the lower index of equal ones. NaN counts as lowest.
Slice highest(std::span<const double> scores, std::size_t count);

// |A and B| / |A or B|; 0 if both are empty.
double jaccard(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

}  // namespace defuse
