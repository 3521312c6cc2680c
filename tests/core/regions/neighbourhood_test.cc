#include "core/regions/neighbourhood.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "core/regions/scan.h"
#include "core/regions/shapes.h"

namespace defuse {
namespace {

Matrix cloud(std::size_t n, std::size_t d, std::uint64_t seed) {
  Matrix points(n, d);
  RandomStream random(seed);
  for (float& v : points.data) v = static_cast<float>(random.normal());
  return points;
}

std::vector<std::uint32_t> all(std::size_t n) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

TEST(Neighbourhood, MeasuresWhatSquaredDistanceDoesAndNeverLess) {
  for (const std::size_t d : {1u, 3u, 8u, 13u, 32u}) {
    const Matrix points = cloud(21, d, d);
    Neighbourhood near(points, all(21));
    near.look_from(points.row(4));
    for (std::uint32_t i = 0; i < 21; ++i) {
      const double exact = squared_distance(points.row(i), points.row(4));
      const double found = near.key(i).squared();
      EXPECT_GE(found, exact) << d;
      EXPECT_LE(found, static_cast<double>(std::nextafter(static_cast<float>(exact), 1e30F))) << d;
    }
    EXPECT_EQ(near.key(4).squared(), 0);
  }
}

// Copies of points give ties; a far point stretches the range of distances.
TEST(Neighbourhood, RanksAsAFullSortWould) {
  Matrix points = cloud(900, 5, 7);
  for (std::size_t i = 0; i < 200; ++i) std::copy_n(points.row(i + 300).data(), 5, points.row(i).data());
  points.row(899)[0] = 1e18F;
  const std::vector<int> sizes{1, 2, 5, 40, 41, 300, 450};
  for (const std::size_t step : {1u, 2u, 3u}) {
    std::vector<std::uint32_t> places;
    for (std::uint32_t i = 0; i < 900; i += static_cast<std::uint32_t>(step)) places.push_back(i);
    Neighbourhood near(points, all(900));
    near.look_from(points.row(310));
    std::vector<NearKey> sorted;
    for (const auto place : places) sorted.push_back(near.key(place));
    std::sort(sorted.begin(), sorted.end());
    std::vector<NearKey> found;
    near.reach(places, sizes, found);
    ASSERT_EQ(found.size(), step == 3 ? 6u : sizes.size());  // 300 places: none has a 450th
    for (std::size_t s = 0; s < found.size(); ++s)
      EXPECT_EQ(found[s], sorted[static_cast<std::size_t>(sizes[s]) - 1]) << step << " " << sizes[s];
  }
}

TEST(Neighbourhood, OfPointsThatAreAllOneIsRankedByPlace) {
  const Matrix points(30, 4);
  Neighbourhood near(points, all(30));
  near.look_from(points.row(0));
  std::vector<NearKey> found;
  near.reach(all(30), std::vector<int>{3, 30}, found);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], NearKey(0, 2));
  EXPECT_EQ(found[1], NearKey(0, 29));
}

TEST(Neighbourhood, WithTooFewPlacesReachesNothing) {
  const Matrix points = cloud(4, 2, 1);
  Neighbourhood near(points, all(4));
  near.look_from(points.row(0));
  std::vector<NearKey> found{NearKey(1, 1)};
  near.reach(all(4), std::vector<int>{5, 10}, found);
  EXPECT_TRUE(found.empty());
}

// The quotient by a reciprocal must round as division does: the direction that comes of the covariance has the same
// bits.
TEST(Covariance, IsThatOfDivisionToTheLastBit) {
  for (const std::size_t d : {2u, 7u, 20u}) {
    const std::size_t n = 997;
    const Matrix points = cloud(n, d, 100 + d);
    std::vector<double> mean(d), covariance(d * d), step(d);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < d; ++j) mean[j] += static_cast<double>(points.row(i)[j]) / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < d; ++j) step[j] = static_cast<double>(points.row(i)[j]) - mean[j];
      for (std::size_t a = 0; a < d; ++a)
        for (std::size_t b = 0; b <= a; ++b) covariance[a * d + b] += step[a] * step[b] / static_cast<double>(n);
    }
    EXPECT_EQ(ClassShape(points).mean(), mean);
    EXPECT_EQ(covariance_of(points, all(n), mean), covariance) << d;
  }
}

}  // namespace
}  // namespace defuse
