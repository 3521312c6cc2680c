#include "core/slices/moving_ball.h"

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

// Spelled out for each type: a vector whose size depends on a template's parameters is silently none.
constexpr std::size_t kPanel = 32;
using FloatLanes = float __attribute__((vector_size(kPanel * sizeof(float))));
using DoubleLanes = double __attribute__((vector_size(kPanel * sizeof(double))));

constexpr int kRelistEvery = 25;  // steps after which a list that has grown too long is made again

}  // namespace

template <class Real>
MovingBall<Real>::MovingBall(std::span<const Real> points, std::size_t d, std::span<const double> loss)
    : points_(points), n_(loss.size()), d_(d), loss_(loss), square_(n_) {
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
void MovingBall<Real>::list(std::span<const double> center, double radius, double stride) {
  list_center_.assign(center.begin(), center.end());
  reach_ = radius + stride;
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

template <class Real>
void MovingBall<Real>::sweep(std::span<const double> center, double tau) {
  using Lanes = std::conditional_t<std::is_same_v<Real, float>, FloatLanes, DoubleLanes>;
  static_assert(kLanes == kPanel && sizeof(Lanes) == kLanes * sizeof(Real));
  std::vector<Real> mu(d_);
  double square = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    mu[j] = static_cast<Real>(center[j]);
    square += static_cast<double>(mu[j]) * static_cast<double>(mu[j]);
  }
  Weights mass{};
  Weights weighted{};
  const std::size_t panels = listed_square_.size() / kLanes;
  for (std::size_t p = 0; p < panels; ++p) {
    Lanes products{};
    const Real* panel = panels_.data() + p * d_ * kLanes;
    for (std::size_t j = 0; j < d_; ++j) {
      Lanes x;
      std::memcpy(&x, panel + j * kLanes, sizeof(x));
      products += x * mu[j];
    }
    std::array<Real, kLanes> product{};
    std::memcpy(product.data(), &products, sizeof(products));
    for (std::size_t group = 0; group < kLanes; group += kGroup) {
      const std::size_t first = p * kLanes + group;
      Weights distance{}, own{}, loss{};
      Flags before{};
      for (std::size_t l = 0; l < kGroup; ++l) distance[l] = static_cast<double>(product[group + l]);
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
  }
  sums_.mass = sums_.weighted_loss = 0;
  for (std::size_t l = 0; l < kGroup; ++l) sums_.mass += mass[l];
  for (std::size_t l = 0; l < kGroup; ++l) sums_.weighted_loss += weighted[l];
}

template <class Real>
const BallSums& MovingBall<Real>::move(std::span<const double> center, double tau, double stride) {
  const double radius = 1 / std::sqrt(tau);
  double moved = 0;
  if (reach_ >= 0)
    for (std::size_t j = 0; j < d_; ++j) moved += (center[j] - list_center_[j]) * (center[j] - list_center_[j]);
  const bool all_listed = listed_.size() == n_;
  const bool valid = reach_ >= 0 && (all_listed || std::sqrt(moved) + radius <= reach_);
  ++since_listed_;
  const bool too_long =
      since_listed_ >= kRelistEvery && static_cast<double>(listed_.size()) > 1.3 * sums_.count + 4.0 * kLanes;
  if (!valid || too_long) list(center, radius, stride);
  sweep(center, tau);
  return sums_;
}

template class MovingBall<float>;
template class MovingBall<double>;

}  // namespace defuse
