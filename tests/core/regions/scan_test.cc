#include "core/regions/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "tests/support/statistics/intervals.h"

namespace defuse {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(WilsonReal, EqualsTheIntegerFormAtWholeCounts) {
  for (const auto& [x, n] : {std::pair{0, 10}, {1, 20}, {7, 50}, {38, 5000}, {9, 9}}) {
    const Bounds whole = wilson_interval(x, n, 0.05);
    const WilsonBounds real = wilson_real(x, n, 1.959963984540054);
    EXPECT_NEAR(real.lower, whole.lower, 1e-12);
    EXPECT_NEAR(real.upper, whole.upper, 1e-12);
  }
  EXPECT_EQ(wilson_real(0, 0, 1.96).lower, 0);
  EXPECT_EQ(wilson_real(0, 0, 1.96).upper, 1);
}

TEST(LogEvidence, IsTheLikelihoodRatioInNats) {
  EXPECT_NEAR(log_evidence(14, 14, 0.2), 14 * std::log(5.0), 1e-12);
  EXPECT_NEAR(log_evidence(18, 20, 0.2), 20 * (0.9 * std::log(4.5) + 0.1 * std::log(0.125)), 1e-12);
  EXPECT_EQ(log_evidence(2, 10, 0.2), 0);   // at the limit
  EXPECT_EQ(log_evidence(-3, 10, 0.2), 0);  // net gain
  EXPECT_EQ(log_evidence(0, 0, 0.2), 0);
}

TEST(LogEvidence, PrefersTheLargerBallToItsPureCorner) {
  EXPECT_GT(log_evidence(18, 20, 0.2), log_evidence(14, 14, 0.2));
  EXPECT_GT(wilson_real(14, 14, 1.96).lower, wilson_real(18, 20, 1.96).lower);  // which a lower bound would not
}

TEST(OverlapCoefficient, DividesByTheSmallerSet) {
  const std::vector<std::uint32_t> a{1, 2, 3, 4}, b{3, 4, 9}, none;
  EXPECT_DOUBLE_EQ(overlap_coefficient(a, b), 2.0 / 3);
  EXPECT_DOUBLE_EQ(overlap_coefficient(a, a), 1);
  EXPECT_DOUBLE_EQ(overlap_coefficient(a, none), 0);
}

TEST(SquaredDistance, TakesEveryDimension) {
  for (const std::size_t d : {1u, 7u, 8u, 9u, 31u}) {
    std::vector<float> a(d), b(d);
    double want = 0;
    for (std::size_t j = 0; j < d; ++j) {
      a[j] = static_cast<float>(j);
      b[j] = static_cast<float>(2 * j + 1);
      want += static_cast<double>((j + 1) * (j + 1));
    }
    EXPECT_DOUBLE_EQ(squared_distance(a, b), want) << d;
  }
}

struct Cloud {
  Matrix points;
  std::vector<std::uint32_t> seeds;
  std::vector<double> score;
  std::vector<std::uint32_t> scoring() const {
    std::vector<std::uint32_t> out;
    for (const std::uint32_t s : seeds) {
      if (score[s] > 0) out.push_back(s);
    }
    return out;
  }
};

Cloud gaussian(std::size_t n, std::size_t d, std::uint64_t seed) {
  Cloud cloud{Matrix(n, d), std::vector<std::uint32_t>(n), std::vector<double>(n, 0.0)};
  std::iota(cloud.seeds.begin(), cloud.seeds.end(), 0u);
  RandomStream random(seed);
  for (float& v : cloud.points.data) v = static_cast<float>(random.normal());
  return cloud;
}

ScanSettings settings() {
  ScanSettings s;
  s.sizes = {10, 14, 20, 28, 40, 56};
  return s;
}

std::vector<std::vector<ScanBall>> scan(const Cloud& cloud, const ScanQuestion& question,
                                        const ScanSettings& settings) {
  ClassSpace space(cloud.points, cloud.seeds);
  return scan_balls(space, {&question, 1}, settings);
}

// Share of a ball's members that score.
double purity(const Cloud& cloud, const ScanBall& ball) {
  double sum = 0;
  for (const std::uint32_t s : ball.members) sum += cloud.score[s];
  return sum / static_cast<double>(ball.members.size());
}

TEST(ScanBalls, WithoutRefinementMatchesBruteForceOverCentresAndSizes) {
  Cloud cloud = gaussian(120, 3, 4);
  RandomStream random(8);
  for (double& v : cloud.score) v = random.uniform() < 0.3 ? 1 : 0;
  ScanSettings plain = settings();
  plain.refinements = 0;
  plain.anchors = 0;
  plain.least_evidence = 0;
  ScanQuestion question{cloud.score, cloud.scoring(), 0.2};
  question.keep = 1;
  const auto found = scan(cloud, question, plain);
  double best = 0;
  for (const std::uint32_t c : question.centers) {
    std::vector<std::pair<double, std::uint32_t>> near;
    for (const std::uint32_t s : cloud.seeds)
      near.emplace_back(squared_distance(cloud.points.row(s), cloud.points.row(c)), s);
    std::sort(near.begin(), near.end());
    for (const int k : plain.sizes) {
      double sum = 0;
      for (int i = 0; i < k; ++i) sum += cloud.score[near[static_cast<std::size_t>(i)].second];
      best = std::max(best, log_evidence(sum, k, 0.2));
    }
  }
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].size(), 1u);
  EXPECT_DOUBLE_EQ(found[0][0].evidence, best);
  EXPECT_DOUBLE_EQ(log_evidence(purity(cloud, found[0][0]) * static_cast<double>(found[0][0].members.size()),
                                static_cast<double>(found[0][0].members.size()), 0.2),
                   best);
}

TEST(ScanBalls, FindsAPocketAndItsMembersLieWithinTheRadius) {
  Cloud cloud = gaussian(400, 4, 1);
  const std::vector<float> middle{0.8F, 0.8F, 0, 0};
  std::vector<std::pair<double, std::uint32_t>> near;
  for (const std::uint32_t s : cloud.seeds) near.emplace_back(squared_distance(cloud.points.row(s), middle), s);
  std::sort(near.begin(), near.end());
  for (std::size_t i = 0; i < 30; ++i) cloud.score[near[i].second] = 1;
  const ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  const auto found = scan(cloud, question, settings());
  ASSERT_FALSE(found[0].empty());
  const ScanBall& ball = found[0].front();
  EXPECT_GE(purity(cloud, ball), 0.8);
  EXPECT_GE(ball.members.size(), 20u);
  for (const std::uint32_t s : ball.members)
    EXPECT_LE(std::sqrt(squared_distance(cloud.points.row(s), ball.center)), ball.radius);
}

TEST(ScanBalls, HoldsATailInSixteenDimensionsThatNoBallOfTheClassCan) {
  Cloud cloud = gaussian(600, 16, 3);
  for (const std::uint32_t s : cloud.seeds) cloud.score[s] = cloud.points.row(s)[5] > 1.5F ? 1 : 0;  // some 40 of 600
  const ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  ScanSettings plain = settings();
  plain.anchors = 0;
  const auto local = scan(cloud, question, plain);
  const auto grown = scan(cloud, question, settings());
  ASSERT_FALSE(grown[0].empty());
  EXPECT_GE(purity(cloud, grown[0].front()), 0.75);
  EXPECT_GT(grown[0].front().evidence, local[0].empty() ? 0 : 1.5 * local[0].front().evidence);
}

TEST(ScanBalls, SeedsWithoutAScoreDoNotCount) {
  Cloud cloud = gaussian(200, 2, 6);
  for (std::size_t i = 0; i < 200; i += 2) cloud.score[i] = kNaN;
  for (std::size_t i = 1; i < 200; i += 2) cloud.score[i] = cloud.points.row(i)[0] > 0.7F ? 1 : 0;
  const ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  const auto found = scan(cloud, question, settings());
  ASSERT_FALSE(found[0].empty());
  for (const ScanBall& ball : found[0]) {
    for (const std::uint32_t s : ball.members) EXPECT_EQ(s % 2, 1u);
  }
}

TEST(ScanBalls, RowsThatAreNotFiniteAreNeverMembersNorCentres) {
  Cloud cloud = gaussian(100, 2, 6);
  for (std::size_t i = 0; i < 30; ++i) cloud.score[i] = 1;
  cloud.points.row(3)[0] = std::numeric_limits<float>::quiet_NaN();
  cloud.points.row(4)[1] = std::numeric_limits<float>::infinity();
  const ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  const auto found = scan(cloud, question, settings());
  for (const ScanBall& ball : found[0]) {
    EXPECT_TRUE(is_finite(ball.center));
    EXPECT_FALSE(std::binary_search(ball.members.begin(), ball.members.end(), 3u));
    EXPECT_FALSE(std::binary_search(ball.members.begin(), ball.members.end(), 4u));
  }
}

TEST(ScanBalls, FewerSeedsThanTheSmallestSizeGiveNoBall) {
  Cloud cloud = gaussian(9, 2, 6);
  std::fill(cloud.score.begin(), cloud.score.end(), 1.0);
  const ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  EXPECT_TRUE(scan(cloud, question, settings())[0].empty());
  EXPECT_TRUE(scan(Cloud{cloud.points, {}, cloud.score}, question, settings())[0].empty());
}

TEST(ScanBalls, IdenticalPointsGiveABallOfRadiusZeroAtMost) {
  Cloud cloud{Matrix(40, 3), std::vector<std::uint32_t>(40), std::vector<double>(40, 1.0)};
  std::iota(cloud.seeds.begin(), cloud.seeds.end(), 0u);
  const ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  const auto found = scan(cloud, question, settings());
  ASSERT_FALSE(found[0].empty());
  EXPECT_EQ(found[0][0].radius, 0);
}

TEST(ScanBalls, KeptBallsShareFewerThanHalfOfTheirMembers) {
  Cloud cloud = gaussian(500, 2, 12);
  RandomStream random(5);
  for (double& v : cloud.score) v = random.uniform() < 0.4 ? 1 : 0;
  ScanQuestion question{cloud.score, cloud.scoring(), 0.1};
  question.keep = 6;
  const auto found = scan(cloud, question, settings())[0];
  ASSERT_GE(found.size(), 2u);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t j = i + 1; j < found.size(); ++j)
      EXPECT_LT(overlap_coefficient(found[i].members, found[j].members), 0.5);
  }
}

TEST(ScanBalls, QuestionsAskedTogetherFindWhatEachFindsAlone) {
  Cloud cloud = gaussian(400, 5, 21);
  RandomStream random(9);
  std::vector<double> other(cloud.score.size());
  for (std::size_t i = 0; i < other.size(); ++i) {
    cloud.score[i] = cloud.points.row(i)[0] > 0.8F ? 1 : 0;
    other[i] = i % 3 == 0 ? kNaN : (random.uniform() < 0.2 ? 0.5 : 0);
  }
  Matrix extra(1, 5);
  std::vector<ScanQuestion> questions{{cloud.score, cloud.scoring(), 0.1},
                                      {other, promising_centers(other, cloud.seeds), 0.05}};
  questions[0].keep = 1;
  questions[1].extra_centers = &extra;
  ClassSpace space(cloud.points, cloud.seeds);
  const auto together = scan_balls(space, questions, settings());
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto alone = scan(cloud, questions[q], settings())[0];
    ASSERT_FALSE(alone.empty());
    ASSERT_EQ(together[q].size(), alone.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(together[q][i].center, alone[i].center);
      EXPECT_EQ(together[q][i].members, alone[i].members);
      EXPECT_EQ(together[q][i].evidence, alone[i].evidence);
    }
  }
}

TEST(ScanBalls, AnExtraCentreIsTriedForItsQuestion) {
  Cloud cloud = gaussian(300, 3, 2);
  Matrix extra(1, 3);
  extra.data = {0.5F, 0.5F, 0.5F};
  for (const std::uint32_t s : cloud.seeds)
    cloud.score[s] = squared_distance(cloud.points.row(s), extra.row(0)) < 0.5 ? 1 : 0;
  ScanQuestion question{cloud.score, {}, 0.1};  // no seed is a centre
  question.extra_centers = &extra;
  const auto found = scan(cloud, question, settings());
  ASSERT_FALSE(found[0].empty());
  EXPECT_GE(purity(cloud, found[0].front()), 0.8);
}

}  // namespace
}  // namespace defuse
