#include "core/base/figures.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

TEST(Percent, HasTheDecimalsThatWereAskedFor) {
  EXPECT_EQ(percent(0.5, 0), "50 %");
  EXPECT_EQ(percent(0.0421, 1), "4.2 %");
  EXPECT_EQ(percent(0.0421, 2), "4.21 %");
  EXPECT_EQ(percent(0, 1), "0.0 %");
  EXPECT_EQ(percent(1, 2), "100.00 %");
  EXPECT_EQ(percent(-0.469, 1), "-46.9 %");
}

TEST(Percent, HalvesAreRoundedAwayFromZero) {
  EXPECT_EQ(percent(0.125, 0), "13 %");  // printf alone would say 12
  EXPECT_EQ(percent(0.0625, 1), "6.3 %");
  EXPECT_EQ(percent(-0.125, 0), "-13 %");
}

}  // namespace
}  // namespace defuse
