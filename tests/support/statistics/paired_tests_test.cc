#include "tests/support/statistics/paired_tests.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.05;

struct Row {
  std::int64_t b, c;
  double exact1, mid1, exact2, mid2, z, asymptotic2, corrected2;
};
const std::array<Row, 6> kRows = {{
    {16, 6, 0.0262393951, 0.0173448324, 0.0524787903, 0.0346896648, 2.1320071636, 0.0330062577, 0.0550088336},
    {10, 3, 0.0461425781, 0.0286865234, 0.0922851562, 0.0573730469, 1.9414506868, 0.0522036353, 0.0960923295},
    {5, 0, 0.03125, 0.015625, 0.0625, 0.03125, 2.2360679775, 0.0253473187, 0.0736382701},
    {7, 7, 0.6047363281, 0.5, 1, 0.8952636719, 0, 1, 1},
    {1175, 1060, 0.0079366520, 0.0074988061, 0.0158733041, 0.0149976122, 2.4325348817, 0.0149935472, 0.0158921759},
    {3220, 3195, 0.3822237830, 0.3774798139, 0.7644475661, 0.7549596278, 0.3121344315, 0.7549383602, 0.7644448626},
}};

TEST(McNemar, MatchesGoldenTable) {
  for (const auto& row : kRows) {
    const McNemar got = mcnemar(row.b, row.c);
    expect_golden(got.exact_one_sided, row.exact1);
    expect_golden(got.mid_one_sided, row.mid1);
    expect_golden(got.exact_two_sided, row.exact2);
    expect_golden(got.mid_two_sided, row.mid2);
    expect_golden(got.z, row.z);
    expect_golden(got.asymptotic_two_sided, row.asymptotic2);
    expect_golden(got.corrected_two_sided, row.corrected2);
    EXPECT_EQ(mcnemar_worse_p(row.b, row.c), got.exact_one_sided);
  }
}

TEST(McNemar, MatchesThePublishedTableOfFagerland2013) {
  const McNemar got = mcnemar(6, 16);
  EXPECT_NEAR(got.exact_two_sided, 0.052479, 5e-7);
  EXPECT_NEAR(got.mid_two_sided, 0.034690, 5e-7);
  EXPECT_NEAR(got.asymptotic_two_sided, 0.033006, 5e-7);
  EXPECT_NEAR(got.corrected_two_sided, 0.055009, 5e-7);
}

TEST(McNemar, MidPMatchesTheFlipTableOfPublishedRetrains) {
  EXPECT_NEAR(mcnemar(3220, 3195).mid_one_sided, 0.377480, 5e-7);
  EXPECT_NEAR(mcnemar(1250, 1055).mid_one_sided, 2.42213e-5, 5e-10);
  EXPECT_NEAR(mcnemar(1175, 1060).mid_one_sided, 0.007499, 5e-7);
  EXPECT_NEAR(mcnemar(850, 895).mid_one_sided, 0.859248, 5e-7);
  EXPECT_NEAR(mcnemar(2445, 4640).mid_one_sided, 1, 1e-12);
}

TEST(McNemar, WithoutFlipsEveryPIsOne) {
  const McNemar got = mcnemar(0, 0);
  for (const double p : {got.exact_one_sided, got.mid_one_sided, got.exact_two_sided, got.mid_two_sided,
                         got.asymptotic_one_sided, got.asymptotic_two_sided, got.corrected_two_sided})
    EXPECT_EQ(p, 1);
  EXPECT_EQ(mcnemar_worse_p(0, 0), 1);
}

TEST(McNemar, OneSidedPsOfBothDirectionsSumAsTheyMust) {
  for (std::int64_t b = 0; b <= 30; b += 3)
    for (std::int64_t c = 0; c <= 30; c += 5) {
      if (b + c == 0) continue;
      const McNemar worse = mcnemar(b, c);
      const McNemar better = mcnemar(c, b);
      const double both = worse.exact_one_sided + better.exact_one_sided;
      EXPECT_GE(both, 1 - 1e-12);
      // The overlap is P(X = b), which is also twice the difference between exact and mid-p.
      EXPECT_NEAR(both, 1 + 2 * (worse.exact_one_sided - worse.mid_one_sided), 1e-12);
      EXPECT_NEAR(worse.mid_one_sided + better.mid_one_sided, 1, 1e-12);
    }
}

TEST(BinomialTailMidP, MatchesGoldenTable) {
  expect_golden(binomial_tail_mid_p(12, 64, 0.05), 4.227833804e-5);
  expect_golden(binomial_tail_mid_p(7, 64, 0.05), 0.0272577653);
  expect_golden(binomial_tail_mid_p(3, 10, 0.1), 0.0414930124);
  EXPECT_EQ(binomial_tail_mid_p(0, 10, 0.1), 1);
}

TEST(FisherGreater, MatchesGoldenTable) {
  expect_golden(fisher_greater_p(12, 64, 20, 400), 4.237468005e-4);
  expect_golden(fisher_greater_p(5, 20, 30, 500), 0.0076735767);
}

TEST(FisherGreater, IsOneWhereNothingSpeaksForIt) {
  EXPECT_EQ(fisher_greater_p(0, 10, 5, 10), 1);
  EXPECT_EQ(fisher_greater_p(3, 10, 0, 0), 1);
  EXPECT_NEAR(fisher_greater_p(10, 10, 10, 10), 1, 1e-12);
}

TEST(McNemarPower, MatchesEnumeratedGoldenValues) {
  expect_golden(mcnemar_power(300, .06, .02, kAlpha, McNemarKind::exact), 0.7545481848);
  expect_golden(mcnemar_power(300, .06, .02, kAlpha, McNemarKind::mid), 0.8081350503);
  expect_golden(mcnemar_power(500, .035, .015, kAlpha, McNemarKind::exact), 0.5794807654);
  expect_golden(mcnemar_power(500, .035, .015, kAlpha, McNemarKind::mid), 0.6469752507);
}

TEST(McNemarPower, StaysBelowAlphaForTheExactTestOfEqualModels) {
  EXPECT_NEAR(mcnemar_power(1000, .025, .025, kAlpha, McNemarKind::exact), 0.0376969, 5e-8);
  EXPECT_NEAR(mcnemar_power(1000, .025, .025, kAlpha, McNemarKind::mid), 0.0493541, 5e-8);
  EXPECT_EQ(mcnemar_power(100, 0, 0, kAlpha, McNemarKind::exact), 0);
}

}  // namespace
}  // namespace defuse
