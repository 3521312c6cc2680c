// Centres to scan from besides the seeds themselves: middles of groups of scoring seeds, and points far out beyond
// them. A ball around a point far beyond the class is in effect a half-space, which holds what a ball of the class's
// own size cannot: the tail of a class in many dimensions is a thin shell (methods "gate quality", lesson 8). Called by
// the scan only. Pure; deterministic.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"

namespace defuse {

// The lower triangle of the covariance (divisor: number of rows) of some rows about their mean: [d, d], 0 above. Every
// product is divided before it is added, and to the same bits on every processor.
std::vector<double> covariance_of(const Matrix& points, std::span<const std::uint32_t> rows,
                                  std::span<const double> mean);

// Mean and shrunken covariance of one class's seeds in one space.
class ClassShape {
 public:
  ClassShape(const Matrix& points, std::span<const std::uint32_t> seeds);
  explicit ClassShape(const Matrix& points);  // of all rows

  // The centres grown from one group's middle a, with m the class's mean and v = a - m: a itself; m + 2v and m + 4v;
  // and the half-spaces far out along v and along the direction that tells the group from its class best (Fisher:
  // covariance^-1 v).
  std::vector<std::vector<float>> grow(std::span<const double> middle) const;

  // covariance^-1 v: the direction that tells points displaced by v from the class best.
  std::vector<double> discriminant(std::span<const double> v) const;
  const std::vector<double>& mean() const { return mean_; }

 private:
  std::size_t d_ = 0;
  std::vector<double> mean_;  // [d]
  double spread_ = 0;         // root mean squared distance from the mean
  std::vector<double>
      factor_;  // [d,d] lower Cholesky factor of the shrunken covariance; [d] standard deviations beyond kMostFull
};

}  // namespace defuse
