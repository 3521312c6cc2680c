// Half-spaces along the direction that tells changed answers from the rest of their class: the shape that holds the
// tail of a class, which in many dimensions is a thin shell no ball can hold (methods "gate quality", lesson 8). The
// cut is chosen on scores that are fitted without the point they score, so that the stated evidence is that of unseen
// points and not of the fit. Called by the search only. Pure; deterministic.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/regions/shapes.h"

namespace defuse {

struct HalfSpace {
  std::vector<float> direction;  // [d]; points with direction . x >= cut belong to it
  double cut = 0;
  double evidence = 0;  // nats, see log_evidence; of points not used for the direction that judged them
};

struct HalfSpaceSettings {
  int folds = 5;
  std::size_t least_groups = 4;  // with a positive value; fewer give no direction
  std::size_t least_size = 5;    // groups inside
  double limit = 0.1;            // a mean value at or below it is of no interest
};

// points: [n, d], finite. value: [n] in [-1, 1]. group: [n], what counts once (the seed a draw came from): folds go by
// group, and n in the evidence is the number of groups inside. Directions are fitted to all points of positive value,
// and to those of each kind (the class they were taken for, [n]) with enough groups. Nothing if no half-space has
// evidence. `shape`: of these points, if it is known already.
std::optional<HalfSpace> best_half_space(const Matrix& points, std::span<const double> value,
                                         std::span<const std::uint32_t> group, std::span<const std::int32_t> kind,
                                         const HalfSpaceSettings& settings, const ClassShape* shape = nullptr);

// The best half-space along one axis (column) of the points, either side: for spaces whose axes mean something. Its
// direction is not fitted, but chosen among 2 d, and its evidence is lessened by ln(2 d cuts) for that.
std::optional<HalfSpace> best_axis(const Matrix& points, std::span<const double> value,
                                   std::span<const std::uint32_t> group, const HalfSpaceSettings& settings);

}  // namespace defuse
