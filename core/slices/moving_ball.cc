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
using Weights = double __attribute__((vector_size(kGroup * sizeof(double))));
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

// How many steps' way beyond the rim points are listed. Decides what is looked at again, never the result.
constexpr double kStepsAhead = 20;
constexpr int kRelistEvery = 25;  // steps after which a list that has grown too long is made again
constexpr std::size_t kWorthSharing = std::size_t{1} << 18;  // products in a step that pay for waking the others

}  // namespace

template <class Real>
MovingBall<Real>::MovingBall(std::span<const Real> points, std::size_t d, std::span<const double> loss, int threads)
    : points_(points), n_(loss.size()), d_(d), loss_(loss), square_(n_), crew_(threads) {
  for (std::size_t i = 0; i < n_; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < d_; ++j) {
      const auto x = static_cast<double>(points_[i * d_ + j]);
      sum += x * x;
    }
    square_[i] = sum;
  }
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

// A point at distance r from the listing centre is at least r - |move| from the present one, so all that are farther
// than radius + |move| can be left out.
template <class Real>
void MovingBall<Real>::list(std::span<const double> center, double radius) {
  list_center_.assign(center.begin(), center.end());
  reach_ = radius + kStepsAhead * speed_;
  listed_.clear();
  // The sweep measures |x|^2 - 2 x mu + |mu|^2, which rounds differently: leave it room.
  const double room = reach_ * (1 + 1e-3);
  for (std::size_t i = 0; i < n_; ++i)
    if (distance(i, center) <= room) listed_.push_back(static_cast<std::uint32_t>(i));
  const std::size_t panels = (listed_.size() + kLanes - 1) / kLanes;
  panels_.assign(panels * d_ * kLanes, Real{0});
  listed_square_.assign(panels * kLanes, std::numeric_limits<double>::infinity());
  listed_loss_.assign(panels * kLanes, 0);
  inside_.assign(panels * kLanes, 0);
  products_.resize(panels * kLanes);
  for (std::size_t s = 0; s < listed_.size(); ++s) {
    const std::size_t i = listed_[s];
    listed_square_[s] = square_[i];
    listed_loss_[s] = loss_[i];
    Real* panel = panels_.data() + (s / kLanes) * d_ * kLanes + s % kLanes;
    for (std::size_t j = 0; j < d_; ++j) panel[j * kLanes] = points_[i * d_ + j];
  }
  // From nothing, so that rounding of the running sums does not outlive a list.
  sums_ = {};
  sums_.points.assign(d_, 0);
  sums_.loss_points.assign(d_, 0);
  since_listed_ = 0;
}

template <class Real>
void MovingBall<Real>::switch_point(std::size_t slot, bool inside) {
  const std::size_t i = listed_[slot];
  const double sign = inside ? 1 : -1;
  const double loss = sign * loss_[i];
  sums_.count += sign;
  sums_.loss += loss;
  const Real* x = points_.data() + i * d_;
  for (std::size_t j = 0; j < d_; ++j) sums_.points[j] += sign * static_cast<double>(x[j]);
  for (std::size_t j = 0; j < d_; ++j) sums_.loss_points[j] += loss * static_cast<double>(x[j]);
}

// Every lane adds up its own d products in their order, so that it does not matter who does which panels.
template <class Real>
void MovingBall<Real>::multiply(std::span<const Real> mu, std::size_t first_panel, std::size_t end_panel) {
  using Register = std::conditional_t<std::is_same_v<Real, float>, FloatRegister, DoubleRegister>;
  constexpr std::size_t kWide = sizeof(Register) / sizeof(Real);
  constexpr std::size_t kRegisters = kLanes / kWide;
  for (std::size_t p = first_panel; p < end_panel; ++p) {
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

template <class Real>
void MovingBall<Real>::multiply_all(std::span<const Real> mu) {
  const std::size_t panels = listed_square_.size() / kLanes;
  if (crew_.size() == 1 || panels * kLanes * d_ < kWorthSharing) {
    multiply(mu, 0, panels);
    return;
  }
  const std::size_t share = (panels + crew_.size() - 1) / crew_.size();
  crew_.run(
      [&](std::size_t part) { multiply(mu, std::min(panels, part * share), std::min(panels, (part + 1) * share)); });
}

template <class Real>
void MovingBall<Real>::sweep(std::span<const double> center, double tau) {
  std::vector<Real> mu(d_);
  double square = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    mu[j] = static_cast<Real>(center[j]);
    square += static_cast<double>(mu[j]) * static_cast<double>(mu[j]);
  }
  multiply_all(mu);
  Weights mass{};
  Weights weighted{};
  for (std::size_t first = 0; first < listed_square_.size(); first += kGroup) {
    Weights distance{}, own{}, loss{};
    Flags before{};
    for (std::size_t l = 0; l < kGroup; ++l) distance[l] = static_cast<double>(products_[first + l]);
    std::memcpy(&own, listed_square_.data() + first, sizeof(own));
    std::memcpy(&loss, listed_loss_.data() + first, sizeof(loss));
    std::memcpy(&before, inside_.data() + first, sizeof(before));
    distance = own - 2.0 * distance + square;
    Weights k = 1.0 - tau * distance;
    const Flags now = k > 0.0;
    k = now ? k : Weights{};
    mass += k;
    weighted += k * loss;
    const Flags changed = now ^ before;
    std::int64_t any = 0;
    for (std::size_t l = 0; l < kGroup; ++l) any |= changed[l];
    if (any == 0) continue;
    std::memcpy(inside_.data() + first, &now, sizeof(now));
    for (std::size_t l = 0; l < kGroup; ++l)
      if (changed[l] != 0) switch_point(first + l, now[l] != 0);
  }
  sums_.mass = sums_.weighted_loss = 0;
  for (std::size_t l = 0; l < kGroup; ++l) sums_.mass += mass[l];
  for (std::size_t l = 0; l < kGroup; ++l) sums_.weighted_loss += weighted[l];
}

template <class Real>
const BallSums& MovingBall<Real>::move(std::span<const double> center, double tau) {
  const double radius = 1 / std::sqrt(tau);
  if (!last_center_.empty()) {
    const double step = separation(center, last_center_) + std::max(0.0, radius - last_radius_);
    speed_ += 0.1 * (step - speed_);
  }
  last_center_.assign(center.begin(), center.end());
  last_radius_ = radius;
  const bool all_listed = listed_.size() == n_;
  const bool valid = reach_ >= 0 && (all_listed || separation(center, list_center_) + radius <= reach_);
  ++since_listed_;
  const bool too_long =
      since_listed_ >= kRelistEvery && static_cast<double>(listed_.size()) > 1.15 * sums_.count + 4.0 * kLanes;
  if (!valid || too_long) list(center, radius);
  sweep(center, tau);
  return sums_;
}

template class MovingBall<float>;
template class MovingBall<double>;

}  // namespace defuse
