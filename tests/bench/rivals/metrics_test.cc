#include "tests/bench/rivals/metrics.h"

#include <gtest/gtest.h>

#include <vector>

namespace defuse {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(SliceMetrics, AveragePrecisionHasItsHandValues) {
  EXPECT_NEAR(average_precision(Bytes{1, 0, 1, 0, 0, 1}), 0.722222, 1e-6);
  EXPECT_NEAR(average_precision(Bytes{0, 1, 1, 0}), 0.583333, 1e-6);
  EXPECT_EQ(average_precision(Bytes{0, 0}), 0);
  // The same lists as scores, ties by index: the order of a constant score is that of the indices.
  EXPECT_NEAR(average_precision(std::vector<double>(4, 1.0), Bytes{0, 1, 1, 0}), 0.583333, 1e-6);
  EXPECT_NEAR(average_precision(std::vector<double>{.1, .9, .2}, Bytes{1, 0, 1}), (1.0 / 2 + 2.0 / 3) / 2, 1e-12);
}

TEST(SliceMetrics, PrecisionAtKCountsTheTop) {
  const std::vector<double> scores{.9, .8, .7, .1};
  EXPECT_DOUBLE_EQ(precision_at(scores, Bytes{1, 0, 1, 1}, 3), 2.0 / 3);
  EXPECT_EQ(precision_at(scores, Bytes{1, 0, 1, 1}, 0), 0);
  const std::vector<std::vector<double>> found{scores, {.1, .2, .3, .4}};
  const std::vector<Bytes> truths{{1, 1, 0, 0}, {0, 0, 0, 1}};
  EXPECT_DOUBLE_EQ(mean_best_precision_at(found, truths, 2), (1.0 + 0.5) / 2);
}

TEST(SliceMetrics, EverySliceIsComparedWithItsBestMatch) {
  const std::vector<Slice> one{{1, 2, 3, 4}, {9}}, other{{1, 2}, {1, 2, 3}};
  EXPECT_EQ(best_match_jaccard(one, other), (std::vector<double>{0.75, 0}));
}

// Truth {0..9}; found: all inside, half inside, outside.
TEST(SliceMetrics, SeveralSlicesMayCoverOneTruthTogether) {
  const Slice truth{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<Slice> found{{0, 1, 2, 3}, {4, 5, 6, 20}, {30, 31}};
  EXPECT_DOUBLE_EQ(blindspot_precision(found[1], truth), 0.75);
  EXPECT_DOUBLE_EQ(blindspot_recall(found, truth, 0.7), 0.7);
  EXPECT_DOUBLE_EQ(blindspot_recall(found, truth, 0.8), 0.4);
  const std::vector<Slice> truths{truth};
  const auto loose = discovery_rates(found, truths, 0.7, 0.6);
  EXPECT_EQ(loose.discovered, 1);
  EXPECT_DOUBLE_EQ(loose.false_found, 1.0 / 3);
  const auto strict = discovery_rates(found, truths, 0.8, 0.6);
  EXPECT_EQ(strict.discovered, 0);
  EXPECT_DOUBLE_EQ(strict.false_found, 2.0 / 3);
}

TEST(SliceMetrics, WithoutAnyTruthEveryFoundSliceIsFalse) {
  const std::vector<Slice> found{{1}, {2}};
  EXPECT_EQ(discovery_rates(found, {}, 0.5, 0.5).false_found, 1);
  EXPECT_EQ(discovery_rates({}, {}, 0.5, 0.5).false_found, 0);
  const auto grid = discovery_grid(found, {});
  ASSERT_EQ(grid.size(), 25U);
  EXPECT_EQ(grid.front().lambda_p, 0.5);
  EXPECT_EQ(grid.back().lambda_r, 0.9);
}

}  // namespace
}  // namespace defuse
