#include "checks/negative_flips.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/stats/intervals.h"
#include "tests/checks/check_input.h"

namespace defuse {
namespace {

CheckResult judged(World& world, NegativeFlipSettings settings, const NoiseFloor* floor = nullptr) {
  auto in = world.input();
  in.noise_floor = floor;
  const auto result = NegativeFlipsCheck(std::move(settings)).run(in);
  expect_well_formed(result);
  return result;
}

NegativeFlipSettings absolute() {
  NegativeFlipSettings settings;
  settings.max_rate = 0.02;
  settings.max_class_rate = 0.10;
  return settings;
}

CheckResult judged(World& world) { return judged(world, absolute()); }

TEST(NegativeFlips, FewFlipsOnManyImagesPass) {
  World world;
  world.add_all({980, 6, 6, 8});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::pass);
  const Finding* overall = find(result, "negative_flips/overall");
  ASSERT_NE(overall, nullptr);
  EXPECT_DOUBLE_EQ(overall->value, 0.006);
  EXPECT_DOUBLE_EQ(overall->limit, 0.02);
  EXPECT_DOUBLE_EQ(overall->upper, clopper_pearson_upper(60, 10000, 0.05));
}

TEST(NegativeFlips, ManyFlipsFailThoughAccuracyIsLevel) {
  World world;
  world.add_all({900, 50, 50, 0});
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_NE(result.reason.find("500 of 10000 images"), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find("the old model was right and the new one is wrong"), std::string::npos) << result.reason;
}

// The table of gate-statistics section 7: the largest count that passes, and the next one, which does not.
TEST(NegativeFlips, PassesUpToTheTabledCount) {
  for (const auto& [n, most] : {std::pair<std::int64_t, std::int64_t>{500, 4}, {1000, 12}, {5000, 83}, {10000, 176}}) {
    World at(1), above(1);
    at.add(0, {n - most, most, 0, 0});
    above.add(0, {n - most - 1, most + 1, 0, 0});
    EXPECT_EQ(decision_of(judged(at), "negative_flips/overall"), Decision::ok) << n;
    EXPECT_EQ(decision_of(judged(above), "negative_flips/overall"), Decision::undecided) << n;
  }
}

TEST(NegativeFlips, UndecidedSaysHowManyMoreImagesWouldDo) {
  World world(1);
  world.add(0, {985, 15, 0, 0});  // 1.5 %: below the limit, but not surely
  const auto result = judged(world);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  const std::int64_t n = 1000 + result.more_images;
  EXPECT_LT(clopper_pearson_upper_real(0.015 * static_cast<double>(n), static_cast<double>(n), 0.05), 0.02);
  World above(1);
  above.add(0, {975, 25, 0, 0});  // above it, but not surely: no number of images is promised
  EXPECT_EQ(judged(above).state, VerdictState::inconclusive);
  EXPECT_EQ(judged(above).more_images, 0);
}

TEST(NegativeFlips, BrokenClassFails) {
  World world;
  for (std::int32_t k = 0; k < 10; ++k) world.add(k, k == 5 ? FourCounts{140, 50, 0, 10} : FourCounts{1000, 2, 2, 0});
  const auto result = judged(world);
  EXPECT_EQ(decision_of(result, "negative_flips/class/5"), Decision::violation);
  EXPECT_EQ(decision_of(result, "negative_flips/class/4"), Decision::ok);
  EXPECT_EQ(decision_of(result, "negative_flips/overall"), Decision::ok);
  EXPECT_EQ(result.state, VerdictState::fail);
}

TEST(NegativeFlips, ClassBetweenTheBoundsIsANote) {
  World world;
  for (std::int32_t k = 0; k < 10; ++k) world.add(k, k == 5 ? FourCounts{19, 2, 0, 0} : FourCounts{1000, 1, 1, 0});
  const auto result = judged(world);
  EXPECT_EQ(decision_of(result, "negative_flips/class/5"), Decision::note);
  EXPECT_EQ(result.state, VerdictState::pass);
}

TEST(NeverGreenFlips, MissingOrTinyClassIsInconclusive) {
  for (const std::int64_t count : {0, 2}) {
    World world;
    for (std::int32_t k = 0; k < 10; ++k) world.add(k, {k == 5 ? count : 1000, 0, 0, 0});
    const auto result = judged(world);
    EXPECT_EQ(decision_of(result, "negative_flips/class/5"), Decision::undecided) << count;
    EXPECT_EQ(result.state, VerdictState::inconclusive);
  }
}

TEST(NegativeFlips, RelativeLimitIsJudgedWhereItIsSet) {
  NegativeFlipSettings settings;
  settings.max_rate = 0.2;
  settings.max_class_rate = 1;
  World world(1);
  world.add(0, {8500, 300, 400, 800});  // R = 0.31
  EXPECT_EQ(find(judged(world, settings), "negative_flips/relative"), nullptr);
  settings.max_relative = 1.0;
  EXPECT_EQ(decision_of(judged(world, settings), "negative_flips/relative"), Decision::ok);
  EXPECT_NEAR(find(judged(world, settings), "negative_flips/relative")->value, 0.3099173554, 1e-8);
  settings.max_relative = 0.31;
  EXPECT_EQ(decision_of(judged(world, settings), "negative_flips/relative"), Decision::undecided);
  EXPECT_EQ(judged(world, settings).state, VerdictState::inconclusive);
  settings.max_relative = 0.2;
  EXPECT_EQ(decision_of(judged(world, settings), "negative_flips/relative"), Decision::violation);
}

TEST(NegativeFlips, FewerThanTenFlipsLeaveOnlyTheAbsoluteLimit) {
  NegativeFlipSettings settings = absolute();
  settings.max_relative = 0.4;
  World world(1);
  world.add(0, {9991, 9, 0, 11});
  const auto result = judged(world, settings);
  EXPECT_EQ(decision_of(result, "negative_flips/relative"), Decision::note);
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_NEAR(find(result, "negative_flips/relative")->upper, clopper_pearson_upper(9, 20, 0.05) * 10011 / 10000,
              1e-12);
}

TEST(NeverBreak, BrokenImageIsAViolationThatNamesIt) {
  World world;
  world.add_all({1000, 1, 1, 1});
  NegativeFlipSettings settings;
  settings.never_break = {0, 1000, 5};  // image 1000 is class 0's negative flip
  const auto result = judged(world, settings);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(decision_of(result, "negative_flips/never_break/1000"), Decision::violation);
  EXPECT_NE(result.reason.find("Image 1000"), std::string::npos) << result.reason;
  EXPECT_EQ(find(result, "negative_flips/never_break/0"), nullptr);
}

TEST(NeverBreak, WholeListIsOneOkFinding) {
  World world;
  world.add_all({1000, 1, 1, 1});
  NegativeFlipSettings settings;
  settings.never_break = {0, 1, 2};
  const auto result = judged(world, settings);
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(decision_of(result, "negative_flips/never_break"), Decision::ok);
}

TEST(NeverBreak, ImageTheOldModelMissedTooIsNotBroken) {
  World world;
  world.add_all({1000, 1, 1, 1});
  NegativeFlipSettings settings;
  settings.never_break = {1002};  // class 0's image that both get wrong
  const auto result = judged(world, settings);
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_NE(find(result, "negative_flips/never_break")->sentence.find("on 1 more the old model was wrong already"),
            std::string::npos);
}

TEST(NeverBreak, ImageOutsideTheTestSplitIsAnError) {
  World world;
  world.add_all({1000, 1, 1, 1});
  for (const std::int64_t index : {-1, 10030, 1'000'000}) {
    NegativeFlipSettings settings;
    settings.never_break = {0, index};
    const auto result = judged(world, settings);
    EXPECT_EQ(result.state, VerdictState::error) << index;
    EXPECT_NE(result.reason.find(std::to_string(index)), std::string::npos) << result.reason;
  }
}

TEST(NeverBreak, LongListsOfBrokenImagesAreCutAndStillFail) {
  World world(1);
  world.add(0, {9900, 150, 0, 0});
  NegativeFlipSettings settings;
  settings.max_rate = 0.5;
  settings.max_class_rate = 1;
  for (std::int64_t i = 9900; i < 10050; ++i) settings.never_break.push_back(i);
  const auto result = judged(world, settings);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_LT(result.findings.size(), 110U);
  EXPECT_EQ(decision_of(result, "negative_flips/never_break"), Decision::violation);
}

TEST(NeverGreenFlips, NothingToCompareWithIsInconclusive) {
  World world;
  world.add_all({100, 0, 0, 0});
  const auto result = NegativeFlipsCheck({}).run(world.input_without_incumbent());
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_TRUE(result.no_incumbent);
}

TEST(NegativeFlips, LimitOfNothingIsBrokenByOneFlip) {
  World world(1);
  world.add(0, {9999, 1, 0, 0});
  NegativeFlipSettings settings;
  settings.max_rate = 0;
  EXPECT_EQ(judged(world, settings).state, VerdictState::fail);
}

// Where the user sets no limit, flips are harm only if they are many and new.
TEST(NegativeFlipsOwnRule, HardTaskWhoseRetrainsFlipManyImagesPasses) {
  World world;
  world.add_all({700, 50, 50, 200});  // 5 % flips; three quarters of the errors are old ones
  const auto result = judged(world, NegativeFlipSettings{});
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(decision_of(result, "negative_flips/overall"), Decision::ok);
}

TEST(NegativeFlipsOwnRule, GoodModelWhoseFewErrorsAreAllNewPasses) {
  World world;
  world.add_all({9990, 5, 5, 0});
  EXPECT_EQ(judged(world, NegativeFlipSettings{}).state, VerdictState::pass);
}

TEST(NegativeFlipsOwnRule, ManyNewErrorsFail) {
  World world;
  world.add_all({900, 50, 50, 0});
  const auto result = judged(world, NegativeFlipSettings{});
  EXPECT_EQ(decision_of(result, "negative_flips/overall"), Decision::violation);
}

TEST(NegativeFlipsOwnRule, ClassThatLosesAThirdFailsAndNamesBothLimits) {
  World world;
  for (std::int32_t k = 0; k < 10; ++k) world.add(k, k == 5 ? FourCounts{130, 70, 0, 3} : FourCounts{1000, 2, 2, 10});
  const auto result = judged(world, NegativeFlipSettings{});
  EXPECT_EQ(decision_of(result, "negative_flips/class/5"), Decision::violation);
  const auto& sentence = find(result, "negative_flips/class/5")->sentence;
  EXPECT_NE(sentence.find("20 %"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("75 %"), std::string::npos) << sentence;
}

TEST(NegativeFlipsOwnRule, NeverKeepsAVersionFromPassingForWantOfImages) {
  World world(1);
  world.add(0, {945, 30, 15, 10});  // 3 %, R = 0.77: on no side of either limit for sure
  const auto result = judged(world, NegativeFlipSettings{});
  EXPECT_EQ(decision_of(result, "negative_flips/overall"), Decision::note);
  EXPECT_EQ(result.state, VerdictState::pass);
}

TEST(NeverGreenFlips, TooFewImagesForAnyViolationIsInconclusive) {
  World world(1);
  world.add(0, {12, 0, 0, 3});  // enough for the class, but not for the rule: old errors outweigh what could break
  const auto result = judged(world, NegativeFlipSettings{});
  EXPECT_EQ(decision_of(result, "negative_flips/evidence"), Decision::undecided);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
}

NoiseFloor floor_of(std::initializer_list<FourCounts> siblings, double alpha, std::int32_t classes = 1) {
  NoiseFloor floor;
  for (const auto& counts : siblings) {
    SiblingValues sibling;
    for (std::int32_t k = 0; k < classes; ++k) {
      sibling.per_class.push_back(counts);
      sibling.overall += counts;
    }
    floor.siblings.push_back(std::move(sibling));
  }
  floor.counted = static_cast<std::int64_t>(siblings.size());
  floor = with_flip_limits(std::move(floor), alpha);
  return floor;
}

TEST(NegativeFlipsFloor, CandidateAmongItsSiblingsPassesAndOneFarAboveFails) {
  World alike(1), worse(1);
  alike.add(0, {9780, 72, 68, 80});
  worse.add(0, {9780, 150, 68, 80});
  for (auto* world : {&alike, &worse}) {
    auto in = world->input();
    auto floor = floor_of({{9785, 65, 64, 86}, {9770, 78, 68, 84}, {9780, 71, 64, 85}}, in.alpha);
    floor = with_flips_placed(std::move(floor), world->comparison);
    const auto result = judged(*world, NegativeFlipSettings{}, &floor);
    EXPECT_EQ(decision_of(result, "negative_flips/floor/overall"),
              world == &alike ? Decision::ok : Decision::violation);
    EXPECT_EQ(result.state, world == &alike ? VerdictState::pass : VerdictState::fail);
    EXPECT_DOUBLE_EQ(find(result, "negative_flips/floor/overall")->limit, floor.flips.limit);
    EXPECT_NE(find(result, "negative_flips/overall"), nullptr);  // both are shown
  }
}

TEST(NegativeFlipsFloor, ClassIsHeldAgainstItsOwnFloor) {
  World world(2);
  world.add(0, {960, 10, 10, 20});
  world.add(1, {860, 110, 10, 20});
  auto in = world.input();
  auto floor = floor_of({{960, 10, 10, 20}, {958, 12, 11, 19}}, in.alpha, 2);
  floor = with_flips_placed(std::move(floor), world.comparison);
  const auto result = judged(world, NegativeFlipSettings{}, &floor);
  EXPECT_EQ(decision_of(result, "negative_flips/floor/class/0"), Decision::ok);
  EXPECT_EQ(decision_of(result, "negative_flips/floor/class/1"), Decision::violation);
}

TEST(NeverGreenFlips, FloorThatCouldNotBeMadeIsSaidAndLoosensNothing) {
  World world;
  world.add_all({900, 50, 50, 0});
  NoiseFloor floor;
  floor.problem = "sibling 3 cannot be loaded";
  const auto result = judged(world, NegativeFlipSettings{}, &floor);
  EXPECT_EQ(decision_of(result, "negative_flips/floor"), Decision::note);
  EXPECT_NE(find(result, "negative_flips/floor")->sentence.find("sibling 3 cannot be loaded"), std::string::npos);
  EXPECT_EQ(result.state, VerdictState::fail);
}

TEST(NegativeFlips, CandidateAtTheLimitIsBlockedAtMostAtItsShareOfAlpha) {
  RandomStream random(12);
  int blocked = 0;
  for (int round = 0; round < 400; ++round) {
    World world(4);
    for (std::int32_t k = 0; k < 4; ++k)
      for (int i = 0; i < 150; ++i) world.add(k, 1, true, random.uniform() >= 0.02);
    if (judged(world).state == VerdictState::fail) ++blocked;
  }
  EXPECT_LE(blocked, 400 * 0.01 + 5 * std::sqrt(400 * 0.01));
}

TEST(NegativeFlips, BlocksTheRateThatItCallsDetectable) {
  RandomStream random(13);
  World first(1);
  first.add(0, {2000, 0, 0, 0});
  const double detectable = judged(first).detectable_value;
  EXPECT_GT(detectable, 0.02);
  int blocked = 0;
  for (int round = 0; round < 100; ++round) {
    World world(1);
    for (int i = 0; i < 2000; ++i) world.add(0, 1, true, random.uniform() >= detectable);
    if (judged(world).state == VerdictState::fail) ++blocked;
  }
  EXPECT_GE(blocked, 80 - 5 * 4);
}

}  // namespace
}  // namespace defuse
