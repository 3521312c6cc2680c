#include "core/mixture/neighbours.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/base/random.h"

namespace defuse {
namespace {

Matrix random_rows(std::size_t n, std::size_t d, std::uint64_t seed, double shift = 0) {
  RandomStream random(seed);
  Matrix rows(n, d);
  for (float& value : rows.data) value = static_cast<float>(shift + random.normal());
  return rows;
}

std::vector<std::int32_t> random_labels(std::size_t n, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<std::int32_t> labels(n);
  for (auto& label : labels) label = static_cast<std::int32_t>(random.below(3));
  return labels;
}

// Double precision, sorting everything.
std::int32_t brute_force(const Matrix& references, const std::vector<std::int32_t>& labels,
                         std::span<const float> query, std::int32_t label, std::int64_t exclude, std::size_t k) {
  std::vector<std::pair<double, std::size_t>> all;
  for (std::size_t r = 0; r < references.rows; ++r) {
    if (static_cast<std::int64_t>(r) == exclude) continue;
    double distance = 0;
    for (std::size_t j = 0; j < query.size(); ++j) {
      const double difference = static_cast<double>(query[j]) - static_cast<double>(references.row(r)[j]);
      distance += difference * difference;
    }
    all.emplace_back(distance, r);
  }
  std::sort(all.begin(), all.end());
  std::int32_t agree = 0;
  for (std::size_t i = 0; i < std::min(k, all.size()); ++i) agree += labels[all[i].second] == label ? 1 : 0;
  return agree;
}

void expect_brute_force(std::size_t n, std::size_t r, std::size_t d, int k, double shift) {
  const Matrix references = random_rows(r, d, 1, shift);
  const Matrix queries = random_rows(n, d, 2, shift);
  const auto labels = random_labels(r, 3);
  const auto wanted = random_labels(n, 4);
  std::vector<std::int64_t> exclude(n);
  for (std::size_t i = 0; i < n; ++i) exclude[i] = i % 3 == 0 ? Neighbours::kNone : static_cast<std::int64_t>(i % r);
  const auto neighbours = Neighbours::create(references, labels);
  ASSERT_TRUE(neighbours);
  const auto counts = neighbours->agreeing(queries, wanted, exclude, k);
  ASSERT_EQ(counts.size(), n);
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_EQ(counts[i],
              brute_force(references, labels, queries.row(i), wanted[i], exclude[i], static_cast<std::size_t>(k)))
        << "query " << i << " of " << n << " against " << r;
  }
}

TEST(Neighbours, AgreeWithBruteForceAcrossTileEdges) {
  expect_brute_force(300, 2048, 4, 20, 0);
  expect_brute_force(129, 2049, 16, 7, 0);
  expect_brute_force(5, 4100, 3, 1, 0);
  expect_brute_force(40, 15, 5, 10, 0);
}

TEST(Neighbours, KeepTheirPrecisionFarFromTheOrigin) { expect_brute_force(100, 1000, 6, 10, 500); }

TEST(Neighbours, FewerReferencesThanNeighboursAskAll) { expect_brute_force(9, 4, 3, 20, 0); }

TEST(Neighbours, TheLowerIndexWinsATie) {
  Matrix references(40, 2);  // all in one place
  std::vector<std::int32_t> labels(40, 0);
  std::fill(labels.begin() + 5, labels.end(), 1);
  const auto neighbours = Neighbours::create(references, labels);
  ASSERT_TRUE(neighbours);
  const std::vector<std::int32_t> zero = {0};
  EXPECT_EQ(neighbours->agreeing(Matrix(1, 2), zero, {}, 8)[0], 5);
  const std::vector<std::int64_t> third = {2};
  EXPECT_EQ(neighbours->agreeing(Matrix(1, 2), zero, third, 8)[0], 4);
}

TEST(Neighbours, RefuseReferencesThatCannotBeCompared) {
  EXPECT_FALSE(Neighbours::create(Matrix(), {}));
  EXPECT_FALSE(Neighbours::create(Matrix(2, 2), {1}));
  Matrix broken(2, 2);
  broken.data[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(Neighbours::create(broken, {1, 2}));
}

}  // namespace
}  // namespace defuse
