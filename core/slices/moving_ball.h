// Sums over the points inside a ball that moves a little each step: what the Spotlight's objective and its gradients
// are made of, at the cost of one product matrix times vector over the points that may be inside. Called by
// spotlight.cc only. Exact: points are passed over only while the triangle inequality keeps them outside. One caller at
// a time.
//   k_i = max(0, 1 - tau |x_i - mu|^2)      inside: k_i > 0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/slices/crew.h"

namespace defuse {

struct BallSums {
  double mass = 0;           // sum k_i
  double weighted_loss = 0;  // sum k_i l_i
  // Over the points inside:
  double count = 0;
  double loss = 0;                  // sum l_i
  std::vector<double> points;       // [d] sum x_i
  std::vector<double> loss_points;  // [d] sum l_i x_i
};

// Real: float for data, double where a test wants every digit.
template <class Real>
class MovingBall {
 public:
  // points: [n, d] row-major, outliving this; best with the mean near 0. Requires finite values and n >= 1. `threads`
  // share the products of a step; they change no bit.
  MovingBall(std::span<const Real> points, std::size_t d, std::span<const double> loss, int threads = 1);

  const BallSums& move(std::span<const double> center, double tau);

 private:
  // So many points stand side by side in memory that a step needs no horizontal sums.
  static constexpr std::size_t kLanes = 32;
  void list(std::span<const double> center, double radius);
  void sweep(std::span<const double> center, double tau);
  void multiply_all(std::span<const Real> mu);
  void multiply(std::span<const Real> mu, std::size_t first_panel, std::size_t end_panel);
  void switch_point(std::size_t slot, bool inside);
  double distance(std::size_t i, std::span<const double> center) const;

  std::span<const Real> points_;
  std::size_t n_, d_;
  std::span<const double> loss_;
  std::vector<double> square_;  // [n] |x_i|^2
  BallSums sums_;

  // The points that may be inside, in panels of kLanes: value j of lane l of panel p at (p * d + j) * kLanes + l.
  std::vector<std::uint32_t> listed_;
  std::vector<Real> panels_;
  std::vector<Real> products_;                       // [panels * kLanes] x mu
  std::vector<double> listed_square_, listed_loss_;  // [panels * kLanes]; a lane without a point is infinitely far
  std::vector<std::int64_t> inside_;                 // [panels * kLanes] -1 or 0, as comparisons of lanes give it
  std::vector<double> list_center_, last_center_;
  double last_radius_ = 0;
  double speed_ = 0;   // of the rim, in length per step, smoothed
  double reach_ = -1;  // points farther than this from list_center_ are not listed
  int since_listed_ = 0;
  Crew crew_;
};

extern template class MovingBall<float>;
extern template class MovingBall<double>;

}  // namespace defuse
