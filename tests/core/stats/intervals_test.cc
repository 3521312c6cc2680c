#include "core/stats/intervals.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "tests/core/stats/golden.h"
#include "tests/support/statistics/intervals.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.05;

FourCounts counts(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) { return {a, b, c, d}; }

FourCounts mirrored(const FourCounts& t) { return {t.both_right, t.positive_flips, t.negative_flips, t.both_wrong}; }

// Tables of varied shape for the invariants: some sparse, some full, all from a fixed stream.
std::vector<FourCounts> varied_tables() {
  std::vector<FourCounts> tables = {counts(0, 0, 0, 1),   counts(1, 0, 0, 0),  counts(0, 1, 0, 0),
                                    counts(5, 0, 1, 0),   counts(90, 0, 0, 9), counts(0, 4, 4, 0),
                                    counts(100, 7, 0, 3), counts(0, 3, 9, 0),  counts(9000, 120, 80, 800)};
  RandomStream random(11);
  for (int i = 0; i < 40; ++i) {
    const auto size = static_cast<std::uint64_t>(i < 20 ? 12 : 400);
    FourCounts t;
    t.both_right = static_cast<std::int64_t>(random.below(size));
    t.negative_flips = static_cast<std::int64_t>(random.below(size / 4 + 1));
    t.positive_flips = static_cast<std::int64_t>(random.below(size / 4 + 1));
    t.both_wrong = static_cast<std::int64_t>(random.below(size / 2) + 1);
    tables.push_back(t);
  }
  return tables;
}

TEST(NormalQuantile, MatchesTabledValues) {
  expect_golden(normal_quantile(0.8), 0.8416212336);
  expect_golden(normal_quantile(0.9), 1.2815515655);
  expect_golden(normal_quantile(0.95), 1.6448536270);
  expect_golden(normal_quantile(0.975), 1.9599639845);
  expect_golden(normal_quantile(0.99), 2.3263478740);
  expect_golden(normal_quantile(0.995), 2.5758293035);
  for (const double p : {1e-9, 0.01, 0.3, 0.5, 0.9999}) EXPECT_NEAR(normal_cdf(normal_quantile(p)), p, 1e-12);
}

TEST(StudentQuantile, MatchesTabledValues) {
  expect_golden(student_quantile(0.95, 7), 1.8945786051);
  expect_golden(student_quantile(0.95, 9), 1.8331129327);
  expect_golden(student_quantile(0.975, 7), 2.3646242510);
  expect_golden(student_quantile(0.975, 9), 2.2621571628);
}

struct Share {
  std::int64_t x, n;
  double lower, upper;  // at 0.025 each
};
const std::array<Share, 5> kShares = {{
    {0, 10, 0, 0.3084971078},
    {1, 20, 0.0012650895, 0.2487327628},
    {7, 50, 0.0581917003, 0.2673960025},
    {38, 5000, 0.0053836636, 0.0104168119},
    {3220, 50000, 0.0622637859, 0.0665869533},
}};

TEST(ClopperPearsonBounds, MatchGoldenTable) {
  for (const auto& row : kShares) {
    expect_golden(clopper_pearson_lower(row.x, row.n, 0.025), row.lower);
    expect_golden(clopper_pearson_upper(row.x, row.n, 0.025), row.upper);
  }
  expect_golden(clopper_pearson_upper(0, 10, kAlpha), 0.2588655509);
  expect_golden(clopper_pearson_upper(0, 1000, kAlpha), 0.0029912495);
  expect_golden(clopper_pearson_upper(7, 50, kAlpha), 0.2469352017);
  expect_golden(clopper_pearson_upper(38, 5000, kAlpha), 0.0099499176);
  expect_golden(clopper_pearson_upper(39, 5000, kAlpha), 0.0101757705);
  expect_golden(clopper_pearson_upper(463, 50000, kAlpha), 0.0099961049);
  expect_golden(clopper_pearson_upper(1175, 50000, kAlpha), 0.0246450166);
}

TEST(ClopperPearsonBounds, WithoutSuccessesAreTheClosedForm) {
  expect_golden(clopper_pearson_upper(0, 100, kAlpha), 0.0295130496);
  expect_golden(clopper_pearson_upper(0, 300, kAlpha), 0.0099360819);
  expect_golden(clopper_pearson_upper(0, 500, kAlpha), 0.0059735515);
  expect_golden(clopper_pearson_upper(0, 10000, kAlpha), 0.0002995284);
  for (const int n : {1, 3, 77, 4000})
    EXPECT_NEAR(clopper_pearson_upper(0, n, kAlpha), 1 - std::pow(kAlpha, 1.0 / n), 1e-12);
}

TEST(ClopperPearsonBounds, AreTheWholeRangeWithoutObservationsAndCloseAtTheEnds) {
  EXPECT_EQ(clopper_pearson_lower(0, 0, kAlpha), 0);
  EXPECT_EQ(clopper_pearson_upper(0, 0, kAlpha), 1);
  for (const std::int64_t n : {1, 7, 1000}) {
    EXPECT_EQ(clopper_pearson_lower(0, n, kAlpha), 0);
    EXPECT_EQ(clopper_pearson_upper(n, n, kAlpha), 1);
  }
}

TEST(ClopperPearsonBounds, KeepTheirPromisedCoverage) {
  // Exact coverage of the one-sided upper bound at n = 30: the chance of an x whose bound is below the true share is <=
  // alpha.
  for (const double share : {0.01, 0.05, 0.3, 0.6, 0.97}) {
    double missed = 0;
    for (std::int64_t x = 0; x <= 30; ++x)
      if (clopper_pearson_upper(x, 30, kAlpha) < share)
        missed += std::exp(std::lgamma(31.0) - std::lgamma(static_cast<double>(x) + 1) -
                           std::lgamma(31.0 - static_cast<double>(x)) + static_cast<double>(x) * std::log(share) +
                           (30.0 - static_cast<double>(x)) * std::log1p(-share));
    EXPECT_LE(missed, kAlpha + 1e-12) << share;
  }
}

TEST(ClopperPearsonBounds, OfRealCountsAgreeWithWholeOnesAndRiseBetweenThem) {
  EXPECT_EQ(clopper_pearson_upper_real(7, 50, kAlpha), clopper_pearson_upper(7, 50, kAlpha));
  EXPECT_EQ(clopper_pearson_lower_real(7, 50, kAlpha), clopper_pearson_lower(7, 50, kAlpha));
  EXPECT_LT(clopper_pearson_upper_real(7, 50, kAlpha), clopper_pearson_upper_real(7.5, 50, kAlpha));
  EXPECT_GT(clopper_pearson_lower_real(0.4, 50, kAlpha), 0);
  EXPECT_LT(clopper_pearson_lower_real(0.4, 50, kAlpha), 0.4 / 50);
}

struct Paired {
  FourCounts table;
  double drop;
  Bounds newcombe, tango;
  double tango_one_sided;
};
const std::array<Paired, 9> kPaired = {{
    {{59, 6, 16, 80}, -0.0621118012, {-0.1186211956, -0.0046251139}, {-0.1240234325, -0.0054333957}, -0.0150583638},
    {{53, 16, 8, 9}, 0.0930232558, {-0.0201040769, 0.2039158353}, {-0.0196589227, 0.2069107706}, 0.1878873651},
    {{940, 5, 35, 20}, -0.03, {-0.0436916070, -0.0180147927}, {-0.0438089794, -0.0186461609}, -0.0204049661},
    {{33705, 1175, 1060, 14060}, 0.0023, {0.0004464360, 0.0041537484}, {0.0004471946, 0.0041562222}, 0.0038572021},
    {{32435, 2445, 4640, 10480},
     -0.0439,
     {-0.0471774677, -0.0406229341},
     {-0.0471845613, -0.0406293927},
     -0.0411544285},
    {{95, 5, 0, 0}, 0.05, {0.0033279408, 0.1117504692}, {0.0111568269, 0.1117504692}, 0.0991610853},
    {{90, 0, 0, 10}, 0, {-0.0352957091, 0.0352957091}, {-0.0369934982, 0.0369934982}, 0.0263427208},
    {{1, 0, 0, 1}, 0, {-0.5734194680, 0.5734194680}, {-0.6576197725, 0.6576197725}, 0.5749693910},
    {{0, 3, 0, 0}, 1, {0.2059232825, 1}, {-0.1229940635, 1}, 1},
}};

TEST(NewcombePairedInterval, MatchesGoldenTable) {
  for (const auto& row : kPaired) {
    const Bounds got = newcombe_paired_interval(row.table);
    expect_golden(got.lower, row.newcombe.lower);
    expect_golden(got.upper, row.newcombe.upper);
  }
}

TEST(TangoInterval, MatchesGoldenTable) {
  for (const auto& row : kPaired) {
    const Bounds got = tango_interval(row.table);
    expect_golden(got.lower, row.tango.lower);
    expect_golden(got.upper, row.tango.upper);
    expect_golden(tango_upper(row.table, kAlpha), row.tango_one_sided);
  }
  const Bounds wide = tango_interval(counts(90, 40, 20, 10));
  expect_golden(wide.lower, 0.0308645331);
  expect_golden(wide.upper, 0.2180642442);
}

TEST(TangoInterval, MatchesTheFlipTableOfPublishedRetrains) {
  const auto near = [](const FourCounts& t, double expected) { EXPECT_NEAR(tango_upper(t, kAlpha), expected, 5e-8); };
  near(counts(31660, 3220, 3195, 11925), 0.0031353);
  near(counts(33630, 1250, 1055, 14065), 0.0054819);
  near(counts(33705, 1175, 1060, 14060), 0.0038572);
  near(counts(36115, 850, 895, 12140), 0.0004746);
  near(counts(33430, 1450, 3410, 11710), -0.0369323);
}

TEST(TangoInterval, WithoutDiscordantImagesIsTheClosedForm) {
  expect_golden(tango_interval(counts(100, 0, 0, 0)).upper, 0.0369934982);
  expect_golden(tango_interval(counts(600, 0, 0, 400)).upper, 0.0038267585);
  const double z = normal_quantile(0.975);
  EXPECT_NEAR(tango_interval(counts(37, 0, 0, 0)).lower, -z * z / (37 + z * z), 1e-10);
}

TEST(TangoInterval, EndsWhereTheScoreStatisticCrossesItsQuantile) {
  const double z = normal_quantile(0.95);
  for (const auto& t : varied_tables()) {
    if (t.negative_flips == 0 || t.positive_flips == 0) continue;  // the statistic may jump there
    EXPECT_NEAR(tango_statistic(t, tango_lower(t, kAlpha)), z, 1e-6);
    EXPECT_NEAR(tango_statistic(t, tango_upper(t, kAlpha)), -z, 1e-6);
  }
}

TEST(PairedIntervals, MirrorWhenTheModelsAreSwapped) {
  for (const auto& t : varied_tables()) {
    const Bounds tango = tango_interval(t);
    const Bounds swapped = tango_interval(mirrored(t));
    EXPECT_NEAR(tango.lower, -swapped.upper, 1e-9);
    EXPECT_NEAR(tango.upper, -swapped.lower, 1e-9);
    const Bounds newcombe = newcombe_paired_interval(t);
    const Bounds newcombe_swapped = newcombe_paired_interval(mirrored(t));
    EXPECT_NEAR(newcombe.lower, -newcombe_swapped.upper, 1e-12);
    EXPECT_NEAR(newcombe.upper, -newcombe_swapped.lower, 1e-12);
  }
}

TEST(PairedIntervals, HoldTheEstimateAndNarrowWithMoreImages) {
  for (const auto& t : varied_tables()) {
    const double drop = static_cast<double>(t.negative_flips - t.positive_flips) / static_cast<double>(t.total());
    const FourCounts more{t.both_right * 9, t.negative_flips * 9, t.positive_flips * 9, t.both_wrong * 9};
    for (const auto& [small, large] : {std::pair{tango_interval(t), tango_interval(more)},
                                       std::pair{newcombe_paired_interval(t), newcombe_paired_interval(more)}}) {
      EXPECT_LE(small.lower, drop + 1e-9);
      EXPECT_GE(small.upper, drop - 1e-9);
      EXPECT_LT(large.upper - large.lower, small.upper - small.lower);
      EXPECT_GE(small.lower, -1);
      EXPECT_LE(small.upper, 1);
    }
  }
}

TEST(PairedIntervals, AreTheWholeRangeWithoutImages) {
  const FourCounts none;
  for (const Bounds& got : {tango_interval(none), newcombe_paired_interval(none)}) {
    EXPECT_EQ(got.lower, -1);
    EXPECT_EQ(got.upper, 1);
  }
  EXPECT_EQ(non_inferiority_p(none, 0.01), 1);
}

TEST(NonInferiority, MatchesGoldenTable) {
  const auto expect_row = [](std::int64_t b, std::int64_t c, std::int64_t n, double margin, double t, double p) {
    const FourCounts table = counts(n - b - c, b, c, 0);
    expect_golden(tango_statistic(table, margin), t);
    expect_golden(non_inferiority_p(table, margin), p);
  };
  expect_row(1175, 1060, 50000, 0.005, -2.847260309, 0.0022048644);
  expect_row(25, 20, 1000, 0.01, -0.7377046306, 0.2303469788);
  expect_row(12, 9, 500, 0.02, -1.440251878, 0.0748980754);
  expect_row(5, 35, 1000, 0.01, -5.782101596, 3.688656e-9);
}

TEST(NonInferiority, MatchesTheFlipTableOfPublishedRetrains) {
  EXPECT_NEAR(non_inferiority_p(counts(31660, 3220, 3195, 11925), 0.005), 0.002494, 5e-7);
  EXPECT_NEAR(non_inferiority_p(counts(33630, 1250, 1055, 14065), 0.005), 0.126211, 5e-7);
  EXPECT_NEAR(non_inferiority_p(counts(33705, 1175, 1060, 14060), 0.005), 0.002205, 5e-7);
  EXPECT_NEAR(non_inferiority_p(counts(36115, 850, 895, 12140), 0.005), 1.4e-12, 5e-14);
  EXPECT_LT(non_inferiority_p(counts(32435, 2445, 4640, 10480), 0.005), 1e-100);
}

TEST(NonInferiority, WithoutDiscordantImagesNeeds268ImagesForOnePoint) {
  expect_golden(non_inferiority_p(counts(267, 0, 0, 0), 0.01), 0.0502695868);
  expect_golden(non_inferiority_p(counts(268, 0, 0, 0), 0.01), 0.0499521441);
  EXPECT_GE(tango_upper(counts(267, 0, 0, 0), kAlpha), 0.01);
  EXPECT_LT(tango_upper(counts(268, 0, 0, 0), kAlpha), 0.01);
}

TEST(NonInferiority, AgreesWithTheUpperBound) {
  for (const auto& t : varied_tables())
    for (const double margin : {0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3}) {
      const double upper = tango_upper(t, kAlpha);
      if (std::abs(upper - margin) < 1e-9) continue;  // equal to rounding: either answer is right
      EXPECT_EQ(upper < margin, non_inferiority_p(t, margin) < kAlpha)
          << t.negative_flips << " " << t.positive_flips << " " << t.total() << " " << margin;
    }
}

TEST(NewcombePairedInterval, SurvivesCountsWhoseProductsOverflowIntegers) {
  const FourCounts huge = counts(400'000'000, 25'000'000, 25'000'000, 50'000'000);
  const Bounds got = newcombe_paired_interval(huge);
  EXPECT_GT(got.upper, 0);
  EXPECT_LT(got.upper, 1e-4);
  EXPECT_NEAR(got.lower, -got.upper, 1e-12);
}

}  // namespace
}  // namespace defuse
