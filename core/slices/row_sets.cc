#include "core/slices/row_sets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace defuse {

Slice highest(std::span<const double> scores, std::size_t count) {
  Slice order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto rank = [&](std::uint32_t i) {
    return std::isnan(scores[i]) ? -std::numeric_limits<double>::infinity() : scores[i];
  };
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](auto a, auto b) { return rank(a) != rank(b) ? rank(a) > rank(b) : a < b; });
  order.resize(count);
  return order;
}

double jaccard(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  const std::set<std::uint32_t> one(a.begin(), a.end());
  const std::set<std::uint32_t> two(b.begin(), b.end());
  const auto both =
      static_cast<double>(std::count_if(one.begin(), one.end(), [&](auto i) { return two.count(i) != 0; }));
  const double either = static_cast<double>(one.size() + two.size()) - both;
  return either > 0 ? both / either : 0;
}

}  // namespace defuse
