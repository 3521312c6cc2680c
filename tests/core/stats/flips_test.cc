#include "core/stats/flips.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/core/stats/golden.h"
#include "tests/support/statistics/intervals.h"

namespace defuse {
namespace {

struct Row {
  FourCounts counts;
  double nfr, pfr, relative, error_share, trust, error, unrepaired;
};
const std::array<Row, 4> kRates = {{
    {{32435, 2445, 4640, 10480}, 0.0489, 0.0928, 0.271170124, 0.189168279, 0.929902523, 0.810831721, 0.693121693},
    {{33705, 1175, 1060, 14060}, 0.0235, 0.0212, 0.110557685, 0.077125041, 0.966313073, 0.922874959, 0.929894180},
    {{940, 5, 35, 20}, 0.005, 0.035, 0.211640212, 0.2, 0.994708995, 0.8, 0.363636364},
    {{850, 30, 40, 80}, 0.03, 0.04, 0.309917355, 0.272727273, 0.965909091, 0.727272727, 0.666666667},
}};

TEST(FlipRates, MatchGoldenTable) {
  for (const auto& row : kRates) {
    const FlipRates got = flip_rates(row.counts);
    expect_golden(got.negative, row.nfr);
    expect_golden(got.positive, row.pfr);
    expect_golden(got.relative, row.relative);
    expect_golden(got.error_share, row.error_share);
    expect_golden(got.trust, row.trust);
    expect_golden(got.error, row.error);
    expect_golden(got.unrepaired, row.unrepaired);
  }
}

TEST(FlipRates, SatisfyTheirIdentities) {
  for (const auto& row : kRates) {
    const FlipRates got = flip_rates(row.counts);
    EXPECT_NEAR(got.error_share + got.error, 1, 1e-12);
    const double n = static_cast<double>(row.counts.total());
    const double accuracy_before = static_cast<double>(row.counts.both_right + row.counts.negative_flips) / n;
    EXPECT_NEAR(got.trust, 1 - got.negative / accuracy_before, 1e-12);
  }
}

TEST(FlipRates, DoNotApplyWhereTheDenominatorIsEmpty) {
  const FlipRates none = flip_rates({});
  EXPECT_TRUE(std::isnan(none.negative));
  EXPECT_TRUE(std::isnan(none.relative));
  const FlipRates perfect = flip_rates({10, 0, 0, 0});
  EXPECT_EQ(perfect.negative, 0);
  EXPECT_EQ(perfect.trust, 1);
  EXPECT_TRUE(std::isnan(perfect.error));
  EXPECT_TRUE(std::isnan(perfect.unrepaired));
}

struct Relative {
  FourCounts counts;
  double rate, error, low, up, one_sided;
};
const std::array<Relative, 4> kRelative = {{
    {{32435, 2445, 4640, 10480}, 0.2711701240, 0.0171407583, 0.2622114184, 0.2804349125, 0.2789243021},
    {{33705, 1175, 1060, 14060}, 0.1105576850, 0.0272245859, 0.1048130422, 0.1166171828, 0.1156210322},
    {{940, 5, 35, 20}, 0.2116402116, 0.3979511017, 0.0970200726, 0.4616733217, 0.4072629441},
    {{850, 30, 40, 80}, 0.3099173554, 0.1507511039, 0.2306355899, 0.4164524963, 0.3971321776},
}};

TEST(RelativeFlipRate, MatchesGoldenTable) {
  for (const auto& row : kRelative) {
    const RelativeRate got = relative_flip_rate(row.counts);
    ASSERT_TRUE(got.defined);
    expect_golden(got.rate, row.rate);
    expect_golden(got.log_error, row.error);
    expect_golden(relative_interval(got).lower, row.low);
    expect_golden(relative_interval(got).upper, row.up);
    expect_golden(relative_upper(got, 0.05), row.one_sided);
  }
}

TEST(RelativeFlipRate, MatchesTheFlipTableOfPublishedRetrains) {
  const auto near = [](const FourCounts& counts, double rate, double low, double up) {
    const RelativeRate got = relative_flip_rate(counts);
    EXPECT_NEAR(got.rate, rate, 5e-5);
    EXPECT_NEAR(relative_interval(got).lower, low, 5e-5);
    EXPECT_NEAR(relative_interval(got).upper, up, 5e-5);
  };
  near({31660, 3220, 3195, 11925}, 0.3048, 0.2963, 0.3135);
  near({33630, 1250, 1055, 14065}, 0.1170, 0.1111, 0.1232);
  near({36115, 850, 895, 12140}, 0.0885, 0.0830, 0.0943);
  near({33430, 1450, 3410, 11710}, 0.1579, 0.1507, 0.1655);
}

TEST(RelativeFlipRate, IsUndefinedWithoutNegativeFlips) {
  const RelativeRate none = relative_flip_rate({90, 0, 4, 6});
  EXPECT_FALSE(none.defined);
  EXPECT_TRUE(std::isinf(relative_upper(none, 0.05)));
  EXPECT_EQ(relative_lower(none, 0.05), 0);
}

// 9 new ones of 20 errors; the incumbent right on 0.95.
TEST(RelativeFlipRate, FewFlipsAreJudgedByTheExactConditionalBinomial) {
  const FourCounts counts{941, 9, 39, 11};
  EXPECT_NEAR(relative_flip_upper(counts, 0.05), clopper_pearson_upper(9, 20, 0.05) / 0.95, 1e-12);
  EXPECT_NEAR(relative_flip_lower(counts, 0.05), clopper_pearson_lower(9, 20, 0.05) / 0.95, 1e-12);
  // P(Bin(20, 0.25 * 0.95) >= 9), summed by hand in exact fractions.
  double expected = 0;
  for (int k = 9; k <= 20; ++k) {
    double term = 1;
    for (int i = 0; i < k; ++i) term *= 0.2375 * (20 - i) / (i + 1);
    for (int i = 0; i < 20 - k; ++i) term *= 0.7625;
    expected += term;
  }
  EXPECT_NEAR(relative_flip_p(counts, 0.25), expected, 1e-12);
}

TEST(RelativeFlipRate, ManyFlipsTakeTheWiderOfBothBounds) {
  for (const auto& row : kRelative) {
    const RelativeRate delta = relative_flip_rate(row.counts);
    EXPECT_GE(relative_flip_upper(row.counts, 0.05), std::min(1e9, delta.rate));
    if (row.counts.negative_flips < kFewestFlipsForRelative) continue;
    EXPECT_GE(relative_flip_upper(row.counts, 0.05), relative_upper(delta, 0.05));
    EXPECT_LE(relative_flip_lower(row.counts, 0.05), relative_lower(delta, 0.05));
  }
}

// The delta method has no standard error there and would be sure of anything.
TEST(RelativeFlipRate, ErrorsThatAreAllNewStayUncertain) {
  const FourCounts counts{9960, 30, 10, 0};
  EXPECT_LT(relative_flip_lower(counts, 0.05), 0.92);
  EXPECT_GT(relative_flip_p(counts, 0.9), 0.03);
  EXPECT_EQ(relative_flip_p({100, 0, 4, 6}, 0.5), 1);
  EXPECT_EQ(relative_flip_p({90, 10, 0, 0}, 1.2), 1);  // no table can exceed it
}

TEST(RelativeFlipRate, IsOneForIndependentErrors) {
  // Incumbent wrong on 20 %, candidate on 10 %, independently.
  EXPECT_NEAR(relative_flip_rate({7200, 800, 1800, 200}).rate, 1, 1e-12);
}

}  // namespace
}  // namespace defuse
