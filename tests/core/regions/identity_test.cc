#include "core/regions/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace defuse {
namespace {

const std::string kProbes = "probe-digest";

Region region_of(std::int32_t label, std::int32_t predicted_as, std::uint32_t first, std::uint32_t count) {
  Region region;
  region.label = label;
  region.predicted_as = predicted_as;
  for (std::uint32_t i = 0; i < count; ++i) region.members.push_back({first + i, static_cast<double>(i)});
  return region;
}

RegionFingerprint remembered(const std::string& id, const Region& region, const std::string& probes = kProbes) {
  RegionFingerprint f{RegionId(id), region.label, region.predicted_as, {}, probes};
  for (const RegionMember& m : region.members) f.members.push_back(m.seed);
  return f;
}

// The earlier id that a gate which found this region alone gives it; empty for a new one.
std::string matched(const Region& region, const std::string& probes, const std::vector<RegionFingerprint>& earlier) {
  std::vector<Region> found{region};
  assign_ids("digits", probes, earlier, found);
  for (const auto& known : earlier)
    if (known.id == found.front().id) return known.id;
  return "";
}

TEST(RegionIdentity, SameBugWithShiftedMembersKeepsItsId) {
  const auto earlier = remembered("r-aaaaaaaaaaaa", region_of(7, 1, 100, 40));
  EXPECT_EQ(matched(region_of(7, 1, 125, 40), kProbes, {earlier}), "r-aaaaaaaaaaaa");  // 15 of 40 shared
  EXPECT_EQ(matched(region_of(7, 1, 130, 20), kProbes, {earlier}),
            "r-aaaaaaaaaaaa");  // 10 of the smaller one's 20
}

TEST(RegionIdentity, TooFewSharedMembersAreAnotherBug) {
  const auto earlier = remembered("r-aaaaaaaaaaaa", region_of(7, 1, 100, 40));
  EXPECT_EQ(matched(region_of(7, 1, 129, 40), kProbes, {earlier}), "");  // 11 of 40
  EXPECT_EQ(matched(region_of(6, 1, 100, 40), kProbes, {earlier}), "");  // another class
}

TEST(RegionIdentity, AnotherPredictionNeedsHalfOfTheMembers) {
  const auto earlier = remembered("r-aaaaaaaaaaaa", region_of(7, 1, 100, 40));
  EXPECT_EQ(matched(region_of(7, 9, 125, 40), kProbes, {earlier}), "");
  EXPECT_EQ(matched(region_of(7, 9, 120, 40), kProbes, {earlier}), "r-aaaaaaaaaaaa");
}

TEST(RegionIdentity, MembersOfAnotherProbeSetSayNothing) {
  const auto earlier = remembered("r-aaaaaaaaaaaa", region_of(7, 1, 100, 40), "another-digest");
  EXPECT_EQ(matched(region_of(7, 1, 100, 40), kProbes, {earlier}), "");
}

TEST(RegionIdentity, TheSamePredictionGoesBeforeTheLargerOverlap) {
  const auto same_prediction = remembered("r-samepredicti", region_of(7, 1, 100, 30));
  const auto larger_overlap = remembered("r-largeroverla", region_of(7, 9, 110, 30));
  EXPECT_EQ(matched(region_of(7, 1, 112, 30), kProbes, {larger_overlap, same_prediction}), "r-samepredicti");
}

TEST(RegionIdentity, NewIdIsAFingerprintOfWhatTheRegionIs) {
  const Region region = region_of(7, 1, 100, 40);
  const std::string id = new_region_id("digits", kProbes, region);
  EXPECT_THAT(id, ::testing::MatchesRegex("r-[0-9a-f]+"));
  EXPECT_EQ(id.size(), 14u);
  EXPECT_EQ(id, new_region_id("digits", kProbes, region));
  EXPECT_NE(id, new_region_id("signs", kProbes, region));
  EXPECT_NE(id, new_region_id("digits", "other", region));
  EXPECT_NE(id, new_region_id("digits", kProbes, region_of(7, 2, 100, 40)));
  EXPECT_NE(id, new_region_id("digits", kProbes, region_of(7, 1, 101, 40)));
  Region other_order = region;
  std::swap(other_order.members.front(), other_order.members.back());
  EXPECT_EQ(id, new_region_id("digits", kProbes, other_order));
}

TEST(RegionIdentity, TheBetterMatchKeepsTheIdAndTheOtherGetsItsOwn) {
  const auto earlier = remembered("r-aaaaaaaaaaaa", region_of(7, 1, 100, 40));
  std::vector<Region> regions{region_of(7, 1, 120, 40), region_of(7, 1, 105, 40)};
  assign_ids("digits", kProbes, {earlier}, regions);
  EXPECT_EQ(regions[1].id, "r-aaaaaaaaaaaa");
  EXPECT_NE(regions[0].id, "r-aaaaaaaaaaaa");
  EXPECT_EQ(regions[0].id.str().size(), 14u);
}

TEST(RegionIdentity, TwoRegionsNeverShareAnIdEvenWhenEqual) {
  std::vector<Region> regions{region_of(7, 1, 100, 40), region_of(7, 1, 100, 40), region_of(7, 1, 100, 40)};
  assign_ids("digits", kProbes, {}, regions);
  EXPECT_NE(regions[0].id, regions[1].id);
  EXPECT_NE(regions[1].id, regions[2].id);
  EXPECT_NE(regions[0].id, regions[2].id);
}

TEST(RegionIdentity, AnIdOfAnOldBugIsNeverGivenToAnother) {
  const Region region = region_of(7, 1, 100, 40);
  const std::string would_be = new_region_id("digits", kProbes, region);
  std::vector<Region> regions{region};
  assign_ids("digits", kProbes, {remembered(would_be, region_of(3, 5, 900, 10))}, regions);
  EXPECT_NE(regions[0].id, would_be);
  EXPECT_FALSE(regions[0].id.empty());
}

TEST(RegionIdentity, OfTwoEarlierBugsEachGoesToItsOwnRegion) {
  const auto one = remembered("r-one", region_of(7, 1, 100, 40));
  const auto two = remembered("r-two", region_of(7, 1, 130, 40));
  std::vector<Region> regions{region_of(7, 1, 128, 40), region_of(7, 1, 102, 40)};
  assign_ids("digits", kProbes, {one, two}, regions);
  EXPECT_EQ(regions[0].id, "r-two");
  EXPECT_EQ(regions[1].id, "r-one");
}

}  // namespace
}  // namespace defuse
