// When a station will be done if it goes on as it has. Pure.
#pragma once
#include <optional>

#include "core/base/clock.h"

namespace defuse {

struct Pace {
  TimePoint since;  // first heard of
  double from = 0;  // how far it was then, in [0, 1]
  TimePoint at;     // last heard of
  double now = 0;   // how far it was then
};

// Nothing before it has gone far enough to be judged by: 2 s and a hundredth of the way.
std::optional<TimePoint> expected_end(const Pace& pace);

}  // namespace defuse
