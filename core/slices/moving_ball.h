// Sums over the points inside a ball that moves a little each step: what the Spotlight's objective and its gradients
// are made of. Called by spotlight.cc only. A step looks at the points near the rim alone: while the triangle
// inequality keeps the others where they are, running sums and a closed form say all there is to say of them. Exact up
// to rounding. One caller at a time.
//   k_i = max(0, 1 - tau |x_i - mu|^2)      inside: k_i > 0      C = number inside
//   sum k_i     = C          - tau (sum |x_i|^2     - 2 mu . sum x_i     + C |mu|^2)              sums over those
//   inside sum k_i l_i = sum l_i    - tau (sum l_i |x_i|^2 - 2 mu . sum l_i x_i + sum l_i |mu|^2)
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace defuse {

struct BallSums {
  double mass = 0;           // sum k_i
  double weighted_loss = 0;  // sum k_i l_i
  // Over the points inside:
  double count = 0;
  double loss = 0;                  // sum l_i
  double square = 0;                // sum |x_i|^2
  double loss_square = 0;           // sum l_i |x_i|^2
  std::vector<double> points;       // [d] sum x_i
  std::vector<double> loss_points;  // [d] sum l_i x_i
};

// Real: float for data, double where a test wants every digit.
template <class Real>
class MovingBall {
 public:
  // points: [n, d] row-major, outliving this; best with the mean near 0. Requires finite values and n >= 1.
  MovingBall(std::span<const Real> points, std::size_t d, std::span<const double> loss);

  const BallSums& move(std::span<const double> center, double tau);

 private:
  // So many points stand side by side in memory that a step needs no horizontal sums.
  static constexpr std::size_t kLanes = 32;
  void list(std::span<const double> center, double radius);
  void pack();
  void sweep(std::span<const double> center, double tau);
  void multiply(std::span<const Real> mu);
  void put(std::size_t i, bool inside);
  void add(std::size_t i, double sign);
  void sum_anew();
  void weigh(std::span<const double> center, double tau);
  double distance(std::size_t i, std::span<const double> center) const;

  std::span<const Real> points_;
  std::size_t n_, d_;
  std::span<const double> loss_;
  std::vector<double> square_;        // [n] |x_i|^2
  std::vector<std::uint8_t> inside_;  // [n]
  BallSums sums_;
  std::size_t put_since_sum_ = 0;  // points put inside or outside since the sums were made from nothing

  // The points that may cross the rim before the next list, in panels of kLanes: value j of lane l of panel p at
  // (p * d + j) * kLanes + l.
  std::vector<std::uint32_t> listed_;
  std::vector<Real> panels_;
  std::vector<Real> products_;               // [panels * kLanes] x mu
  std::vector<double> listed_square_;        // [panels * kLanes]; a lane without a point is infinitely far
  std::vector<std::int64_t> listed_inside_;  // [panels * kLanes] -1 or 0, as comparisons of lanes give it

  std::vector<double> list_center_, last_center_;
  double last_radius_ = 0;
  double speed_ = 0;  // of the rim, in length per step, smoothed
  // Listed are the points that may be nearer than outer_ to list_center_ and may be farther than inner_.
  double inner_ = 0, outer_ = -1, width_ = 0;
  int since_listed_ = 0;

  // Distances from centres of old, and how far lists have moved since: a point's distance from list_center_ is
  // measured_[i] give or take way_ - measured_at_[i].
  std::vector<double> measured_, measured_at_;  // [n]
  double way_ = 0;
};

extern template class MovingBall<float>;
extern template class MovingBall<double>;

}  // namespace defuse
