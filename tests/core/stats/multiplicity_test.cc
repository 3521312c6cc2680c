#include "core/stats/multiplicity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/random.h"
#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

struct Row {
  std::vector<double> p, holm, hochberg;
};
const std::array<Row, 3> kRows = {{
    {{.01, .04, .03, .005}, {.03, .06, .06, .02}, {.02, .04, .04, .02}},
    {{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240},
     {.001, .0036, .0152, .0665, .1206, .139, .139, .139, .139, .324},
     {.001, .002, .00633333333, .02375, .0402, .0425714286, .0425714286, .043, .051, .324}},
    {{.03125, .5, .015625, 1, .0078125, .25},
     {.125, 1, .078125, 1, .046875, .75},
     {.0625, .6, .046875, 1, .046875, .375}},
}};

TEST(Holm, MatchesGoldenTable) {
  for (const auto& row : kRows) {
    const auto got = holm(row.p);
    ASSERT_EQ(got.size(), row.holm.size());
    for (std::size_t i = 0; i < got.size(); ++i) expect_golden(got[i], row.holm[i]);
  }
}

TEST(BenjaminiHochberg, MatchesGoldenTable) {
  for (const auto& row : kRows) {
    const auto got = benjamini_hochberg(row.p);
    ASSERT_EQ(got.size(), row.hochberg.size());
    for (std::size_t i = 0; i < got.size(); ++i) expect_golden(got[i], row.hochberg[i]);
  }
}

TEST(BenjaminiYekutieli, IsHochbergTimesTheHarmonicSum) {
  const std::vector<double> p = {.001, .01, .02, .2};
  const auto plain = benjamini_hochberg(p);
  const auto strict = benjamini_yekutieli(p);
  for (std::size_t i = 0; i < p.size(); ++i)
    EXPECT_NEAR(strict[i], std::min(1.0, plain[i] * (1 + 0.5 + 1.0 / 3 + 0.25)), 1e-12);
}

TEST(Adjustment, OfNothingIsNothingAndOfOneIsItself) {
  EXPECT_TRUE(holm({}).empty());
  EXPECT_TRUE(benjamini_hochberg({}).empty());
  const std::vector<double> one = {0.04};
  EXPECT_EQ(holm(one), one);
  EXPECT_EQ(benjamini_hochberg(one), one);
}

TEST(Adjustment, KeepsOrderAndNeverFavoursHolm) {
  RandomStream random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> p(1 + random.below(30));
    for (auto& value : p) value = round % 2 == 0 ? random.uniform() : random.uniform() * random.uniform() * 0.1;
    p[0] = 1;
    const auto strict = holm(p);
    const auto loose = benjamini_hochberg(p);
    EXPECT_EQ(strict[0], 1);
    for (std::size_t i = 0; i < p.size(); ++i) {
      EXPECT_GE(strict[i], loose[i] - 1e-15);
      EXPECT_GE(loose[i], p[i]);
      EXPECT_LE(strict[i], 1);
      for (std::size_t j = 0; j < p.size(); ++j)
        if (p[i] < p[j]) {
          EXPECT_LE(strict[i], strict[j]);
        }
    }
  }
}

TEST(Lond, MatchesGoldenTable) {
  const std::vector<double> p = {.001, .2, .004, .9, .0005};
  const auto steps = lond(p, 0.05);
  const std::array<double, 5> levels = {0.0303963551, 0.0151981775, 0.0067547456, 0.0056993166, 0.0036475626};
  const std::array<bool, 5> rejected = {true, false, true, false, true};
  ASSERT_EQ(steps.size(), levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    expect_golden(steps[i].level, levels[i]);
    EXPECT_EQ(steps[i].rejected, rejected[i]);
  }
}

}  // namespace
}  // namespace defuse
