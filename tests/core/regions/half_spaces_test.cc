#include "core/regions/half_spaces.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "core/regions/clear_flips.h"

namespace defuse {
namespace {

struct Points {
  Matrix points;
  std::vector<double> value;
  std::vector<std::uint32_t> group;
  std::vector<std::int32_t> kind;
};

// Standard normal in d dimensions; `tail` of those beyond 1.8 along (1, 1, 0, …) have value 1, and `noise` of the
// others.
Points tail_points(std::size_t n, std::size_t d, double tail, double noise, std::uint64_t seed) {
  Points out;
  RandomStream random(seed);
  out.points = Matrix(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    for (float& x : out.points.row(i)) x = static_cast<float>(random.normal());
    const double along = static_cast<double>(out.points.row(i)[0] + out.points.row(i)[1]) / std::sqrt(2.0);
    out.value.push_back(random.uniform() < (along > 1.8 ? tail : noise) ? 1 : 0);
    out.group.push_back(static_cast<std::uint32_t>(i));
    out.kind.push_back(3);
  }
  return out;
}

bool holds(const HalfSpace& half, std::span<const float> point) {
  double sum = 0;
  for (std::size_t j = 0; j < point.size(); ++j)
    sum += static_cast<double>(half.direction[j]) * static_cast<double>(point[j]);
  return sum >= half.cut;
}

TEST(HalfSpace, HoldsTheTailItWasPlantedIn) {
  const auto found_in = tail_points(3000, 16, 0.9, 0.003, 1);
  const auto half = best_half_space(found_in.points, found_in.value, found_in.group, found_in.kind, {.limit = 0.1});
  ASSERT_TRUE(half);
  const auto fresh = tail_points(3000, 16, 0.9, 0.003, 2);
  double inside = 0, positive = 0;
  for (std::size_t i = 0; i < 3000; ++i) {
    if (!holds(*half, fresh.points.row(i))) continue;
    inside += 1;
    positive += fresh.value[i];
  }
  EXPECT_GT(inside, 30);
  EXPECT_GT(positive / inside, 0.5);
}

TEST(HalfSpace, OfNoiseHasNoEvidenceOnUnseenPoints) {
  int found = 0;
  for (std::uint64_t seed = 10; seed < 40; ++seed) {
    const auto noise = tail_points(1000, 16, 0.02, 0.02, seed);
    const auto half = best_half_space(noise.points, noise.value, noise.group, noise.kind, {.limit = 0.1});
    found += half && half->evidence > 4 ? 1 : 0;
  }
  EXPECT_LE(found, 1);
}

TEST(HalfSpace, CountsAGroupOnce) {
  auto points = tail_points(400, 4, 0, 0, 3);
  // One seed with many positive draws far out is one observation.
  for (std::size_t i = 0; i < 20; ++i) {
    points.points.row(i)[0] = 8;
    points.value[i] = 1;
    points.group[i] = 0;
  }
  EXPECT_FALSE(best_half_space(points.points, points.value, points.group, points.kind, {}));
  EXPECT_FALSE(best_axis(points.points, points.value, points.group, {}));
}

TEST(BestAxis, FindsTheSideOfTheColumnThatFails) {
  auto points = tail_points(2000, 6, 0, 0, 4);
  for (std::size_t i = 0; i < 2000; ++i) points.value[i] = points.points.row(i)[4] < -2.2F ? 1 : 0;
  const auto half = best_axis(points.points, points.value, points.group, {});
  ASSERT_TRUE(half);
  EXPECT_EQ(half->direction[4], -1);
  EXPECT_NEAR(half->cut, 2.2, 0.1);
}

TEST(ClearFlips, AreThoseBothModelsAreSureOf) {
  ProbeSet probes;
  ProbeEvaluation old_model, new_model;
  for (std::uint32_t i = 0; i < 5; ++i) {
    probes.seeds.push_back({Split::test, i, 0, Half::discover});
    old_model.real_margin.push_back(4);   // median 4: sure from 2 on
    new_model.real_margin.push_back(10);  // another temperature: sure from 5 on
  }
  const ClearFlips clear(probes, &old_model, new_model, 1, 0.5);
  EXPECT_EQ(clear.of(0, 2.0F, -5.0F), 1);
  EXPECT_EQ(clear.of(0, -2.0F, 5.0F), -1);
  EXPECT_EQ(clear.of(0, 1.9F, -5.0F), 0) << "the old model was not sure";
  EXPECT_EQ(clear.of(0, 2.0F, -4.9F), 0) << "the new model is not sure";
  EXPECT_EQ(clear.of(0, std::nanf(""), -9.0F), 0);
  EXPECT_EQ(clear.of(0, 2.0F, std::nanf("")), 1) << "no answer to what the old model was sure of is a break";
  EXPECT_EQ(clear.of(0, 1.0F, std::nanf("")), 0);
  new_model.real_margin.assign(5, -1);  // a class the new model has lost altogether
  const ClearFlips lost(probes, &old_model, new_model, 1, 0.5);
  EXPECT_EQ(lost.of(0, 4.0F, -1.0F), 1);
  const ClearFlips without(probes, nullptr, new_model, 1, 0.5);
  EXPECT_EQ(without.of(0, 100.0F, -100.0F), 0);
}

}  // namespace
}  // namespace defuse
