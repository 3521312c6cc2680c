// The scan: among the seeds of one class and half in one space, the balls with the strongest evidence that their mean
// score exceeds a limit. Called by the region search only; sees scores and points, knows nothing of models
// or of the other half. Pure; deterministic.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/regions/neighbourhood.h"
#include "core/regions/shapes.h"

namespace defuse {

// Wilson's interval for x of n with real x in [0, n] and quantile z; [0, 1] for n = 0.
struct WilsonBounds {
  double lower = 0;
  double upper = 1;
};
WilsonBounds wilson_real(double x, double n, double z);

// How strongly n scores in [0, 1] with this sum speak for a mean above `limit`: the log likelihood ratio n KL(sum/n ||
// limit) in nats, 0 if the mean is not above it. Unlike a lower bound at a fixed level it does not prefer a small pure
// ball to a larger one that says more.
double log_evidence(double sum, double n, double limit);

// |a - b|^2. Eight partial sums: fast, and the same bits whatever the compiler makes of the loop.
double squared_distance(std::span<const float> a, std::span<const float> b);
bool is_finite(std::span<const float> values);

// One question about one class: a score per seed, NaN where the seed says nothing.
struct ScanQuestion {
  std::span<const double> score;          // [all seeds]
  std::vector<std::uint32_t> centers;     // seeds to try as centres
  double limit = 0.2;                     // a mean score at or below it is of no interest; in (0, 1)
  std::size_t keep = 3;                   // balls that do not overlap
  const Matrix* extra_centers = nullptr;  // [m, d], tried besides
};

struct ScanBall {
  std::vector<float> center;
  double radius = 0;
  double evidence = 0;                 // nats, see log_evidence
  std::vector<std::uint32_t> members;  // seeds with a score, ascending
};

struct ScanSettings {
  std::vector<int> sizes;          // neighbourhood sizes to try, rising
  double least_evidence = 2;       // nats; weaker balls are not worth keeping
  std::size_t look_at = 80;        // how far down the list of centres to look for them
  std::size_t anchors = 8;         // promising centres that grow further ones
  std::vector<int> groups{8, 16};  // scoring seeds around an anchor whose middle grows centres
  int refinements = 4;             // moves of a found ball's centre to the mean of its scoring members
};

// Seeds to try as centres: those with a positive score, the largest first, then in a fixed shuffled order; at most 300.
std::vector<std::uint32_t> promising_centers(std::span<const double> score, std::span<const std::uint32_t> seeds);

// The seeds of one class and half in one space, prepared as far as somebody has asked; rows that are not finite
// are left out. Whoever looks at the same seeds again (scans, half-spaces) shares it. Not thread-safe.
class ClassSpace {
 public:
  // `seeds` ascending; both must outlive this.
  ClassSpace(const Matrix& points, std::span<const std::uint32_t> seeds);

  const Matrix& points() const { return points_; }
  std::span<const std::uint32_t> seeds() const { return seeds_; }  // also those whose row is not finite
  const std::vector<std::uint32_t>& usable() const { return usable_; }
  Neighbourhood& near();
  const ClassShape& shape();

 private:
  const Matrix& points_;
  std::span<const std::uint32_t> seeds_;
  std::vector<std::uint32_t> usable_;
  std::optional<Neighbourhood> near_;
  std::optional<ClassShape> shape_;
};

// For every question its best balls, best first; two of one question share fewer than half of the smaller one's
// members. What is asked together is measured together: no question changes what another one finds.
std::vector<std::vector<ScanBall>> scan_balls(ClassSpace& space, std::span<const ScanQuestion> questions,
                                              const ScanSettings& settings);

// Shared elements over the size of the smaller one; both ascending. 0 if one is empty.
double overlap_coefficient(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

}  // namespace defuse
