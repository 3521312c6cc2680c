#include "core/mixture/kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "core/base/random.h"

namespace defuse {
namespace {

std::vector<double> groups(std::size_t n, std::size_t d, std::size_t count, double spread, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<double> centers(count * d), points(n * d);
  for (double& v : centers) v = 3 * random.normal();
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t g = random.below(count);
    for (std::size_t j = 0; j < d; ++j) points[i * d + j] = centers[g * d + j] + spread * random.normal();
  }
  return points;
}

// Lloyd's rounds as the book has them: every distance every time.
KMeans plain_rounds(const std::vector<double>& points, std::size_t d, std::vector<double> centers, int rounds) {
  const std::size_t n = points.size() / d, k = centers.size() / d;
  KMeans fit;
  for (int round = 0;; ++round) {
    fit.labels.assign(n, 0);
    fit.inertia = 0;
    std::vector<double> sums(k * d, 0), counts(k, 0);
    for (std::size_t i = 0; i < n; ++i) {
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < k; ++c) {
        double sum = 0;
        for (std::size_t j = 0; j < d; ++j) {
          const double apart = points[i * d + j] - centers[c * d + j];
          sum += apart * apart;
        }
        if (sum < least) {
          least = sum;
          fit.labels[i] = static_cast<int>(c);
        }
      }
      fit.inertia += least;
      const auto c = static_cast<std::size_t>(fit.labels[i]);
      counts[c] += 1;
      for (std::size_t j = 0; j < d; ++j) sums[c * d + j] += points[i * d + j];
    }
    fit.centers = centers;
    if (round == rounds) return fit;
    for (std::size_t c = 0; c < k; ++c)
      for (std::size_t j = 0; j < d; ++j) centers[c * d + j] = sums[c * d + j] / counts[c];
  }
}

// Bounds pass over most points, and must not change one label or one bit. Whole numbers make many ties.
TEST(KMeans, PassesOverPointsWithoutChangingABit) {
  int compared = 0;
  for (const std::size_t d : {1, 3, 17})
    for (const std::size_t k : {1, 2, 15, 40})
      for (const bool whole : {false, true}) {
        auto points = groups(700, d, 12, 0.8, 10 * d + k);
        if (whole)
          for (double& v : points) v = static_cast<double>(static_cast<int>(4 * v)) / 4;
        const std::vector<double> start(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(k * d));
        constexpr int kRounds = 12;
        const KMeansSettings settings{.clusters = static_cast<int>(k), .max_iterations = kRounds, .tolerance = 0};
        const auto fit = fit_kmeans_from(points, 700, d, start, settings);
        ASSERT_TRUE(fit) << fit.error().describe();
        const auto plain = plain_rounds(points, d, start, std::min(kRounds, fit->iterations));
        if (std::any_of(plain.centers.begin(), plain.centers.end(), [](double v) { return v != v; })) continue;
        ++compared;  // where no cluster fell empty, which the plain rounds do not repair
        EXPECT_EQ(fit->labels, plain.labels) << d << " " << k;
        EXPECT_EQ(fit->centers, plain.centers) << d << " " << k;
        EXPECT_EQ(fit->inertia, plain.inertia) << d << " " << k;
      }
  EXPECT_GE(compared, 18);
}

TEST(KMeans, FindsGroupsThatAreFarApart) {
  const auto points = groups(900, 6, 9, 0.05, 4);
  const auto fit = fit_kmeans(points, 900, 6, {.clusters = 9, .seed = 3});
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->inertia / (900 * 6), 0.05 * 0.05, 0.0003);
}

TEST(KMeans, TheNumberOfThreadsChangesNoBit) {
  const auto points = groups(1000, 5, 7, 1, 6);
  const auto one = fit_kmeans(points, 1000, 5, {.clusters = 20, .seed = 8, .threads = 1});
  const auto three = fit_kmeans(points, 1000, 5, {.clusters = 20, .seed = 8, .threads = 3});
  ASSERT_TRUE(one && three);
  EXPECT_EQ(one->labels, three->labels);
  EXPECT_EQ(one->centers, three->centers);
  EXPECT_EQ(one->inertia, three->inertia);
}

TEST(KMeans, AClusterWithoutPointsTakesTheFarthestOne) {
  const std::vector<double> points{0, 0.1, 0.2, 10, 0.3};
  const std::vector<double> start{0.1, 0.1, 500};  // the second loses every tie, the third is too far away
  const auto fit = fit_kmeans_from(points, 5, 1, start, {.clusters = 3});
  ASSERT_TRUE(fit);
  std::vector<int> used = fit->labels;
  std::sort(used.begin(), used.end());
  EXPECT_EQ(std::unique(used.begin(), used.end()) - used.begin(), 3);
  EXPECT_LT(fit->inertia, 0.06);
}

TEST(KMeans, FewerDistinctPointsThanClustersGiveAnAnswer) {
  const std::vector<double> points{1, 1, 1, 1, 2, 2};
  const auto fit = fit_kmeans(points, 6, 1, {.clusters = 4});
  ASSERT_TRUE(fit) << fit.error().describe();
  EXPECT_EQ(fit->inertia, 0);
  EXPECT_EQ(fit->centers.size(), 4U);
}

// 0 stays with the first centre, 1 10 11 go to the second: 0 + 0 + 81 + 100. Centres move to 0 and 22/3, then to 1/2
// and 21/2.
TEST(KMeans, KeepsTheObjectiveOfEveryRoundAsWorkedOutByHand) {
  const std::vector<double> points{0, 1, 10, 11}, start{0, 1};
  const auto fit = fit_kmeans_from(points, 4, 1, start, {.clusters = 2});
  ASSERT_TRUE(fit);
  ASSERT_EQ(fit->rounds.objective.size(), 3U);
  EXPECT_DOUBLE_EQ(fit->rounds.objective[0], 181);
  EXPECT_NEAR(fit->rounds.objective[1], 1 + 64.0 / 9 + 121.0 / 9, 1e-12);
  EXPECT_DOUBLE_EQ(fit->rounds.objective[2], 1);
  EXPECT_DOUBLE_EQ(fit->inertia, 1);
  EXPECT_EQ(fit->rounds.stop, KMeansRounds::Stop::labels_repeat);
}

TEST(KMeans, TheObjectiveOfEveryRoundIsThatOfPlainRounds) {
  const auto points = groups(500, 4, 9, 1.2, 21);
  const std::vector<double> start(points.begin(), points.begin() + 12 * 4);
  const auto fit = fit_kmeans_from(points, 500, 4, start, {.clusters = 12, .tolerance = 0});
  ASSERT_TRUE(fit);
  ASSERT_GT(fit->rounds.objective.size(), 4U) << "too few rounds to say anything";
  for (std::size_t r = 0; r < fit->rounds.objective.size(); ++r)
    EXPECT_EQ(fit->rounds.objective[r], plain_rounds(points, 4, start, static_cast<int>(r)).inertia) << "round " << r;
}

// Rounding: two sums of n squares may differ by some n eps of them.
TEST(KMeans, TheObjectiveNeverRisesWithinARun) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::size_t d = 1 + seed % 5;
    auto points = groups(400, d, 1 + seed % 7, 0.5, seed);
    if (seed % 3 == 0)
      for (double& v : points) v = static_cast<double>(static_cast<int>(v));  // ties and copies
    const KMeansSettings settings{.clusters = static_cast<int>(2 + 3 * seed), .tolerance = 0, .seed = seed};
    // Also from a start in which most clusters are empty, so that they take points away from others.
    const std::vector<double> crowded(d * static_cast<std::size_t>(settings.clusters), 1e3);
    for (const auto& fit : {fit_kmeans(points, 400, d, settings), fit_kmeans_from(points, 400, d, crowded, settings)}) {
      ASSERT_TRUE(fit) << fit.error().describe();
      const auto& objective = fit->rounds.objective;
      ASSERT_EQ(objective.size(), static_cast<std::size_t>(fit->iterations));
      for (std::size_t r = 1; r < objective.size(); ++r)
        EXPECT_LE(objective[r], objective[r - 1] * (1 + 1e-12)) << "seed " << seed << " round " << r;
      EXPECT_LE(fit->inertia, objective.back() * (1 + 1e-12));
    }
  }
}

TEST(KMeans, SaysWhyItStopped) {
  const auto points = groups(300, 3, 8, 1.0, 5);
  const auto until_labels_repeat = fit_kmeans(points, 300, 3, {.clusters = 8, .tolerance = 0});
  ASSERT_TRUE(until_labels_repeat);
  EXPECT_EQ(until_labels_repeat->rounds.stop, KMeansRounds::Stop::labels_repeat);
  EXPECT_EQ(until_labels_repeat->inertia, until_labels_repeat->rounds.objective.back()) << "nothing moved any more";
  const auto soon_still = fit_kmeans(points, 300, 3, {.clusters = 8, .tolerance = 1e6});
  ASSERT_TRUE(soon_still);
  EXPECT_EQ(soon_still->rounds.stop, KMeansRounds::Stop::centers_still);
  EXPECT_EQ(soon_still->iterations, 1);
  const auto cut_short = fit_kmeans(points, 300, 3, {.clusters = 8, .max_iterations = 2, .tolerance = 0});
  ASSERT_TRUE(cut_short);
  EXPECT_EQ(cut_short->rounds.stop, KMeansRounds::Stop::iteration_limit);
  EXPECT_EQ(cut_short->iterations, 2) << "it used to count one more than it was allowed";
}

TEST(KMeans, RefusesWhatItCannotFit) {
  const std::vector<double> points{0, 1, 2, 3};
  const auto code = [](const Result<KMeans>& r) { return r ? ErrorCode::not_found : r.error().code; };
  EXPECT_EQ(code(fit_kmeans(points, 2, 2, {.clusters = 3})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_kmeans(points, 2, 2, {.clusters = 0})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_kmeans(points, 3, 2, {.clusters = 1})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_kmeans(points, 4, 0, {.clusters = 1})), ErrorCode::invalid_input);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(code(fit_kmeans(std::vector<double>{0, nan}, 2, 1, {.clusters = 1})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_kmeans_from(points, 4, 1, std::vector<double>{1}, {.clusters = 2})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_kmeans_from(points, 4, 1, std::vector<double>{1, nan}, {.clusters = 2})),
            ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
