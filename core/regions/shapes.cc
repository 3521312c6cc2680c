// Source: Fisher's linear discriminant; shrinkage of the covariance towards a multiple of the identity (Friedman, JASA
// 1989).
#include "core/regions/shapes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
// the rows of `sums` are `padded` long, a multiple of four.
void add_products_anywhere(const double* step, std::size_t d, std::size_t padded, double n, double* sums) {
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

#if defined(__x86_64__)
// Division costs five times all the rest, so the quotient is had from the reciprocal and one correction, which rounds
// just as division does (Markstein, IBM J. Res. Dev. 1990: exact for a correctly rounded reciprocal of a divisor whose
// significand is not all ones; a count of points is an integer far below that).
[[gnu::target("avx2,fma")]] void add_products_fma(const double* step, std::size_t d, std::size_t padded, double n,
                                                  double* sums) {
  const __m256d divisor = _mm256_set1_pd(n);
  const __m256d reciprocal = _mm256_set1_pd(1 / n);
  for (std::size_t i = 0; i < d; ++i) {
    double* row = sums + i * padded;
    const __m256d own = _mm256_set1_pd(step[i]);
    for (std::size_t j = 0; j <= i; j += kLanes) {
      const __m256d product = _mm256_mul_pd(own, _mm256_loadu_pd(step + j));
      const __m256d near = _mm256_mul_pd(product, reciprocal);
      const __m256d rest = _mm256_fnmadd_pd(near, divisor, product);
      const __m256d quotient = _mm256_fmadd_pd(rest, reciprocal, near);
      _mm256_storeu_pd(row + j, _mm256_add_pd(_mm256_loadu_pd(row + j), quotient));
    }
  }
}
#endif

using AddProducts = void (*)(const double*, std::size_t, std::size_t, double, double*);

AddProducts fastest_add_products() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return add_products_fma;
#endif
  return add_products_anywhere;
}

}  // namespace

std::vector<double> covariance_of(const Matrix& points, std::span<const std::uint32_t> rows,
                                  std::span<const double> mean) {
  static const AddProducts add = fastest_add_products();
  const std::size_t d = points.cols;
  const std::size_t padded = (d + kLanes - 1) / kLanes * kLanes;
  const double n = std::max<double>(1, static_cast<double>(rows.size()));
  std::vector<double> step(padded, 0.0), sums(d * padded, 0.0), covariance(d * d, 0.0);
  for (const std::uint32_t row : rows) {
    const auto x = points.row(row);
    for (std::size_t j = 0; j < d; ++j) step[j] = static_cast<double>(x[j]) - mean[j];
    add(step.data(), d, padded, n, sums.data());
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) covariance[i * d + j] = sums[i * padded + j];
  return covariance;
}

ClassShape::ClassShape(const Matrix& points) : ClassShape(points, every_row(points)) {}

ClassShape::ClassShape(const Matrix& points, std::span<const std::uint32_t> seeds)
    : d_(points.cols), mean_(points.cols, 0.0) {
  const double n = std::max<double>(1, static_cast<double>(seeds.size()));
  for (const std::uint32_t seed : seeds) {
    const auto x = points.row(seed);
    for (std::size_t j = 0; j < d_; ++j) mean_[j] += static_cast<double>(x[j]) / n;
  }
  const bool full = d_ <= kMostFull;
  if (full) {
    factor_ = covariance_of(points, seeds, mean_);
  } else {
    factor_.assign(d_, 0.0);
    for (const std::uint32_t seed : seeds) {
      const auto x = points.row(seed);
      for (std::size_t j = 0; j < d_; ++j) {
        const double step = static_cast<double>(x[j]) - mean_[j];
        factor_[j] += step * step / n;
      }
    }
  }
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
