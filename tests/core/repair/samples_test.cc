#include "core/repair/samples.h"

#include <gtest/gtest.h>

#include <set>

namespace defuse {
namespace {

// Seeds 0 … 59 of the test split, 60 … 359 of the training split, all of class 1, with four draws; the last draw of
// each is not plausible. The candidate fails on draw 0.
struct World {
  ProbeSet probes;
  ProbeEvaluation candidate;
  RepairOrder order;

  World() {
    probes.draws = 4;
    for (std::uint32_t i = 0; i < 60; ++i) probes.seeds.push_back({Split::test, i, 1, Half::discover});
    for (std::uint32_t i = 0; i < 300; ++i) probes.seeds.push_back({Split::train, i, 1, Half::confirm});
    probes.perturbed = probes.seeds.size();
    for (std::size_t s = 0; s < probes.seeds.size(); ++s) {
      candidate.real.push_back(1);
      for (int q = 0; q < 4; ++q) {
        probes.plausible.push_back(q < 3 ? 1 : 0);
        candidate.perturbed.push_back(q == 0 ? 2 : 1);
      }
    }
    RegionToRepair region{"r-0123456789ab", 1, RegionEvidence::both, {}};
    for (std::uint32_t s = 30; s < 200; ++s) region.seeds.push_back(s);
    order.regions.push_back(region);
  }
};

std::set<std::uint32_t> seeds_of(const std::vector<Sample>& samples) {
  std::set<std::uint32_t> seeds;
  for (const auto& sample : samples) seeds.insert(sample.seed);
  return seeds;
}

TEST(Divide, ASeedLiesOnOneSideAndTestSeedsAreHeldOut) {
  const World world;
  const auto divided = divide(world.order, world.probes, world.candidate, 100'000);
  const auto tuning = seeds_of(divided.tuning), validation = seeds_of(divided.validation),
             held_out = seeds_of(divided.held_out);
  EXPECT_EQ(held_out.size(), 30U);
  EXPECT_EQ(tuning.size() + validation.size(), 140U);
  EXPECT_GT(validation.size(), 10U);
  EXPECT_LT(validation.size(), 45U);
  for (const auto s : held_out) EXPECT_EQ(world.probes.seeds[s].split, Split::test);
  for (const auto s : tuning) {
    EXPECT_FALSE(validation.contains(s));
    EXPECT_FALSE(kept_for_validation(world.probes.seeds[s].index, world.order.settings.seed));
  }
  for (const auto s : validation)
    EXPECT_TRUE(kept_for_validation(world.probes.seeds[s].index, world.order.settings.seed))
        << "its real image would be tuned on as a training image";
  for (const auto* samples : {&divided.tuning, &divided.held_out})
    for (const auto& sample : *samples) EXPECT_LT(sample.draw, 3) << "not plausible";
  EXPECT_EQ(divided.held_out.size(), 30U * 4) << "the real image and three draws each";
}

TEST(Divide, EvidenceSaysWhichImagesARegionHas) {
  World world;
  world.order.regions[0].evidence = RegionEvidence::real;
  for (const auto& sample : divide(world.order, world.probes, world.candidate, 1000).tuning) EXPECT_EQ(sample.draw, -1);
  world.order.regions[0].evidence = RegionEvidence::generated;
  for (const auto& sample : divide(world.order, world.probes, world.candidate, 1000).tuning) EXPECT_GE(sample.draw, 0);
}

TEST(Divide, ErrorsAndRandomImagesComeFromSeedsThatMayBeTunedOn) {
  const World world;
  const auto divided = divide(world.order, world.probes, world.candidate, 400);
  ASSERT_FALSE(divided.errors.empty());
  EXPECT_EQ(divided.random.size(), divided.tuning.size());
  for (const auto* samples : {&divided.errors, &divided.random}) {
    for (const auto& sample : *samples) {
      const Seed& seed = world.probes.seeds[sample.seed];
      EXPECT_EQ(seed.split, Split::train);
      EXPECT_FALSE(kept_for_validation(seed.index, world.order.settings.seed));
    }
  }
  for (const auto& sample : divided.errors) EXPECT_EQ(sample.draw, 0);
}

TEST(Divide, LimitsTakeSeedsInTurn) {
  const World world;
  const auto divided = divide(world.order, world.probes, world.candidate, 50);
  EXPECT_EQ(divided.tuning.size(), 50U);
  EXPECT_EQ(seeds_of(divided.tuning).size(), 50U);
}

TEST(Divide, ARegionOfTestImagesAloneCannotBeLearntFrom) {
  World world;
  world.order.regions.push_back({"r-ba9876543210", 1, RegionEvidence::real, {0, 1, 2, 3, 4, 5, 60, 61}});
  const auto divided = divide(world.order, world.probes, world.candidate, 1000);
  ASSERT_EQ(divided.left_out.size(), 1U);
  EXPECT_NE(divided.left_out[0].find("r-ba9876543210"), std::string::npos);
  for (const auto& sample : divided.held_out) EXPECT_EQ(sample.region, 0U);
}

TEST(Divide, APersonsLabelIsTheOneThatIsLearnt) {
  World world;
  world.order.regions[0].label = 5;
  for (const auto& sample : divide(world.order, world.probes, world.candidate, 1000).tuning) EXPECT_EQ(sample.label, 5);
}

}  // namespace
}  // namespace defuse
