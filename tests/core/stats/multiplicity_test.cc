#include "core/stats/multiplicity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/random.h"
#include "tests/core/stats/golden.h"
#include "tests/support/statistics/multiplicity.h"

namespace defuse {
namespace {

struct Row {
  std::vector<double> p, holm;
};
const std::array<Row, 3> kRows = {{
    {{.01, .04, .03, .005}, {.03, .06, .06, .02}},
    {{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240},
     {.001, .0036, .0152, .0665, .1206, .139, .139, .139, .139, .324}},
    {{.03125, .5, .015625, 1, .0078125, .25}, {.125, 1, .078125, 1, .046875, .75}},
}};

TEST(Holm, MatchesGoldenTable) {
  for (const auto& row : kRows) {
    const auto got = holm(row.p);
    ASSERT_EQ(got.size(), row.holm.size());
    for (std::size_t i = 0; i < got.size(); ++i) expect_golden(got[i], row.holm[i]);
  }
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

}  // namespace
}  // namespace defuse
