#include "core/numerics/principal.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace defuse {
namespace {

// Cyclic Jacobi: rotates the off-diagonal away until nothing of weight is left. `a` [d, d] becomes diagonal, the rows
// of `axes` the eigenvectors.
void diagonalise(std::vector<double>& a, std::vector<double>& axes, std::size_t d) {
  axes.assign(d * d, 0);
  for (std::size_t j = 0; j < d; ++j) axes[j * d + j] = 1;
  double total = 0;
  for (const double v : a) total += v * v;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (std::size_t p = 0; p < d; ++p)
      for (std::size_t q = p + 1; q < d; ++q) off += a[p * d + q] * a[p * d + q];
    if (off <= 1e-24 * total) return;
    for (std::size_t p = 0; p < d; ++p) {
      for (std::size_t q = p + 1; q < d; ++q) {
        const double apq = a[p * d + q];
        if (apq == 0) continue;
        const double theta = (a[q * d + q] - a[p * d + p]) / (2 * apq);
        const double t = (theta >= 0 ? 1.0 : -1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1);
        const double s = t * c;
        for (std::size_t k = 0; k < d; ++k) {  // columns
          const double x = a[k * d + p];
          const double y = a[k * d + q];
          a[k * d + p] = c * x - s * y;
          a[k * d + q] = s * x + c * y;
        }
        for (std::size_t k = 0; k < d; ++k) {  // rows, and the axes with them
          const double x = a[p * d + k];
          const double y = a[q * d + k];
          a[p * d + k] = c * x - s * y;
          a[q * d + k] = s * x + c * y;
          const double u = axes[p * d + k];
          const double v = axes[q * d + k];
          axes[p * d + k] = c * u - s * v;
          axes[q * d + k] = s * u + c * v;
        }
      }
    }
  }
}

}  // namespace

std::vector<double> PrincipalAxes::project(std::span<const float> point) const {
  std::vector<double> out(size(), 0);
  for (std::size_t k = 0; k < size(); ++k)
    for (std::size_t j = 0; j < d; ++j) out[k] += axes[k * d + j] * (static_cast<double>(point[j]) - mean[j]);
  return out;
}

PrincipalAxes principal_axes(const Matrix& points, std::span<const std::uint32_t> rows, std::size_t most) {
  PrincipalAxes result;
  const std::size_t d = result.d = points.cols;
  const auto n = static_cast<double>(rows.size());
  result.mean.assign(d, 0);
  for (const auto row : rows)
    for (std::size_t j = 0; j < d; ++j) result.mean[j] += static_cast<double>(points.row(row)[j]) / n;
  std::vector<double> covariance(d * d, 0);
  std::vector<double> centred(d);
  for (const auto row : rows) {
    const auto x = points.row(row);
    for (std::size_t j = 0; j < d; ++j) centred[j] = static_cast<double>(x[j]) - result.mean[j];
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = i; j < d; ++j) covariance[i * d + j] += centred[i] * centred[j];
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = i; j < d; ++j) covariance[j * d + i] = covariance[i * d + j] /= std::max(1.0, n - 1);
  std::vector<double> axes;
  diagonalise(covariance, axes, d);
  std::vector<std::size_t> order(d);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return covariance[a * d + a] > covariance[b * d + b]; });
  order.resize(std::min(most, d));
  for (const auto k : order) {
    const std::span<const double> axis(axes.data() + k * d, d);
    const auto largest =
        std::max_element(axis.begin(), axis.end(), [](double x, double y) { return std::abs(x) < std::abs(y); });
    const double sign = *largest < 0 ? -1 : 1;
    for (const double v : axis) result.axes.push_back(sign * v);
    result.variances.push_back(std::max(0.0, covariance[k * d + k]));
  }
  return result;
}

}  // namespace defuse
