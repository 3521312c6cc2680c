// Source: Fisher's linear discriminant; shrinkage of the covariance towards a multiple of the identity (Friedman, JASA
// 1989).
#include "core/regions/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace defuse {
namespace {

constexpr std::size_t kMostFull = 256;  // dimensions; beyond it only variances are used
constexpr double kShrink = 0.2;
constexpr double kFar = 8;  // of the class's spread: a ball that large bends by a sixteenth of it
constexpr std::array kStretches{1.0, 2.0, 4.0};

double norm(std::span<const double> v) { return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0)); }

// Lower Cholesky factor in place; the input is positive definite by its shrinkage. A pivot that rounding took below 0
// becomes tiny.
void factorise(std::vector<double>& a, std::size_t d) {
  for (std::size_t j = 0; j < d; ++j) {
    for (std::size_t i = j; i < d; ++i) {
      double sum = a[i * d + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * d + k] * a[j * d + k];
      a[i * d + j] = i == j ? std::sqrt(std::max(sum, 1e-300)) : sum / a[j * d + j];
    }
  }
}

std::vector<std::uint32_t> every_row(const Matrix& points) {
  std::vector<std::uint32_t> rows(points.rows);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

constexpr std::size_t kLanes = 4;

// One point's products x_i x_j / n, its lower triangle and what four lanes at a time take of the upper one. `step` and
// the rows of `sums` are `padded` long, a multiple of four. Side by side
// because the divisions are what costs.
void add_products(const double* step, std::size_t d, std::size_t padded, double n, double* sums) {
  using Doubles = double __attribute__((vector_size(kLanes * sizeof(double))));
  for (std::size_t i = 0; i < d; ++i) {
    double* row = sums + i * padded;
    for (std::size_t j = 0; j <= i; j += kLanes) {
      Doubles x, sum;
      __builtin_memcpy(&x, step + j, sizeof x);
      __builtin_memcpy(&sum, row + j, sizeof sum);
      sum += step[i] * x / n;
      __builtin_memcpy(row + j, &sum, sizeof sum);
    }
  }
}

}  // namespace

ClassShape::ClassShape(const Matrix& points) : ClassShape(points, every_row(points)) {}

ClassShape::ClassShape(const Matrix& points, std::span<const std::uint32_t> seeds)
    : d_(points.cols), mean_(points.cols, 0.0) {
  const double n = std::max<double>(1, static_cast<double>(seeds.size()));
  for (const std::uint32_t seed : seeds) {
    const auto x = points.row(seed);
    for (std::size_t j = 0; j < d_; ++j) mean_[j] += static_cast<double>(x[j]) / n;
  }
  const bool full = d_ <= kMostFull;
  factor_.assign(full ? d_ * d_ : d_, 0.0);
  const std::size_t padded = (d_ + kLanes - 1) / kLanes * kLanes;
  std::vector<double> step(padded, 0.0), sums(full ? d_ * padded : 0, 0.0);
  for (const std::uint32_t seed : seeds) {
    const auto x = points.row(seed);
    for (std::size_t j = 0; j < d_; ++j) step[j] = static_cast<double>(x[j]) - mean_[j];
    if (full) add_products(step.data(), d_, padded, n, sums.data());
    for (std::size_t i = 0; !full && i < d_; ++i) factor_[i] += step[i] * step[i] / n;
  }
  for (std::size_t i = 0; full && i < d_; ++i)
    for (std::size_t j = 0; j <= i; ++j) factor_[i * d_ + j] = sums[i * padded + j];
  double trace = 0;
  for (std::size_t i = 0; i < d_; ++i) trace += full ? factor_[i * d_ + i] : factor_[i];
  spread_ = std::sqrt(trace);
  const double floor = kShrink * trace / static_cast<double>(d_) + 1e-30;
  for (double& v : factor_) v *= 1 - kShrink;
  for (std::size_t i = 0; i < d_; ++i) (full ? factor_[i * d_ + i] : factor_[i]) += floor;
  if (full) {
    factorise(factor_, d_);
  } else {
    for (double& v : factor_) v = std::sqrt(v);
  }
}

std::vector<double> ClassShape::discriminant(std::span<const double> v) const {
  std::vector<double> x(v.begin(), v.end());
  if (factor_.size() == d_ && d_ > 1) {
    for (std::size_t j = 0; j < d_; ++j) x[j] /= factor_[j] * factor_[j];
    return x;
  }
  for (std::size_t i = 0; i < d_; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= factor_[i * d_ + k] * x[k];
    x[i] /= factor_[i * d_ + i];
  }
  for (std::size_t i = d_; i-- > 0;) {
    for (std::size_t k = i + 1; k < d_; ++k) x[i] -= factor_[k * d_ + i] * x[k];
    x[i] /= factor_[i * d_ + i];
  }
  return x;
}

std::vector<std::vector<float>> ClassShape::grow(std::span<const double> middle) const {
  std::vector<double> v(d_);
  for (std::size_t j = 0; j < d_; ++j) v[j] = middle[j] - mean_[j];
  std::vector<std::vector<float>> centers;
  const auto add = [&](std::span<const double> direction, double factor) {
    std::vector<float> center(d_);
    for (std::size_t j = 0; j < d_; ++j) center[j] = static_cast<float>(mean_[j] + factor * direction[j]);
    centers.push_back(std::move(center));
  };
  for (const double stretch : kStretches) add(v, stretch);
  const std::vector<double> best = discriminant(v);
  for (const std::span<const double> direction : {std::span<const double>(v), std::span<const double>(best)}) {
    const double length = norm(direction);
    if (length > 0 && std::isfinite(length)) add(direction, kFar * spread_ / length);
  }
  return centers;
}

}  // namespace defuse
