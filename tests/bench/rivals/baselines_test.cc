#include "tests/bench/rivals/baselines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace defuse {
namespace {

const std::vector<std::uint32_t> kRows{0, 1, 2, 3, 4, 5};
const std::vector<std::int32_t> kLabels{0, 0, 0, 1, 1, 1};

Matrix probabilities() {
  Matrix p(6, 2);
  p.data = {.9F, .1F, .2F, .8F, .6F, .4F, .3F, .7F, .1F, .9F, .55F, .45F};
  return p;
}

TEST(Baselines, TopLossTakesTheHeaviest) {
  const std::vector<double> loss{.1, 3, std::nan(""), .5, 2, .5};
  const auto slice = top_loss(kRows, loss, 0.6);  // 3 of the 5 that have a loss
  EXPECT_EQ(slice.members, (std::vector<std::uint32_t>{1, 4, 3}));
  EXPECT_DOUBLE_EQ(slice.cut, 0.5);
  EXPECT_DOUBLE_EQ(slice.weight, 5.5);
  EXPECT_EQ(top_loss(kRows, loss, 1e-6).members.size(), 1U);
  EXPECT_TRUE(top_loss({}, loss, 0.5).members.empty());
}

TEST(Baselines, TopLossPerClassStaysInItsClass) {
  const std::vector<double> loss{.1, 3, 1, .5, 2, .5};
  const auto slices = top_loss_per_class(kRows, kLabels, loss, 0.34);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].label, 0);
  EXPECT_EQ(slices[0].members, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(slices[1].members, (std::vector<std::uint32_t>{4}));
}

TEST(Baselines, ConfusionsRankImagesOfOneClassByAnotherClass) {
  const auto slices = confusion_slices(kRows, kLabels, probabilities(), 0.67, 5);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].label, 0);  // .1 + .8 + .4 against .3 + .1 + .55
  EXPECT_EQ(slices[0].answer, 1);
  EXPECT_EQ(slices[0].members, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_NEAR(slices[0].cut, 0.4, 1e-7);
  EXPECT_NEAR(slices[0].weight, 1.3, 1e-6);
  EXPECT_EQ(slices[1].members, (std::vector<std::uint32_t>{5, 3}));
  EXPECT_EQ(confusion_slices(kRows, kLabels, probabilities(), 0.67, 1).size(), 1U);
}

TEST(Baselines, SoftmaxIsThatOfTheDefinition) {
  Matrix logits(3, 2);
  logits.data = {1000, 1001, 0, 0, std::nanf(""), 1};
  const auto p = softmax(logits);
  EXPECT_NEAR(p.row(0)[1], 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_FLOAT_EQ(p.row(1)[0], 0.5F);
  EXPECT_TRUE(std::isnan(p.row(2)[1]));
}

}  // namespace
}  // namespace defuse
