// How often the search blocks what it should, and what it should not, on synthetic pairs of known truth (planted.h).
// Slow: minutes. One space, 5,000 seeds, 10 classes, honest flips of 1 to 3 % each way; the pocket is 1 % of all seeds.
// Blocked: some region blocks. Found: a blocking region of which at least half lies in the pocket. The pairs are the
// same at every run.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/core/regions/planted.h"

namespace defuse {
namespace {

using planted::make;
using planted::Options;
using planted::Shape;

struct Rates {
  int blocked = 0;
  int found = 0;  // a blocking region of which at least half of the members lie in the pocket
};

Rates run(Options options, int pairs) {
  Rates rates;
  for (int i = 0; i < pairs; ++i) {
    options.seed = 50000 + static_cast<std::uint64_t>(i);
    const auto world = make(options);
    const auto regions = search_regions(world.input(), {});
    if (!regions) {
      ADD_FAILURE() << regions.error().describe();
      return rates;
    }
    bool blocked = false;
    bool found = false;
    for (const Region& region : *regions) {
      if (region.status != RegionStatus::new_bug && region.status != RegionStatus::worse) continue;
      blocked = true;
      std::size_t inside = 0;
      for (const RegionMember& m : region.members) inside += world.in_pocket[m.seed] ? 1 : 0;
      if (2 * inside >= region.members.size()) found = true;
    }
    rates.blocked += blocked ? 1 : 0;
    rates.found += found ? 1 : 0;
  }
  return rates;
}

// Parameter: dimensions of the space.
class RegionPower : public ::testing::TestWithParam<std::size_t> {
 protected:
  static void expect_caught(const Options& options) {
    const Rates rates = run(options, 100);
    EXPECT_GE(rates.blocked, 97);
    EXPECT_GE(rates.found, 97);
  }
};

TEST_P(RegionPower, AnHonestRetrainIsHardlyEverBlocked) {
  Options o;
  o.dimensions = GetParam();
  EXPECT_LE(run(o, 200).blocked, 4);  // 2 %
}

TEST_P(RegionPower, ARestlessRetrainIsHardlyEverBlocked) {
  Options o;
  o.dimensions = GetParam();
  o.flip_rate = 0.03;  // 9 % each way in the outskirts
  EXPECT_LE(run(o, 100).blocked, 2);
}

TEST_P(RegionPower, APocketOfOnePercentIsFound) {
  Options o;
  o.dimensions = GetParam();
  o.shape = Shape::ball;
  expect_caught(o);
}

TEST_P(RegionPower, APocketIsFoundThoughAccuracyDoesNotFall) {
  Options o;
  o.dimensions = GetParam();
  o.shape = Shape::ball;
  o.incumbent_error = 0.03;
  o.gain = 1;  // the candidate fixes every error the incumbent had: three times what the pocket costs
  expect_caught(o);
}

TEST_P(RegionPower, ATailOfOnePercentIsFound) {
  Options o;
  o.dimensions = GetParam();
  o.shape = Shape::tail;
  expect_caught(o);
}

INSTANTIATE_TEST_SUITE_P(Dimensions, RegionPower, ::testing::Values(2, 8, 16));

}  // namespace
}  // namespace defuse
