#include "core/slices/row_sets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace defuse {
namespace {

TEST(RowSets, HighestBreaksTiesByIndexAndPutsNanLast) {
  EXPECT_EQ(highest(std::vector<double>{1, 3, 3, std::nan(""), 2}, 4), (Slice{1, 2, 4, 0}));
  EXPECT_EQ(highest(std::vector<double>{1}, 5).size(), 1U);
}

TEST(RowSets, HighestOfNothingIsNothing) {
  EXPECT_TRUE(highest({}, 3).empty());
  EXPECT_TRUE(highest(std::vector<double>{1, 2}, 0).empty());
}

TEST(RowSets, JaccardIsSharedOverAll) {
  EXPECT_DOUBLE_EQ(jaccard(Slice{1, 2, 3}, Slice{3, 4}), 0.25);
  EXPECT_DOUBLE_EQ(jaccard(Slice{3, 1, 2, 2}, Slice{2, 1, 3}), 1) << "neither order nor repetition matters";
  EXPECT_EQ(jaccard(Slice{}, Slice{}), 0);
}

}  // namespace
}  // namespace defuse
