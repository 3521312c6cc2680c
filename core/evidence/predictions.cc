#include "core/evidence/predictions.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace defuse {

std::int32_t predicted_class(std::span<const float> logits) {
  if (logits.empty() || !std::all_of(logits.begin(), logits.end(), [](float value) { return std::isfinite(value); })) {
    return -1;
  }
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

float cross_entropy(std::span<const float> logits, std::int32_t label) {
  const auto best = predicted_class(logits);
  if (best < 0) return std::numeric_limits<float>::quiet_NaN();
  const auto largest = static_cast<double>(logits[static_cast<std::size_t>(best)]);
  double sum = 0;
  for (const float value : logits) sum += std::exp(static_cast<double>(value) - largest);
  return static_cast<float>(largest + std::log(sum) - static_cast<double>(logits[static_cast<std::size_t>(label)]));
}

float margin(std::span<const float> logits, std::int32_t label) {
  const bool known = label >= 0 && static_cast<std::size_t>(label) < logits.size() && logits.size() > 1;
  if (!known || predicted_class(logits) < 0) return std::numeric_limits<float>::quiet_NaN();
  float other = -std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < logits.size(); ++j) {
    if (j != static_cast<std::size_t>(label)) other = std::max(other, logits[j]);
  }
  return logits[static_cast<std::size_t>(label)] - other;
}

}  // namespace defuse
