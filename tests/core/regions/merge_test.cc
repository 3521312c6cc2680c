#include "core/regions/merge.h"

#include <gtest/gtest.h>

#include <vector>

namespace defuse {
namespace {

Region make(RegionStatus status, std::uint32_t first, std::uint32_t count, double net = 0.5) {
  Region region;
  region.status = status;
  region.space = Space::codes;
  region.evidence = RegionEvidence::real;
  region.label = 7;
  region.predicted_as = 1;
  region.center = {0, 0};
  region.radius = 1;
  region.confirm.seeds = count / 2;
  region.confirm.net_flip_rate = net;
  region.confirm.candidate_error = net;
  for (std::uint32_t i = 0; i < count; ++i) region.members.push_back({first + i, 0.1 * i});
  return region;
}

TEST(MergeRegions, HalfOfTheSmallerOnesMembersMakeThemOne) {
  EXPECT_TRUE(same_bug(make(RegionStatus::new_bug, 0, 40), make(RegionStatus::worse, 30, 20)));
  EXPECT_FALSE(same_bug(make(RegionStatus::new_bug, 0, 40), make(RegionStatus::worse, 31, 20)));
  Region other = make(RegionStatus::worse, 0, 40);
  other.label = 8;
  EXPECT_FALSE(same_bug(make(RegionStatus::new_bug, 0, 40), other));
}

TEST(MergeRegions, OneMixtureComponentAndTouchingBallsMakeThemOne) {
  Region a = make(RegionStatus::new_bug, 0, 40), b = make(RegionStatus::worse, 100, 40);
  b.center = {1.9F, 0};
  EXPECT_FALSE(same_bug(a, b));  // no component
  a.component = b.component = 3;
  EXPECT_TRUE(same_bug(a, b));
  b.center = {2.1F, 0};
  EXPECT_FALSE(same_bug(a, b));  // apart
  b.center = {1.9F, 0};
  b.predicted_as = 2;
  EXPECT_FALSE(same_bug(a, b));
  b.predicted_as = 1;
  b.space = Space::candidate_embedding;
  EXPECT_FALSE(same_bug(a, b));
}

TEST(MergeRegions, TheMoreImportantOneStaysAndNamesBothKindsOfEvidence) {
  Region generated = make(RegionStatus::worse, 0, 40);
  generated.evidence = RegionEvidence::generated;
  const auto merged = merge_regions({generated, make(RegionStatus::new_bug, 5, 40)});
  ASSERT_EQ(merged.size(), 1u);
  EXPECT_EQ(merged[0].status, RegionStatus::new_bug);
  EXPECT_EQ(merged[0].evidence, RegionEvidence::both);
}

TEST(MergeRegions, AGainNeverHidesHarmBesideIt) {
  const auto merged = merge_regions({make(RegionStatus::fixed, 0, 40, -0.9), make(RegionStatus::suspected, 0, 40, 0.3),
                                     make(RegionStatus::fixed, 2, 40, -0.8)});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].status, RegionStatus::fixed);
  EXPECT_EQ(merged[1].status, RegionStatus::suspected);
}

TEST(MergeRegions, OrdersByStatusThenHarm) {
  const auto merged =
      merge_regions({make(RegionStatus::suspected, 0, 40), make(RegionStatus::inherited, 100, 40),
                     make(RegionStatus::new_bug, 200, 20, 0.5), make(RegionStatus::new_bug, 300, 80, 0.4),
                     make(RegionStatus::fixed, 400, 40, -0.5), make(RegionStatus::worse, 500, 40)});
  ASSERT_EQ(merged.size(), 6u);
  EXPECT_EQ(merged[0].members.front().seed, 300u);  // 16 images against 5
  EXPECT_EQ(merged[1].members.front().seed, 200u);
  EXPECT_EQ(merged[2].status, RegionStatus::worse);
  EXPECT_EQ(merged[3].status, RegionStatus::inherited);
  EXPECT_EQ(merged[4].status, RegionStatus::fixed);
  EXPECT_EQ(merged[5].status, RegionStatus::suspected);
}

TEST(MergeRegions, NothingStaysNothing) { EXPECT_TRUE(merge_regions({}).empty()); }

}  // namespace
}  // namespace defuse
