#include "tests/support/statistics/intervals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.05;

struct Share {
  std::int64_t x, n;
  Bounds wilson, clopper_pearson, jeffreys;
};
const std::array<Share, 5> kShares = {{
    {0, 10, {0, 0.2775327999}, {0, 0.3084971078}, {0, 0.2171962675}},
    {1, 20, {0.0088814488, 0.2361311934}, {0.0012650895, 0.2487327628}, {0.0054490326, 0.2108186362}},
    {7, 50, {0.0695083343, 0.2618619371}, {0.0581917003, 0.2673960025}, {0.0648717012, 0.2553250282}},
    {38, 5000, {0.0055422232, 0.0104138097}, {0.0053836636, 0.0104168119}, {0.0054679160, 0.0103012751}},
    {3220, 50000, {0.0622817382, 0.0665851903}, {0.0622637859, 0.0665869533}, {0.0622736298, 0.0665767984}},
}};

TEST(WilsonInterval, MatchesGoldenTable) {
  for (const auto& row : kShares) {
    const Bounds got = wilson_interval(row.x, row.n);
    expect_golden(got.lower, row.wilson.lower);
    expect_golden(got.upper, row.wilson.upper);
  }
  expect_golden(wilson_upper(0, 10, kAlpha), 0.2129419701);
  expect_golden(wilson_upper(7, 50, kAlpha), 0.2392389959);
  expect_golden(wilson_upper(38, 5000, kAlpha), 0.0099034230);
  expect_golden(wilson_upper(1175, 50000, kAlpha), 0.0246403766);
}

TEST(JeffreysInterval, MatchesGoldenTable) {
  for (const auto& row : kShares) {
    const Bounds got = jeffreys_interval(row.x, row.n);
    expect_golden(got.lower, row.jeffreys.lower);
    expect_golden(got.upper, row.jeffreys.upper);
  }
  expect_golden(jeffreys_upper(38, 5000, kAlpha), 0.0098368627);
}

TEST(ShareIntervals, AreTheWholeRangeWithoutObservations) {
  for (const Bounds& got : {wilson_interval(0, 0), clopper_pearson_interval(0, 0), jeffreys_interval(0, 0)}) {
    EXPECT_EQ(got.lower, 0);
    EXPECT_EQ(got.upper, 1);
  }
}

TEST(ShareIntervals, CloseExactlyAtTheEnds) {
  for (const std::int64_t n : {1, 7, 1000}) {
    EXPECT_EQ(wilson_lower(0, n, kAlpha), 0);
    EXPECT_EQ(wilson_upper(n, n, kAlpha), 1);
    EXPECT_EQ(clopper_pearson_lower(0, n, kAlpha), 0);
    EXPECT_EQ(clopper_pearson_upper(n, n, kAlpha), 1);
    EXPECT_EQ(jeffreys_lower(0, n, kAlpha), 0);
    EXPECT_EQ(jeffreys_upper(n, n, kAlpha), 1);
  }
}

TEST(ShareIntervals, ClopperPearsonContainsJeffreysAndMirrors) {
  for (const std::int64_t n : {1, 2, 9, 64, 1000})
    for (std::int64_t x = 0; x <= n; x += std::max<std::int64_t>(1, n / 9)) {
      const Bounds wide = clopper_pearson_interval(x, n);
      const Bounds narrow = jeffreys_interval(x, n);
      EXPECT_LE(wide.lower, narrow.lower);
      EXPECT_GE(wide.upper, narrow.upper);
      EXPECT_NEAR(wide.lower, 1 - clopper_pearson_interval(n - x, n).upper, 1e-12);
      EXPECT_NEAR(wilson_interval(x, n).lower, 1 - wilson_interval(n - x, n).upper, 1e-12);
    }
}

TEST(NewcombeUnpairedInterval, MatchesGoldenTable) {
  const auto expect_row = [](std::int64_t x1, std::int64_t n1, std::int64_t x2, std::int64_t n2, double low,
                             double up) {
    const Bounds got = newcombe_unpaired_interval(x1, n1, x2, n2);
    expect_golden(got.lower, low);
    expect_golden(got.upper, up);
  };
  expect_row(12, 64, 20, 400, 0.0563792178, 0.2510846665);
  expect_row(56, 70, 48, 80, 0.0524314724, 0.3338726540);
  expect_row(9, 10, 3, 10, 0.1705227239, 0.8090179735);
  expect_row(5, 20, 30, 500, 0.0497300783, 0.4094120653);
}

TEST(NewcombeUnpairedInterval, IsTheWholeRangeWithoutOneSide) {
  for (const Bounds& got : {newcombe_unpaired_interval(0, 0, 3, 9), newcombe_unpaired_interval(3, 9, 0, 0)}) {
    EXPECT_EQ(got.lower, -1);
    EXPECT_EQ(got.upper, 1);
  }
}

}  // namespace
}  // namespace defuse
