// The scan: among the discovery half's seeds of one class in one space, the balls with the highest lower confidence
// bound of a mean score. Called by the region search only; sees scores and points, knows nothing of models or of the
// confirmation half. Pure; deterministic.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/matrix.h"

namespace defuse {

// Wilson's interval for x of n with real x in [0, n] and quantile z; [0, 1] for n = 0.
struct WilsonBounds {
  double lower = 0;
  double upper = 1;
};
WilsonBounds wilson_real(double x, double n, double z);

// |a - b|^2. Eight partial sums: fast, and the same bits whatever the compiler makes of the loop.
double squared_distance(std::span<const float> a, std::span<const float> b);
bool is_finite(std::span<const float> values);

// One question about one class: a score per seed, NaN where the seed says nothing.
struct ScanQuestion {
  std::span<const double> score;       // [all seeds]
  std::vector<std::uint32_t> centers;  // seeds to try as centres
  double least_bound = 0;              // balls below it are not worth keeping
};

struct ScanBall {
  std::vector<float> center;
  double radius = 0;
  double bound = -1;                   // Wilson lower bound of the mean score, at 0 from below
  std::vector<std::uint32_t> members;  // seeds with a score, ascending
};

struct ScanSettings {
  std::vector<int> sizes;          // neighbourhood sizes to try, rising
  double z = 1.96;                 // quantile of the search bound
  std::size_t keep = 3;            // balls per question that do not overlap
  std::size_t look_at = 80;        // how far down the list of centres to look for them
  std::size_t anchors = 8;         // promising centres that grow further ones
  std::vector<int> groups{8, 16};  // scoring seeds around an anchor whose middle grows centres
  int refinements = 4;             // moves of a found ball's centre to the mean of its scoring members
};

// For every question its best balls, best first; two of one question share fewer than half of the smaller one's
// members. `seeds`: the discovery half's seeds of the class; rows that are not finite are ignored. `extra_centers`: [m,
// d], tried for every question.
std::vector<std::vector<ScanBall>> scan_balls(const Matrix& points, std::span<const std::uint32_t> seeds,
                                              std::span<const ScanQuestion> questions, const Matrix& extra_centers,
                                              const ScanSettings& settings);

// Shared elements over the size of the smaller one; both ascending. 0 if one is empty.
double overlap_coefficient(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

}  // namespace defuse
