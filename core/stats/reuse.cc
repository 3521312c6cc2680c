// Sources: Renggli et al., Continuous integration of machine learning models with ease.ml/ci, MLSys 2019 (sizes);
// Javanmard and Montanari, On online control of false discovery rate, 2015 (LOND).
//   one model: n = (ln histories + ln(1/delta)) / (2 epsilon^2)
//   two models, discordance at most p: n = (ln histories - ln(delta/4)) / (p h(epsilon/p)); of delta, one half goes to
//   p, the other half to both sides of the drop. histories: H planned, 2^H adaptive.
#include "core/stats/reuse.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace defuse {
namespace {

double log_histories(std::int64_t judgements, Reuse reuse) {
  const auto h = static_cast<double>(std::max<std::int64_t>(judgements, 1));
  return reuse == Reuse::adaptive ? h * std::numbers::ln2 : std::log(h);
}

}  // namespace

double bennett_h(double u) {
  // The closed form loses all digits for small u.
  if (u < 1e-4) return u * u / 2 - u * u * u / 6;
  return (1 + u) * std::log1p(u) - u;
}

double images_for_accuracy(double epsilon, double delta, std::int64_t judgements, Reuse reuse) {
  return (log_histories(judgements, reuse) - std::log(delta)) / (2 * epsilon * epsilon);
}

double images_for_drop(double epsilon, double discordance, double delta, std::int64_t judgements, Reuse reuse) {
  return (log_histories(judgements, reuse) - std::log(delta / 4)) / (discordance * bennett_h(epsilon / discordance));
}

double accuracy_tolerance(std::int64_t images, double delta, std::int64_t judgements, Reuse reuse) {
  if (images <= 0) return 1;
  return std::min(1.0, std::sqrt(images_for_accuracy(1, delta, judgements, reuse) / static_cast<double>(images)));
}

double drop_tolerance(std::int64_t images, double discordance, double delta, std::int64_t judgements, Reuse reuse) {
  if (images <= 0) return 1;
  const auto n = static_cast<double>(images);
  const double p = std::clamp(discordance, 1e-12, 1.0);
  if (images_for_drop(1, p, delta, judgements, reuse) > n) return 1;
  double low = 0, high = 1;  // too few images for low, enough for high
  for (int step = 0; step < 200 && high - low > 1e-13; ++step) {
    const double middle = (low + high) / 2;
    (images_for_drop(middle, p, delta, judgements, reuse) > n ? low : high) = middle;
  }
  return high;
}

double lond_level(double alpha, std::int64_t position, std::int64_t rejections) {
  const auto i = static_cast<double>(std::max<std::int64_t>(position, 1));
  const auto rejected = std::clamp(static_cast<double>(rejections), 0.0, i - 1);
  return 6 * alpha / (std::numbers::pi * std::numbers::pi * i * i) * (rejected + 1);
}

double spending_level(double alpha, std::int64_t planned) {
  return alpha / static_cast<double>(std::max<std::int64_t>(planned, 1));
}

}  // namespace defuse
