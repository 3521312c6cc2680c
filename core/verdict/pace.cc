#include "core/verdict/pace.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace defuse {

std::optional<TimePoint> expected_end(const Pace& pace) {
  constexpr auto kLeastTime = std::chrono::seconds(2);
  constexpr double kLeastWay = 0.01;
  const auto taken = pace.at - pace.since;
  const double way = pace.now - pace.from;
  if (taken < kLeastTime || !(way >= kLeastWay)) return std::nullopt;
  const double left = static_cast<double>(taken.count()) * (1 - pace.now) / way;
  return pace.at + std::chrono::milliseconds(std::llround(std::max(0.0, left)));
}

}  // namespace defuse
