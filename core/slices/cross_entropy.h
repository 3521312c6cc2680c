// The loss that searches for groups of images rank by. Called by the search for Spotlights and by benchmarks. Pure,
// thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"

namespace defuse {

// [n] -ln of the label's probability, from logits [n, classes]; NaN where a logit is not finite or the label is no
// class.
std::vector<double> cross_entropy(const Matrix& logits, std::span<const std::int32_t> labels);

}  // namespace defuse
