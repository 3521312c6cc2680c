#include "checks/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/stats/intervals.h"
#include "tests/checks/check_input.h"

namespace defuse {
namespace {

CheckResult judged(World& world, AccuracySettings settings = {}) {
  const auto result = AccuracyCheck(settings).run(world.input());
  expect_well_formed(result);
  return result;
}

TEST(Accuracy, EquallyGoodModelOnManyImagesPasses) {
  World world;
  world.add_all({960, 10, 10, 20});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::pass);
  const Finding* overall = find(result, "accuracy/overall");
  ASSERT_NE(overall, nullptr);
  EXPECT_DOUBLE_EQ(overall->value, 0.97);
  EXPECT_DOUBLE_EQ(overall->incumbent_value, 0.97);
  EXPECT_EQ(overall->n, 10000);
  EXPECT_DOUBLE_EQ(overall->upper, tango_upper({9600, 100, 100, 200}, 0.05));
  EXPECT_EQ(result.more_images, 0);
}

TEST(Accuracy, ClearlyWorseModelFails) {
  World world;
  world.add_all({900, 50, 10, 40});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(decision_of(result, "accuracy/overall"), Decision::violation);
  EXPECT_NE(result.reason.find("95 %"), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find("91 %"), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find("4 points"), std::string::npos) << result.reason;
}

TEST(Accuracy, SignificantDropWithinTheMarginIsNoViolation) {
  World world;
  world.add_all({985, 10, 3, 2});  // 0.7 points on 10,000 images: surely real, and tolerated up to 1 point
  const auto result = judged(world);
  EXPECT_NE(decision_of(result, "accuracy/overall"), Decision::violation);
  EXPECT_LE(find(result, "accuracy/overall")->p_adjusted, 0.01);
}

TEST(Accuracy, LargeDropOnFewImagesIsUndecidedNeverPass) {
  World world;
  world.add_all({18, 1, 0, 1});  // 5 points on 200 images: 10 flips, all negative
  world.add(0, {0, 0, 4, 0});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_GT(result.more_images, 0);
}

TEST(Accuracy, TooFewImagesAreInconclusiveEvenIfTheModelsAgree) {
  World world(2);
  world.add_all({120, 0, 0, 10});  // 260 images: fewer than the 268 that a margin of one point needs
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_GE(result.more_images, 8);
  World enough(2);
  enough.add_all({124, 0, 0, 10});
  EXPECT_EQ(judged(enough).state, VerdictState::pass);
}

TEST(Accuracy, MoreImagesIsEnoughIfTheModelsStayAsTheyLook) {
  World world;
  world.add_all({93, 3, 2, 2});  // 1000 images, drop of one point against a margin of two
  AccuracySettings settings;
  settings.max_drop = 0.02;
  const auto result = judged(world, settings);
  ASSERT_EQ(result.state, VerdictState::inconclusive);
  ASSERT_GT(result.more_images, 0);
  const std::int64_t times = (1000 + result.more_images) / 1000 + 1;
  EXPECT_LT(tango_upper({930 * times, 30 * times, 20 * times, 20 * times}, 0.05), 0.02);
}

TEST(Accuracy, BrokenClassFailsThoughOverallIsLevel) {
  World world;
  for (std::int32_t k = 0; k < 10; ++k) world.add(k, k == 7 ? FourCounts{150, 40, 0, 10} : FourCounts{190, 0, 5, 5});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(decision_of(result, "accuracy/class/7"), Decision::violation);
  EXPECT_NE(decision_of(result, "accuracy/overall"), Decision::violation);
  EXPECT_NE(result.reason.find("class 7"), std::string::npos) << result.reason;
}

TEST(Accuracy, ClassBetweenTheBoundsIsANoteAndDoesNotHoldUpTheVerdict) {
  World world;
  world.add_all({990, 5, 5, 0});
  world.add(0, {0, 20, 0, 0});
  World small;
  for (std::int32_t k = 0; k < 10; ++k) small.add(k, {k == 3 ? 36 : 2000, k == 3 ? 3 : 4, k == 3 ? 1 : 4, 0});
  const auto result = judged(small);
  EXPECT_EQ(decision_of(result, "accuracy/class/3"), Decision::note);
  EXPECT_EQ(result.state, VerdictState::pass);
}

TEST(Accuracy, HolmGuardsAgainstManyClasses) {
  // One class of ten with 12 negative flips of 100: p of "at most 5 points" is below 0.01, but not after ten other
  // tests.
  World world;
  for (std::int32_t k = 0; k < 10; ++k) world.add(k, {k == 2 ? 88 : 1000, k == 2 ? 12 : 0, 0, 0});
  const auto result = judged(world);
  const Finding* finding = find(result, "accuracy/class/2");
  ASSERT_NE(finding, nullptr);
  EXPECT_LT(finding->p, 0.01);
  EXPECT_GT(finding->p_adjusted, 0.01);
  EXPECT_NE(finding->decision, Decision::violation);
}

// 250 images of a class, of which honest retrains of a small network lose 14 and gain none: significant, and 5.6
// points.
TEST(Accuracy, ClassThatLosesABitMoreThanTheLimitIsANoteUntilItSurelyDoes) {
  for (const std::int64_t lost : {14, 40}) {
    World world;
    for (std::int32_t k = 0; k < 10; ++k) world.add(k, {k == 2 ? 250 - lost : 2000, k == 2 ? lost : 2, 0, 0});
    EXPECT_EQ(decision_of(judged(world), "accuracy/class/2"), lost == 14 ? Decision::note : Decision::violation);
  }
}

TEST(NeverGreenAccuracy, MissingClassIsInconclusiveAndNamed) {
  World world;
  for (std::int32_t k = 0; k < 9; ++k) world.add(k, {1000, 2, 2, 10});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_EQ(decision_of(result, "accuracy/class/9"), Decision::undecided);
  EXPECT_NE(result.reason.find("class 9"), std::string::npos) << result.reason;
}

TEST(NeverGreenAccuracy, ClassBelowMinimumSupportIsInconclusive) {
  World world;
  for (std::int32_t k = 0; k < 10; ++k) world.add(k, {k == 4 ? 5 : 1000, 0, 0, 0});
  EXPECT_EQ(decision_of(judged(world), "accuracy/class/4"), Decision::undecided);
  EXPECT_EQ(judged(world).state, VerdictState::inconclusive);
}

TEST(NeverGreenAccuracy, CandidateWithoutFiniteAnswersFails) {
  World world;
  world.add_all({100, 0, 0, 0});
  for (auto& answer : world.candidate.predicted) answer = -1;
  EXPECT_EQ(judged(world).state, VerdictState::fail);
}

TEST(NeverGreenAccuracy, NothingToCompareWithIsInconclusive) {
  World world;
  world.add_all({100, 0, 0, 0});
  const auto result = AccuracyCheck({}).run(world.input_without_incumbent());
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_TRUE(result.no_incumbent);
}

TEST(Accuracy, SaysWhatItWouldHaveSeen) {
  World world;
  world.add_all({960, 10, 10, 20});
  const auto result = judged(world);
  EXPECT_GT(result.detectable_value, 0.01) << "a drop within the margin is never blocked";
  EXPECT_LT(result.detectable_value, 0.02);
  EXPECT_NE(result.detectable.find("80 % probability"), std::string::npos);
  World few;
  few.add_all({96, 1, 1, 2});
  EXPECT_GT(judged(few).detectable_value, result.detectable_value);
}

// A world drawn at random: each image is a negative flip with probability `negative`, a positive one with `positive`.
World drawn(RandomStream& random, int per_class, double negative, double positive) {
  World world(4);
  for (std::int32_t k = 0; k < 4; ++k)
    for (int i = 0; i < per_class; ++i) {
      const double u = random.uniform();
      world.add(k, 1, u >= positive, u >= positive + negative || u < positive);
    }
  return world;
}

TEST(Accuracy, EquallyGoodModelsAreBlockedAtMostAtItsShareOfAlpha) {
  RandomStream random(8);
  AccuracySettings strict;  // no margin: the test alone stands between an honest retrain and a block
  strict.max_drop = strict.max_class_drop = 0;
  int blocked = 0;
  for (int round = 0; round < 400; ++round) {
    World world = drawn(random, 100, 0.03, 0.03);
    if (judged(world, strict).state == VerdictState::fail) ++blocked;
  }
  EXPECT_LE(blocked, 400 * 0.01 + 5 * std::sqrt(400 * 0.01));
}

TEST(Accuracy, BlocksTheDropThatItCallsDetectable) {
  RandomStream random(9);
  World world = drawn(random, 500, 0.03, 0.03);
  const double detectable = judged(world).detectable_value;
  int blocked = 0;
  for (int round = 0; round < 100; ++round) {
    World worse = drawn(random, 500, 0.03 + detectable / 2, 0.03 - detectable / 2);
    if (judged(worse).state == VerdictState::fail) ++blocked;
  }
  EXPECT_GE(blocked, 80 - 5 * 4);  // five standard deviations of 100 coins of 0.8
}

}  // namespace
}  // namespace defuse
