#include "tests/support/statistics/multiplicity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

struct Row {
  std::vector<double> p, hochberg;
};
const std::array<Row, 3> kRows = {{
    {{.01, .04, .03, .005}, {.02, .04, .04, .02}},
    {{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240},
     {.001, .002, .00633333333, .02375, .0402, .0425714286, .0425714286, .043, .051, .324}},
    {{.03125, .5, .015625, 1, .0078125, .25}, {.0625, .6, .046875, 1, .046875, .375}},
}};

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
