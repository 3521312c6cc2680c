#include "core/slices/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace defuse {
namespace {

TEST(CrossEntropy, IsMinusTheLogarithmOfTheLabelsProbability) {
  Matrix logits(3, 2);
  logits.data = {1000, 1001, 0, 0, std::nanf(""), 1};
  const auto loss = cross_entropy(logits, std::vector<std::int32_t>{0, 1, 0});
  EXPECT_NEAR(loss[0], std::log1p(std::exp(1.0)), 1e-9);
  EXPECT_NEAR(loss[1], std::log(2.0), 1e-9);
  EXPECT_TRUE(std::isnan(loss[2]));
}

TEST(CrossEntropy, OfALabelThatIsNoClassIsNoNumber) {
  Matrix logits(2, 2);
  const auto loss = cross_entropy(logits, std::vector<std::int32_t>{2, -1});
  EXPECT_TRUE(std::isnan(loss[0]));
  EXPECT_TRUE(std::isnan(loss[1]));
  EXPECT_TRUE(std::isnan(cross_entropy(logits, {})[0])) << "a row without a label";
}

}  // namespace
}  // namespace defuse
