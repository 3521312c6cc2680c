#include "tests/support/statistics/multiplicity.h"

#include <algorithm>
#include <numbers>
#include <numeric>

namespace defuse {
namespace {

// min over j >= i of min(1, factor * p_(j) / j): the step-up adjustment, from the largest p down.
std::vector<double> step_up(std::span<const double> p, double factor) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&p](std::size_t x, std::size_t y) { return p[x] < p[y]; });
  std::vector<double> adjusted(p.size());
  double smallest = 1;
  for (std::size_t rank = order.size(); rank-- > 0;) {
    smallest = std::min(smallest, factor * p[order[rank]] / static_cast<double>(rank + 1));
    adjusted[order[rank]] = smallest;
  }
  return adjusted;
}

}  // namespace

std::vector<double> benjamini_hochberg(std::span<const double> p) { return step_up(p, static_cast<double>(p.size())); }

std::vector<double> benjamini_yekutieli(std::span<const double> p) {
  double harmonic = 0;
  for (std::size_t i = p.size(); i > 0; --i) harmonic += 1.0 / static_cast<double>(i);
  return step_up(p, static_cast<double>(p.size()) * harmonic);
}

std::vector<LondStep> lond(std::span<const double> p, double alpha) {
  std::vector<LondStep> steps;
  steps.reserve(p.size());
  double rejections = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double position = static_cast<double>(i + 1);
    const double share = 6 * alpha / (std::numbers::pi * std::numbers::pi * position * position);
    const double level = share * (rejections + 1);
    const bool rejected = p[i] <= level;
    steps.push_back({level, rejected});
    if (rejected) rejections += 1;
  }
  return steps;
}

}  // namespace defuse
