#include "core/slices/moving_ball.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace defuse {
namespace {

constexpr std::size_t kGroup = 8;  // lanes that are weighed at once
using Distances = double __attribute__((vector_size(kGroup * sizeof(double))));
using Flags = std::int64_t __attribute__((vector_size(kGroup * sizeof(std::int64_t))));

// One register's worth each: wider ones are kept in memory by GCC 12. Spelled out for each type, since a vector whose
// size depends on a template's parameter is silently none.
using FloatRegister = float __attribute__((vector_size(16)));
using DoubleRegister = double __attribute__((vector_size(16)));

double separation(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return std::sqrt(sum);
}

// How many steps' way on both sides of the rim points are listed. Decides what is looked at again, never the result.
constexpr double kStepsAhead = 20;
constexpr int kNarrowEvery = 25;  // steps after which a list that has become far too wide is made again
// A sweep measures |x|^2 - 2 x mu + |mu|^2 in Real, which rounds differently from distance(): leave it room.
constexpr double kRoom = 1e-3;

}  // namespace

template <class Real>
MovingBall<Real>::MovingBall(std::span<const Real> points, std::size_t d, std::span<const double> loss)
    : points_(points),
      n_(loss.size()),
      d_(d),
      loss_(loss),
      square_(n_),
      inside_(n_, 0),
      measured_(n_, 0),
      measured_at_(n_, -std::numeric_limits<double>::infinity()) {
  for (std::size_t i = 0; i < n_; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < d_; ++j) {
      const auto x = static_cast<double>(points_[i * d_ + j]);
      sum += x * x;
    }
    square_[i] = sum;
  }
  sum_anew();
}

template <class Real>
double MovingBall<Real>::distance(std::size_t i, std::span<const double> center) const {
  double sum = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    const double difference = static_cast<double>(points_[i * d_ + j]) - center[j];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

template <class Real>
void MovingBall<Real>::add(std::size_t i, double sign) {
  const double loss = sign * loss_[i];
  sums_.count += sign;
  sums_.loss += loss;
  sums_.square += sign * square_[i];
  sums_.loss_square += loss * square_[i];
  const Real* x = points_.data() + i * d_;
  for (std::size_t j = 0; j < d_; ++j) sums_.points[j] += sign * static_cast<double>(x[j]);
  for (std::size_t j = 0; j < d_; ++j) sums_.loss_points[j] += loss * static_cast<double>(x[j]);
}

template <class Real>
void MovingBall<Real>::put(std::size_t i, bool inside) {
  if ((inside_[i] != 0) == inside) return;
  inside_[i] = inside ? 1 : 0;
  add(i, inside ? 1 : -1);
  ++put_since_sum_;
}

template <class Real>
void MovingBall<Real>::sum_anew() {
  sums_ = {};
  sums_.points.assign(d_, 0);
  sums_.loss_points.assign(d_, 0);
  for (std::size_t i = 0; i < n_; ++i)
    if (inside_[i] != 0) add(i, 1);
  put_since_sum_ = 0;
}

// Measures only those points of which older distances do not already say on which side of the rim they will stay.
template <class Real>
void MovingBall<Real>::list(std::span<const double> center, double radius) {
  if (!list_center_.empty()) way_ += separation(center, list_center_);
  list_center_.assign(center.begin(), center.end());
  width_ = kStepsAhead * speed_;
  inner_ = radius - width_;
  outer_ = radius + width_;
  const double surely_inside = inner_ - kRoom * radius;
  const double surely_outside = outer_ + kRoom * radius;
  listed_.clear();
  for (std::size_t i = 0; i < n_; ++i) {
    const double moved = way_ - measured_at_[i];
    double nearest = measured_[i] - moved;
    double farthest = measured_[i] + moved;
    if (!(farthest <= surely_inside) && !(nearest > surely_outside)) {
      nearest = farthest = measured_[i] = distance(i, center);
      measured_at_[i] = way_;
    }
    if (farthest <= surely_inside) {
      put(i, /*inside=*/true);
    } else if (nearest > surely_outside) {
      put(i, /*inside=*/false);
    } else {
      listed_.push_back(static_cast<std::uint32_t>(i));
    }
  }
  // Rounding of the running sums must not build up.
  if (put_since_sum_ > n_) sum_anew();
  pack();
  since_listed_ = 0;
}

template <class Real>
void MovingBall<Real>::pack() {
  const std::size_t panels = (listed_.size() + kLanes - 1) / kLanes;
  panels_.assign(panels * d_ * kLanes, Real{0});
  listed_square_.assign(panels * kLanes, std::numeric_limits<double>::infinity());
  listed_inside_.assign(panels * kLanes, 0);
  products_.resize(panels * kLanes);
  for (std::size_t s = 0; s < listed_.size(); ++s) {
    const std::size_t i = listed_[s];
    listed_square_[s] = square_[i];
    listed_inside_[s] = inside_[i] != 0 ? -1 : 0;
    Real* panel = panels_.data() + (s / kLanes) * d_ * kLanes + s % kLanes;
    for (std::size_t j = 0; j < d_; ++j) panel[j * kLanes] = points_[i * d_ + j];
  }
}

template <class Real>
void MovingBall<Real>::multiply(std::span<const Real> mu) {
  using Register = std::conditional_t<std::is_same_v<Real, float>, FloatRegister, DoubleRegister>;
  constexpr std::size_t kWide = sizeof(Register) / sizeof(Real);
  constexpr std::size_t kRegisters = kLanes / kWide;
  for (std::size_t p = 0; p < products_.size() / kLanes; ++p) {
    std::array<Register, kRegisters> products{};
    const Real* x = panels_.data() + p * d_ * kLanes;
    for (std::size_t j = 0; j < d_; ++j, x += kLanes) {
      const Real by = mu[j];
#pragma GCC unroll 16
      for (std::size_t r = 0; r < kRegisters; ++r) {
        Register value;
        std::memcpy(&value, x + r * kWide, sizeof(value));
        products[r] += value * by;
      }
    }
    static_assert(sizeof(products) == kLanes * sizeof(Real));
    std::memcpy(products_.data() + p * kLanes, products.data(), sizeof(products));
  }
}

// Puts the listed points on their side of the rim.
template <class Real>
void MovingBall<Real>::sweep(std::span<const double> center, double tau) {
  std::vector<Real> mu(d_);
  double square = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    mu[j] = static_cast<Real>(center[j]);
    square += static_cast<double>(mu[j]) * static_cast<double>(mu[j]);
  }
  multiply(mu);
  for (std::size_t first = 0; first < listed_square_.size(); first += kGroup) {
    Distances distance{}, own{};
    Flags before{};
    for (std::size_t l = 0; l < kGroup; ++l) distance[l] = static_cast<double>(products_[first + l]);
    std::memcpy(&own, listed_square_.data() + first, sizeof(own));
    std::memcpy(&before, listed_inside_.data() + first, sizeof(before));
    distance = own - 2.0 * distance + square;
    const Flags now = 1.0 - tau * distance > 0.0;
    const Flags changed = now ^ before;
    std::int64_t any = 0;
    for (std::size_t l = 0; l < kGroup; ++l) any |= changed[l];
    if (any == 0) continue;
    std::memcpy(listed_inside_.data() + first, &now, sizeof(now));
    for (std::size_t l = 0; l < kGroup; ++l)
      if (changed[l] != 0) put(listed_[first + l], now[l] != 0);
  }
}

// The closed forms of the header, from the sums over the points inside.
template <class Real>
void MovingBall<Real>::weigh(std::span<const double> center, double tau) {
  if (sums_.count == 0) sum_anew();  // so that nothing, not a rounding error, is what is left
  double square = 0, along = 0, loss_along = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    square += center[j] * center[j];
    along += center[j] * sums_.points[j];
    loss_along += center[j] * sums_.loss_points[j];
  }
  sums_.mass = sums_.count - tau * (sums_.square - 2 * along + sums_.count * square);
  sums_.weighted_loss = sums_.loss - tau * (sums_.loss_square - 2 * loss_along + sums_.loss * square);
}

template <class Real>
const BallSums& MovingBall<Real>::move(std::span<const double> center, double tau) {
  const double radius = 1 / std::sqrt(tau);
  if (!last_center_.empty()) {
    const double step = separation(center, last_center_) + std::abs(radius - last_radius_);
    speed_ += 0.1 * (step - speed_);
  }
  last_center_.assign(center.begin(), center.end());
  last_radius_ = radius;
  ++since_listed_;
  bool valid = outer_ >= 0;
  if (valid) {
    const double moved = separation(center, list_center_);
    valid = radius + moved <= outer_ && radius - moved >= inner_;
  }
  const bool too_wide = since_listed_ >= kNarrowEvery && width_ > 2 * kStepsAhead * speed_;
  if (!valid || too_wide) list(center, radius);
  sweep(center, tau);
  weigh(center, tau);
  return sums_;
}

template class MovingBall<float>;
template class MovingBall<double>;

}  // namespace defuse
