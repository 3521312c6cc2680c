#include "core/slices/spotlight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "core/base/random.h"
#include "core/slices/moving_ball.h"
#include "tests/bench/rivals/metrics.h"

namespace defuse {
namespace {

const std::vector<double> kPoints{0, 0, 1, 0, 0, 1, 2, 2, 2.2, 1.9, 1.8, 2.3, -1, 0.5, 2.1, 2.4};
const std::vector<double> kLoss{0.1, 0.2, 0.15, 2, 1.5, 1.8, 0.3, 0.4};
const std::vector<double> kCenter{1, 1};

// Points in d dimensions around the origin, one group of them far out with high losses.
struct Planted {
  Matrix points;
  std::vector<double> loss;
  std::vector<std::uint32_t> rows;
  Slice group;
};
Planted planted(std::size_t n, std::size_t d, std::size_t group, std::uint64_t seed) {
  Planted p;
  p.points = Matrix(n, d);
  RandomStream random(seed);
  for (std::size_t i = 0; i < n; ++i) {
    const bool in = i < group;
    for (std::size_t j = 0; j < d; ++j)
      p.points.row(i)[j] = static_cast<float>(random.normal() * (in ? 0.5 : 1.0) + (in && j < 4 ? 3.0 : 0.0));
    p.loss.push_back(random.uniform() < (in ? 0.6 : 0.06) ? 2 + random.uniform() : 0.05 * random.uniform());
    p.rows.push_back(static_cast<std::uint32_t>(i));
    if (in) p.group.push_back(static_cast<std::uint32_t>(i));
  }
  return p;
}

// The objective by its formula and from the points themselves: O = L - s q^2 / b^2 where q = W - (S + b) < 0, else L;
// L = sum k l / W.
struct Value {
  double mass = 0;
  double mean_loss = 0;
  double objective = 0;
  std::vector<double> by_center;  // dO/dmu
  double by_log_tau = 0;          // dO/d(ln tau)
};
Value value_at(std::span<const double> points, std::span<const double> loss, std::span<const double> center, double tau,
               double size, double slack, double scale) {
  const std::size_t d = center.size();
  Value v;
  v.by_center.assign(d, 0);
  std::vector<double> k(loss.size());
  for (std::size_t i = 0; i < loss.size(); ++i) {
    double apart = 0;
    for (std::size_t j = 0; j < d; ++j) apart += (points[i * d + j] - center[j]) * (points[i * d + j] - center[j]);
    k[i] = std::max(0.0, 1 - tau * apart);
    v.mass += k[i];
    v.mean_loss += k[i] * loss[i];
  }
  v.mean_loss /= v.mass;
  const double q = v.mass - (size + slack);
  const bool short_of = q < 0;
  v.objective = short_of ? v.mean_loss - scale * q * q / (slack * slack) : v.mean_loss;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    if (!(k[i] > 0)) continue;
    const double g = (loss[i] - v.mean_loss) / v.mass - (short_of ? 2 * scale * q / (slack * slack) : 0.0);
    for (std::size_t j = 0; j < d; ++j) v.by_center[j] += g * 2 * tau * (points[i * d + j] - center[j]);
    v.by_log_tau -= g * (1 - k[i]);
  }
  return v;
}

TEST(Spotlight, ObjectiveAndGradientsHaveTheirGoldenValues) {
  const auto wide = value_at(kPoints, kLoss, kCenter, 0.3, 2, 4, 1);
  EXPECT_NEAR(wide.mass, 2.875, 1e-12);
  EXPECT_NEAR(wide.mean_loss, 0.742226086957, 1e-12);
  EXPECT_NEAR(wide.objective, 0.131874524457, 1e-12);
  EXPECT_NEAR(wide.by_center[0], 1.300116241, 1e-9);
  EXPECT_NEAR(wide.by_center[1], 1.448375802, 1e-9);
  EXPECT_NEAR(wide.by_log_tau, -1.943299392, 1e-9);
  const auto tight = value_at(kPoints, kLoss, kCenter, 0.3, 2, 0.1, 1);
  EXPECT_NEAR(tight.objective, 0.742226086957, 1e-12);
  EXPECT_NEAR(tight.by_center[0], 0.807928741, 1e-9);
  EXPECT_NEAR(tight.by_center[1], 0.839000802, 1e-9);
  EXPECT_NEAR(tight.by_log_tau, -0.331971267, 1e-9);
}

// Central differences with h = 1e-5 err by about h^2 and 1e-16 / h: both below 1e-9 here.
TEST(Spotlight, GradientsAgreeWithFiniteDifferences) {
  RandomStream random(7);
  for (int trial = 0; trial < 50; ++trial) {
    const std::vector<double> center{random.normal(), random.normal()};
    const double tau = std::exp(-1.5 + random.normal() * 0.5);
    const double slack = 0.2 + 5 * random.uniform();
    const double scale = 1 + 9 * random.uniform();
    const auto at = [&](double dx, double dy, double dt) {
      return value_at(kPoints, kLoss, std::vector<double>{center[0] + dx, center[1] + dy}, tau * std::exp(dt), 2, slack,
                      scale);
    };
    const auto value = at(0, 0, 0);
    if (value.mass < 0.3) continue;
    constexpr double h = 1e-5;
    // A point on the rim makes the objective kinked there.
    const bool kinked = [&] {
      for (std::size_t i = 0; i < kLoss.size(); ++i) {
        const double k =
            1 - tau * (std::pow(kPoints[2 * i] - center[0], 2) + std::pow(kPoints[2 * i + 1] - center[1], 2));
        if (std::abs(k) < 1e-3) return true;
      }
      return std::abs(value.mass - 2 - slack) < 1e-3;
    }();
    if (kinked) continue;
    const double unit = 1 + std::abs(value.objective);
    EXPECT_NEAR(value.by_center[0], (at(h, 0, 0).objective - at(-h, 0, 0).objective) / (2 * h), 1e-6 * unit) << trial;
    EXPECT_NEAR(value.by_center[1], (at(0, h, 0).objective - at(0, -h, 0).objective) / (2 * h), 1e-6 * unit) << trial;
    EXPECT_NEAR(value.by_log_tau, (at(0, 0, h).objective - at(0, 0, -h).objective) / (2 * h), 1e-6 * unit) << trial;
  }
}

SpotlightParameters trajectory(int steps) {
  SpotlightParameters p;
  p.size = 2;
  p.barrier_end = 0.1;
  p.steps = steps;
  p.plateau = PlateauRule::published;
  return p;
}

TEST(Spotlight, WalksTheGoldenTrajectory) {
  struct Golden {
    int step;
    double slack, objective, x, y, log_tau, rate;
  };
  const std::vector<Golden> golden{{1, 6, 0.806026208, 0.00999916102, 0.00999903118, -9.22033993, 0.01},
                                   {10, 5.89041057, 0.806063923, 0.0996437927, 0.0996373984, -9.30960699, 0.01},
                                   {100, 4.89878898, 0.806233606, 0.873804149, 0.873724276, -9.86645316, 0.01},
                                   {500, 2.15913888, 1.15016873, 4.20905196, 4.12339435, -3.6718367, 0.01},
                                   {1000, 0.775390339, 1.42348625, 2.30828176, 2.0913177, -1.80144682, 0.005}};
  std::size_t next = 0;
  const auto found = find_one_spotlight(kPoints, kLoss, trajectory(2000), [&](const SpotlightStep& s) {
    if (next == golden.size() || s.step != golden[next].step) return;
    const auto& g = golden[next++];
    EXPECT_NEAR(s.slack, g.slack, 1e-8) << s.step;
    EXPECT_NEAR(s.objective, g.objective, 2e-8) << s.step;
    EXPECT_NEAR(s.center[0], g.x, 2e-8) << s.step;
    EXPECT_NEAR(s.center[1], g.y, 2e-8) << s.step;
    EXPECT_NEAR(s.log_tau, g.log_tau, 2e-8) << s.step;
    EXPECT_EQ(s.rate, g.rate) << s.step;
  });
  EXPECT_EQ(next, golden.size());
  EXPECT_NEAR(found.mass, 2.1032, 0.01);  // the last steps depend on rounding
  EXPECT_EQ(found.members.size(), 2U);
  for (const auto member : found.members) EXPECT_GE(kLoss[member], 1.5);
}

// The search sums over a ball that moves; the formula looks at every point anew.
TEST(Spotlight, TheSearchClimbsTheObjectiveOfTheFormula) {
  std::vector<double> center(2, 0);
  double log_tau = std::log(1e-4);
  int compared = 0;
  find_one_spotlight(kPoints, kLoss, trajectory(1500), [&](const SpotlightStep& s) {
    const auto value = value_at(kPoints, kLoss, center, std::exp(log_tau), 2, s.slack, 1);
    EXPECT_NEAR(s.mass, value.mass, 1e-9) << s.step;
    EXPECT_NEAR(s.objective, value.objective, 1e-9) << s.step;
    center.assign(s.center.begin(), s.center.end());
    log_tau = s.log_tau;
    ++compared;
  });
  EXPECT_EQ(compared, 1500);
}

TEST(Spotlight, SaysSoWhenItDidNotConverge) {
  const auto found = find_one_spotlight(kPoints, kLoss, trajectory(100));
  EXPECT_NEAR(found.mass, 7.999, 0.001);
  EXPECT_EQ(found.state, SpotlightState::wrong_mass);
  EXPECT_FALSE(describe(found.state).empty());
}

// At the published start nothing changes for many steps. A rule that asks for a better objective takes that for a
// plateau, and cuts the rate to nothing before the search has begun; one that asks for no worse does not.
TEST(Spotlight, StrictPlateausEndTheSearchBeforeItBegins) {
  const auto data = planted(2000, 8, 60, 1);
  SpotlightParameters p;
  p.spotlights = 1;
  p.plateau = PlateauRule::strict;
  const auto strict = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(strict);
  EXPECT_EQ(strict->front().state, SpotlightState::wrong_mass);
  EXPECT_LT(strict->front().rate, 1e-5);
}

// With losses below 0 the published rule turns strict; the tolerant one does not care about a sign.
TEST(Spotlight, ConvergesOnLossesBelowZero) {
  auto data = planted(2000, 8, 60, 1);
  for (double& l : data.loss) l -= 3;
  SpotlightParameters p;
  p.spotlights = 1;
  const auto found = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->front().state, SpotlightState::converged) << to_string(found->front().state);
  EXPECT_GE(blindspot_precision(found->front().members, data.group), 0.8);
}

TEST(Spotlight, SlackFallsGeometricallyToItsEnd) {
  EXPECT_DOUBLE_EQ(spotlight_slack(8, 2, 0.1, 0, 2000), 6);
  EXPECT_NEAR(spotlight_slack(8, 2, 0.1, 1999, 2000), 0.1, 1e-12);
  EXPECT_NEAR(spotlight_slack(100, 4, 0.06, 50, 101), std::sqrt(96 * 0.06), 1e-12);
}

// Every sum of the fast form against plain loops, along a walk that makes it list its points anew.
TEST(Spotlight, MovingBallSumsAreThoseOfPlainLoops) {
  const auto data = planted(700, 5, 70, 3);
  const std::size_t n = data.points.rows;
  MovingBall<float> ball(data.points.data, 5, data.loss);
  RandomStream random(5);
  std::vector<double> center(5, 0);
  double log_tau = -4;
  for (int step = 0; step < 400; ++step) {
    for (double& c : center) c += 0.05 * random.normal();
    log_tau += (step < 200 ? 0.02 : -0.01) + 0.05 * random.normal();
    const double tau = std::exp(log_tau);
    const auto& sums = ball.move(center, tau);
    BallSums plain;
    plain.points.assign(5, 0);
    bool on_rim = false;
    for (std::size_t i = 0; i < n; ++i) {
      double square = 0;
      for (std::size_t j = 0; j < 5; ++j) square += std::pow(static_cast<double>(data.points.row(i)[j]) - center[j], 2);
      const double k = 1 - tau * square;
      on_rim = on_rim || std::abs(k) < 1e-5;  // where rounding to float decides who is inside
      if (k <= 0) continue;
      plain.mass += k;
      plain.weighted_loss += k * data.loss[i];
      plain.count += 1;
      plain.loss += data.loss[i];
      for (std::size_t j = 0; j < 5; ++j) plain.points[j] += static_cast<double>(data.points.row(i)[j]);
    }
    EXPECT_NEAR(sums.mass, plain.mass, 1e-4 * (1 + plain.mass)) << step;
    EXPECT_NEAR(sums.weighted_loss, plain.weighted_loss, 1e-4 * (1 + plain.mass)) << step;
    if (on_rim) continue;
    EXPECT_NEAR(sums.mass, plain.mass, 1e-9 * static_cast<double>(n)) << step;
    EXPECT_NEAR(sums.weighted_loss, plain.weighted_loss, 1e-9 * static_cast<double>(n)) << step;
    EXPECT_NEAR(sums.count, plain.count, 1e-9) << step;
    EXPECT_NEAR(sums.loss, plain.loss, 1e-9 * static_cast<double>(n)) << step;
    for (std::size_t j = 0; j < 5; ++j) EXPECT_NEAR(sums.points[j], plain.points[j], 1e-6) << step;
  }
}

// A ball that holds all points, then none, is what its closed forms are worst at.
TEST(Spotlight, MovingBallKnowsAnEmptyBallFromARoundingError) {
  const auto data = planted(3000, 16, 90, 2);
  MovingBall<float> ball(data.points.data, 16, data.loss);
  const std::vector<double> middle(16, 0), far(16, 1e3);
  EXPECT_EQ(ball.move(middle, 1e-6).count, 3000);
  const auto& empty = ball.move(far, 1e-2);
  EXPECT_EQ(empty.count, 0);
  EXPECT_EQ(empty.mass, 0);
  EXPECT_EQ(empty.weighted_loss, 0);
  EXPECT_EQ(ball.move(middle, 1e-6).count, 3000);
}

TEST(Spotlight, FindsAPlantedGroupAndConverges) {
  const auto data = planted(2000, 8, 60, 1);
  SpotlightParameters p;
  p.spotlights = 1;
  const auto found = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(found) << found.error().describe();
  ASSERT_EQ(found->size(), 1U);
  const auto& spotlight = found->front();
  EXPECT_EQ(spotlight.state, SpotlightState::converged) << to_string(spotlight.state);
  EXPECT_EQ(spotlight.members.size(), 40U);
  EXPECT_GE(blindspot_precision(spotlight.members, data.group), 0.8);
  EXPECT_NEAR(spotlight.mass / spotlight.size, 1.05, 0.05);
  EXPECT_GT(spotlight.mean_loss, spotlight.start_loss);
}

// Far from 0 the published start sees nothing, and says so.
TEST(Spotlight, StartsFromTheDataWhereAsked) {
  auto data = planted(1500, 6, 60, 2);
  for (float& x : data.points.data) x += 500;
  SpotlightParameters p;
  p.spotlights = 1;
  const auto published = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(published);
  EXPECT_EQ(published->front().state, SpotlightState::empty);
  EXPECT_TRUE(published->front().members.empty());
  EXPECT_FALSE(published->front().contains(data.points.row(0)));
  p.start = SpotlightStart::data;
  const auto found = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->front().state, SpotlightState::converged);
  EXPECT_GE(blindspot_precision(found->front().members, data.group), 0.8);
}

TEST(Spotlight, MembershipIsTheSamePrefixAndBall) {
  const auto data = planted(1200, 6, 50, 4);
  SpotlightParameters p;
  p.steps = 1500;
  const auto found = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(found);
  for (const auto& spotlight : *found) {
    Slice inside;
    for (const auto row : data.rows)
      if (spotlight.contains(data.points.row(row))) inside.push_back(row);
    Slice members = spotlight.members;
    std::sort(members.begin(), members.end());
    EXPECT_EQ(members, inside) << spotlight.order;
    const auto last = data.points.row(spotlight.members.back());
    EXPECT_DOUBLE_EQ(spotlight.weight(last), spotlight.cut);
  }
}

TEST(Spotlight, DropsOnesThatRepeatAnEarlierOne) {
  const auto data = planted(1200, 6, 50, 4);
  SpotlightParameters p;
  p.steps = 1500;
  const auto found = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(found);
  for (std::size_t i = 0; i < found->size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_LE(jaccard((*found)[i].members, (*found)[j].members), 0.5);
}

// With nothing planted it still returns slices, which look bad where they were found and are nothing elsewhere.
TEST(Spotlight, WhatItFindsInNothingIsNothingOnTheOtherHalf) {
  auto data = planted(3000, 8, 0, 9);
  double here = 0, there = 0, base = 0;
  RandomStream random(11);
  for (double& l : data.loss) base += (l = random.uniform() < 0.1 ? 1.0 : 0.0) / static_cast<double>(data.loss.size());
  const std::span<const std::uint32_t> rows(data.rows);
  SpotlightParameters p;
  p.spotlights = 2;
  p.steps = 3000;
  p.share = 0.03;
  const auto found = find_spotlights(data.points, rows.first(1500), data.loss, p);
  ASSERT_TRUE(found);
  ASSERT_FALSE(found->empty());
  double members_here = 0, members_there = 0;
  for (const auto& spotlight : *found) {
    for (const auto row : spotlight.members) here += data.loss[row];
    members_here += static_cast<double>(spotlight.members.size());
    for (const auto row : rows.subspan(1500)) {
      if (!spotlight.contains(data.points.row(row))) continue;
      there += data.loss[row];
      members_there += 1;
    }
  }
  ASSERT_GT(members_there, 20);
  EXPECT_GT(here / members_here, 2 * base);
  EXPECT_LT(there / members_there, 2 * base);
}

TEST(Spotlight, FloatAndDoubleFindTheSame) {
  const auto data = planted(1000, 4, 60, 6);
  SpotlightParameters p;
  p.spotlights = 1;
  p.steps = 1500;
  const auto fast = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(fast);
  const std::vector<double> exact(data.points.data.begin(), data.points.data.end());
  const auto slow = find_one_spotlight(exact, data.loss, p);
  EXPECT_GE(jaccard(fast->front().members, slow.members), 0.8);
  EXPECT_NEAR(fast->front().mean_loss, slow.mean_loss, 0.05 * slow.mean_loss);
}

TEST(Spotlight, LeavesOutWhatIsNotFinite) {
  auto data = planted(600, 4, 40, 8);
  SpotlightParameters p;
  p.steps = 600;
  const Slice good(data.rows.begin() + 2, data.rows.end());
  const auto without = find_spotlights(data.points, good, data.loss, p);
  data.points.row(0)[2] = std::nanf("");
  data.loss[1] = std::nan("");
  const auto with = find_spotlights(data.points, data.rows, data.loss, p);
  ASSERT_TRUE(with);
  ASSERT_TRUE(without);
  ASSERT_EQ(with->size(), without->size());
  for (std::size_t i = 0; i < with->size(); ++i) EXPECT_EQ((*with)[i].members, (*without)[i].members);
}

TEST(Spotlight, RefusesWhatCannotBeSearched) {
  const auto data = planted(50, 3, 5, 8);
  EXPECT_EQ(find_spotlights(data.points, {}, data.loss, {}).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(find_spotlights(data.points, data.rows, std::vector<double>(3), {}).error().code, ErrorCode::invalid_input);
  SpotlightParameters p;
  p.size = 50;
  EXPECT_EQ(find_spotlights(data.points, data.rows, data.loss, p).error().code, ErrorCode::invalid_input);
  p.size = 0;
  p.learning_rate = 0;
  EXPECT_EQ(find_spotlights(data.points, data.rows, data.loss, p).error().code, ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
