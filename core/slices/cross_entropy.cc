#include "core/slices/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace defuse {
namespace {

// ln of the sum of exponentials.
double log_of_sum(std::span<const float> logits) {
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float v : logits) sum += std::exp(static_cast<double>(v) - largest);
  return largest + std::log(sum);
}

}  // namespace

std::vector<double> cross_entropy(const Matrix& logits, std::span<const std::int32_t> labels) {
  std::vector<double> loss(logits.rows, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < logits.rows && i < labels.size(); ++i) {
    const auto row = logits.row(i);
    const bool known = labels[i] >= 0 && static_cast<std::size_t>(labels[i]) < row.size();
    if (!known || !std::all_of(row.begin(), row.end(), [](float v) { return std::isfinite(v); })) continue;
    loss[i] = log_of_sum(row) - static_cast<double>(row[static_cast<std::size_t>(labels[i])]);
  }
  return loss;
}

}  // namespace defuse
