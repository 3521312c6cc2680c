// Power of paired comparisons (Connor 1987), za = z_{1-alpha}, zb = z_{power}:
//   n(drop, psi)  = (za sqrt(psi) + zb sqrt(psi - drop^2))^2 / drop^2
//   drop(n, psi)  = sqrt(psi) (za sqrt(n) + zb sqrt(n - za^2 + zb^2)) / (n + zb^2)      [solves the former for the
//   drop] non-inferior  = (za + zb)^2 (psi - D^2) / (margin - D)^2                             [D the true drop]
#include "core/stats/power.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stats/intervals.h"

namespace defuse {
namespace {

double square(double x) { return x * x; }

}  // namespace

double required_images(double drop, double psi, double alpha, double power) {
  const double za = normal_quantile(1 - alpha);
  const double zb = normal_quantile(power);
  return square(za * std::sqrt(psi) + zb * std::sqrt(std::max(0.0, psi - drop * drop))) / (drop * drop);
}

std::optional<double> detectable_drop(std::int64_t n, double psi, double alpha, double power) {
  const double za = normal_quantile(1 - alpha);
  const double zb = normal_quantile(power);
  const double count = static_cast<double>(n);
  const double inside = count - za * za + zb * zb;
  if (n <= 0 || !(psi > 0) || inside < 0) return std::nullopt;
  const double drop = std::sqrt(psi) * (za * std::sqrt(count) + zb * std::sqrt(inside)) / (count + zb * zb);
  if (drop > psi) return std::nullopt;
  return drop;
}

double non_inferiority_images(double margin, double psi, double alpha, double power, double true_drop) {
  if (!(margin > true_drop)) return std::numeric_limits<double>::infinity();
  const double z = normal_quantile(1 - alpha) + normal_quantile(power);
  return z * z * std::max(0.0, psi - true_drop * true_drop) / square(margin - true_drop);
}

std::int64_t smallest_blocking_flips(double alpha, std::int64_t family) {
  const double level = alpha / static_cast<double>(std::max<std::int64_t>(family, 1));
  std::int64_t flips = 1;
  // The margin keeps alpha = 2^-k itself at k.
  for (double p = 0.5; p > level * (1 + 1e-12) && flips < 1000; p /= 2) ++flips;
  return flips;
}

std::int64_t images_to_bound_rate(double share, double limit, double alpha) {
  if (!(share < limit) || !(limit > 0)) return 0;
  const auto bounded = [&](std::int64_t n) {
    const double count = static_cast<double>(n);
    return clopper_pearson_upper_real(std::max(share, 0.0) * count, count, alpha) < limit;
  };
  constexpr std::int64_t kMost = 1'000'000'000;
  std::int64_t high = 1;
  while (!bounded(high)) {
    if (high >= kMost) return 0;
    high *= 2;
  }
  std::int64_t low = high / 2;  // not enough, or 0
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (bounded(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace defuse
