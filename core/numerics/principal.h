// Principal components, for methods that want a space of fewer and uncorrelated dimensions. Called by the map of the
// latent space and by benchmarks. Pure, deterministic, thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"

namespace defuse {

struct PrincipalAxes {
  std::size_t d = 0;
  std::vector<double> mean;       // [d]
  std::vector<double> axes;       // [k, d] unit length, by falling variance; the largest value of each is positive
  std::vector<double> variances;  // [k] with n - 1 in the denominator

  std::size_t size() const { return variances.size(); }
  std::vector<double> project(std::span<const float> point) const;  // [k]
};

// Of the given rows, at most `most` axes. Requires finite values and at least two rows.
PrincipalAxes principal_axes(const Matrix& points, std::span<const std::uint32_t> rows, std::size_t most);

}  // namespace defuse
