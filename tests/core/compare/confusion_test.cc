#include "core/compare/confusion.h"

#include <gtest/gtest.h>

#include <vector>

namespace defuse {
namespace {

TEST(Confusion, CountsBothModelsOnTheSameImages) {
  const std::vector<std::int32_t> labels{0, 0, 0, 1, 1}, old{0, 0, 1, 1, 1}, now{0, 1, 1, 1, -1};
  const auto found = confusion(labels, old, now, 2);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->whole);
  EXPECT_TRUE(found->incumbent);
  EXPECT_EQ(found->cells, (std::vector<ConfusionCell>{{0, 0, 1, 2}, {0, 1, 2, 1}, {1, -1, 1, 0}, {1, 1, 1, 2}}));
}

TEST(Confusion, NeedsNoIncumbent) {
  const std::vector<std::int32_t> labels{0, 1}, now{1, 1};
  const auto found = confusion(labels, {}, now, 2);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->incumbent);
  EXPECT_EQ(found->cells, (std::vector<ConfusionCell>{{0, 1, 1, 0}, {1, 1, 1, 0}}));
}

TEST(Confusion, OfManyClassesOnlyTheMostFrequentMistakesAreKept) {
  std::vector<std::int32_t> labels, now;
  for (std::int32_t label = 0; label < 200; ++label)
    for (std::int32_t i = 0; i <= label; ++i) {
      labels.push_back(label);
      now.push_back(i == 0 ? label : (label + 1) % 200);  // more mistakes the higher the class
    }
  const auto found = confusion(labels, {}, now, 200);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->whole);
  ASSERT_EQ(found->cells.size(), kConfusionCells);
  EXPECT_EQ(found->cells.front().label, 100);
  for (const auto& cell : found->cells) EXPECT_NE(cell.label, cell.predicted);
}

TEST(Confusion, RefusesWhatDoesNotFit) {
  const std::vector<std::int32_t> labels{0, 5}, now{1, 1}, one{1};
  EXPECT_FALSE(confusion(labels, {}, now, 2));
  EXPECT_FALSE(confusion(labels, one, now, 6));
  EXPECT_FALSE(confusion(labels, {}, one, 6));
}

}  // namespace
}  // namespace defuse
