// How golden values of statistics are compared: they are given to about ten digits, so 1e-8 absolute; tiny p to 1e-6 of
// themselves, where an absolute tolerance would accept anything.
#pragma once
#include <gtest/gtest.h>

#include <cmath>

namespace defuse {

inline constexpr double kGolden = 1e-8;

inline void expect_golden(double actual, double expected) {
  const double tolerance = std::abs(expected) > 0 && std::abs(expected) < 1e-6 ? 1e-6 * std::abs(expected) : kGolden;
  EXPECT_NEAR(actual, expected, tolerance);
}

}  // namespace defuse
