// What a later candidate is asked again: the images that showed the bug, and no others.
#include "core/regions/frozen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace defuse {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kDraws = 10;

// Sixty seeds of class 0, all of whose ten draws are plausible; the models have answered rightly everywhere.
struct Probe {
  ProbeSet probes;
  ProbeEvaluation candidate, incumbent;

  Probe() {
    constexpr std::size_t kSeeds = 60;
    probes.draws = kDraws;
    probes.codes = Matrix(kSeeds, 2);
    for (std::uint32_t s = 0; s < kSeeds; ++s) {
      probes.seeds.push_back({.split = Split::test, .index = s, .label = 0, .half = Half::discover});
      probes.codes.row(s)[0] = static_cast<float>(s);
    }
    probes.plausible.assign(kSeeds * kDraws, 1);
    candidate.real.assign(kSeeds, 0);
    candidate.perturbed.assign(kSeeds * kDraws, 0);
    incumbent = candidate;
  }

  std::vector<FrozenImage> frozen(const Region& region, std::size_t pixels = 784) const {
    return choose_frozen(region, probes, candidate, &incumbent, pixels);
  }
};

Region region_of(std::vector<std::uint32_t> seeds, RegionEvidence evidence) {
  Region region;
  region.status = RegionStatus::new_bug;
  region.evidence = evidence;
  for (const auto s : seeds) region.members.push_back({s, 0});
  return region;
}

TEST(FrozenTest, OfARegionOfGeneratedImagesHoldsTheDrawsInsideAndNoOthers) {
  Probe probe;
  auto region = region_of({7, 3}, RegionEvidence::generated);
  region.draws = {76, 79, 34};  // draws 6 and 9 of seed 7, draw 4 of seed 3
  EXPECT_THAT(probe.frozen(region), ElementsAre(FrozenImage{7, 6}, FrozenImage{3, 4}, FrozenImage{7, 9}));
}

TEST(FrozenTest, OfDrawsThatARealRegionWasMergedIntoStillHoldsOnlyDrawsInside) {
  Probe probe;
  auto region = region_of({7, 3}, RegionEvidence::both);
  region.draws = {76, 34};
  region.predicted_as = 1;
  probe.candidate.real[5] = 1;  // fails alike between the two, but none of its draws is inside
  EXPECT_THAT(probe.frozen(region), ElementsAre(FrozenImage{7, 6}, FrozenImage{3, 4}));
}

TEST(FrozenTest, OfRealImagesHoldsNoGeneratedOnes) {
  const Probe probe;
  EXPECT_THAT(probe.frozen(region_of({2, 4}, RegionEvidence::real)),
              ElementsAre(FrozenImage{2, -1}, FrozenImage{4, -1}));
}

TEST(FrozenTest, SpreadsTheDrawsOfSeedsOverAllMoves) {
  const Probe probe;
  std::vector<std::uint32_t> seeds;
  for (std::uint32_t s = 0; s < 10; ++s) seeds.push_back(s);
  const auto frozen = probe.frozen(region_of(seeds, RegionEvidence::generated));
  std::vector<int> times(kDraws, 0);
  std::set<std::pair<std::uint32_t, int>> once;
  for (const auto& image : frozen) {
    ASSERT_GE(image.draw, 0);
    ++times[static_cast<std::size_t>(image.draw)];
    once.insert({image.seed, image.draw});
  }
  EXPECT_THAT(times, testing::Each(5));
  EXPECT_EQ(once.size(), frozen.size());
}

TEST(FrozenTest, KeepsPlausibleDrawsOnlyAndRealImagesWhereThereIsNone) {
  Probe probe;
  for (int q = 0; q < kDraws; ++q) probe.probes.plausible[static_cast<std::size_t>(q)] = q == 8;
  EXPECT_THAT(probe.frozen(region_of({0}, RegionEvidence::generated)), ElementsAre(FrozenImage{0, 8}));
  probe.probes.plausible[8] = 0;
  EXPECT_THAT(probe.frozen(region_of({0}, RegionEvidence::generated)), ElementsAre(FrozenImage{0, -1}));
}

TEST(FrozenTest, GivesEverySeedItsFirstImageBeforeAnyItsSecondWhereRoomIsShort) {
  const Probe probe;
  const std::size_t pixels = (64UL << 20) / sizeof(float) / 3;  // room for three images
  const auto frozen = probe.frozen(region_of({1, 2}, RegionEvidence::both), pixels);
  ASSERT_EQ(frozen.size(), 3U);
  EXPECT_EQ(frozen[0], (FrozenImage{1, -1}));
  EXPECT_EQ(frozen[1], (FrozenImage{2, -1}));
  EXPECT_EQ(frozen[2].seed, 1U);
}

TEST(FrozenTest, AddsSeedsAroundASmallRealRegionThatFailAlike) {
  Probe probe;
  auto region = region_of({10, 11, 14, 15}, RegionEvidence::real);
  region.predicted_as = 1;
  probe.candidate.real[12] = 1;
  probe.candidate.real[13] = 2;  // fails, but otherwise
  probe.candidate.real[40] = 1;  // fails alike, but far away
  EXPECT_THAT(probe.frozen(region), ElementsAre(FrozenImage{10, -1}, FrozenImage{11, -1}, FrozenImage{14, -1},
                                                FrozenImage{15, -1}, FrozenImage{12, -1}));
}

TEST(FrozenTest, OfAnUnconfirmedRegionIsSmaller) {
  const Probe probe;
  std::vector<std::uint32_t> seeds;
  for (std::uint32_t s = 0; s < 60; ++s) seeds.push_back(s);
  auto region = region_of(seeds, RegionEvidence::real);
  EXPECT_EQ(probe.frozen(region).size(), 60U);
  region.status = RegionStatus::suspected;
  EXPECT_EQ(probe.frozen(region).size(), 40U);
}

TEST(FrozenTest, OfARegionWithoutMembersIsEmpty) {
  EXPECT_THAT(Probe().frozen(region_of({}, RegionEvidence::both)), IsEmpty());
}

}  // namespace
}  // namespace defuse
