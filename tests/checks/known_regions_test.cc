#include "checks/known_regions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>

#include "tests/checks/check_input.h"

namespace defuse {
namespace {

// A region of `seeds` seed images with `draws` frozen images each; the candidate fails on all images of the first
// `broken` seeds, the incumbent on those of the first `broken_before`.
KnownRegion region(const std::string& id, int seeds, int draws, int broken, int broken_before = 0) {
  KnownRegion r;
  r.id = RegionId(id);
  r.label = 7;
  r.predicted_as = 1;
  r.first_version = "3";
  for (int j = 0; j < seeds; ++j)
    for (int q = 0; q < draws; ++q) {
      r.cluster.push_back(static_cast<std::uint32_t>(100 + j));
      r.candidate.push_back(j < broken ? 1 : 7);
      r.incumbent.push_back(j < broken_before ? 1 : 7);
    }
  return r;
}

CheckResult judged(std::vector<KnownRegion> regions, KnownRegionSettings settings = {}) {
  World world;
  world.add_all({100, 0, 0, 0});
  world.known = std::move(regions);
  const auto result = KnownRegionsCheck(settings).run(world.input());
  expect_well_formed(result);
  return result;
}

TEST(KnownRegions, WithoutEarlierBugsPasses) {
  const auto result = judged({});
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(result.reason, "No earlier bug is known.");
}

TEST(KnownRegions, WithoutEarlierBugsNeedsNoIncumbent) {
  World world;
  world.add_all({100, 0, 0, 0});
  const auto result = KnownRegionsCheck({}).run(world.input_without_incumbent());
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_FALSE(result.no_incumbent);
}

// The incumbent may still have it: then it is not back, but it is not fixed either, and nobody may be told so.
TEST(KnownRegions, ABugThatBothModelsHaveIsNotCalledFixed) {
  const auto result = judged({region("r-aaaaaaaaaaaa", 22, 1, 18, 18), region("r-bbbbbbbbbbbb", 22, 1, 0, 0)});
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(result.reason, "2 earlier bugs were tested again: none is back.");
  const Finding* finding = find(result, "known_regions/r-aaaaaaaaaaaa");
  ASSERT_NE(finding, nullptr);
  EXPECT_NE(finding->sentence.find("18 of 22 of its images fail (18 with the old model)"), std::string::npos)
      << finding->sentence;
}

TEST(KnownRegions, BugThatCameBackFailsInPlainWords) {
  const auto result = judged({region("r-aaaaaaaaaaaa", 22, 1, 18)});
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(result.reason, "The bug 'a 7 read as 1' of version 3 is back: 18 of 22 of its images fail again.");
  const Finding* finding = find(result, "known_regions/r-aaaaaaaaaaaa");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->region, "r-aaaaaaaaaaaa");
  EXPECT_EQ(finding->n, 22);
  EXPECT_NEAR(finding->value, 18.0 / 22, 1e-12);
  EXPECT_NEAR(finding->p, std::pow(0.5, 18), 1e-15);
  EXPECT_GT(finding->lower, 0);
}

TEST(KnownRegions, BugThatStaysFixedPasses) {
  const auto result = judged({region("r-aaaaaaaaaaaa", 22, 4, 0)});
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(decision_of(result, "known_regions/r-aaaaaaaaaaaa"), Decision::ok);
}

TEST(KnownRegions, BugThatTheIncumbentHasTooIsNoRegression) {
  const auto result = judged({region("r-aaaaaaaaaaaa", 22, 1, 18, 18)});
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_NE(result.findings.front().sentence.find("(18 with the old model)"), std::string::npos)
      << result.findings.front().sentence;
}

TEST(KnownRegions, ManyImagesOfFewSeedsAreFewObservations) {
  // 300 images, but 3 seeds: whatever they say, it is not proof. Pooled they would be p = 2^-300.
  const auto result = judged({region("r-aaaaaaaaaaaa", 3, 100, 3)});
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_EQ(decision_of(result, "known_regions/r-aaaaaaaaaaaa"), Decision::undecided);
  EXPECT_NE(result.reason.find("3 seed images are too few"), std::string::npos) << result.reason;
}

TEST(KnownRegions, NetFlipsAboveTheLimitThatProveNothingAreUndecided) {
  const auto result = judged({region("r-aaaaaaaaaaaa", 20, 1, 5)});
  EXPECT_EQ(result.state, VerdictState::inconclusive);
}

TEST(KnownRegions, FewNetFlipsOnHardImagesPassWhereTheBugAsItWasIsExcluded) {
  // An honest retrain loses a few images of a region that was found because they are hard.
  EXPECT_EQ(judged({region("r-aaaaaaaaaaaa", 20, 1, 3)}).state, VerdictState::pass);
  // Too few seeds to have tested anything: the same share does not pass.
  EXPECT_EQ(judged({region("r-aaaaaaaaaaaa", 6, 1, 1)}).state, VerdictState::inconclusive);
}

TEST(KnownRegions, ALossThatMayLieWithinTheToleranceDoesNotBlock) {
  // 9 of 40 seeds, net: significant (p = 2^-9) and above 20 %, but the rate may well be 13 %.
  const auto result = judged({region("r-aaaaaaaaaaaa", 40, 1, 9)});
  EXPECT_EQ(decision_of(result, "known_regions/r-aaaaaaaaaaaa"), Decision::undecided);
}

TEST(KnownRegions, FewNetFlipsAmongManySeedsPass) {
  const auto result = judged({region("r-aaaaaaaaaaaa", 100, 1, 3)});
  EXPECT_EQ(result.state, VerdictState::pass);
}

TEST(KnownRegions, IncreaseWithinTheToleranceIsNoViolation) {
  KnownRegionSettings settings;
  settings.max_increase = 0.9;
  EXPECT_NE(judged({region("r-aaaaaaaaaaaa", 40, 1, 30)}, settings).state, VerdictState::fail);
}

TEST(KnownRegions, HolmCountsEveryTestableRegion) {
  // Nine flips of nine seeds: p = 1/512 alone, below 0.01; among twelve such families it is not.
  std::vector<KnownRegion> many = {region("r-000000000000", 9, 1, 9)};
  EXPECT_EQ(judged(many).state, VerdictState::fail);
  for (int i = 1; i < 12; ++i) many.push_back(region("r-00000000000" + std::to_string(i), 60, 1, 0));
  const auto result = judged(many);
  EXPECT_GT(find(result, "known_regions/r-000000000000")->p_adjusted, 0.01);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
}

TEST(KnownRegions, RegionsTooSmallToTestDoNotWeighOnTheOthers) {
  std::vector<KnownRegion> many = {region("r-000000000000", 9, 1, 9)};
  for (int i = 1; i < 12; ++i) many.push_back(region("r-00000000000" + std::to_string(i), 2, 5, 0));
  const auto result = judged(many);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_DOUBLE_EQ(find(result, "known_regions/r-000000000000")->p_adjusted,
                   find(result, "known_regions/r-000000000000")->p);
}

TEST(KnownRegions, AmbiguousRegionIsReportedNeverCounted) {
  auto back = region("r-aaaaaaaaaaaa", 22, 1, 22);
  back.ambiguous = true;
  const auto result = judged({back});
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(decision_of(result, "known_regions/r-aaaaaaaaaaaa"), Decision::note);
}

TEST(NeverGreenKnownRegions, RegionThatCannotBeMeasuredIsAnErrorWithItsCause) {
  auto missing = region("r-aaaaaaaaaaaa", 22, 1, 0);
  missing.problem = "r-aaaaaaaaaaaa.npy is truncated";
  auto empty = region("r-bbbbbbbbbbbb", 0, 0, 0);
  auto uneven = region("r-cccccccccccc", 22, 1, 0);
  uneven.candidate.pop_back();
  for (const auto& broken : {missing, empty, uneven}) {
    const auto result = judged({region("r-000000000000", 60, 1, 0), broken});
    EXPECT_EQ(result.state, VerdictState::error) << broken.id;
    EXPECT_EQ(decision_of(result, "known_regions/" + broken.id), Decision::error);
  }
  EXPECT_NE(judged({missing}).reason.find("truncated"), std::string::npos);
}

TEST(NeverGreenKnownRegions, CandidateWithoutFiniteAnswersFails) {
  auto nan = region("r-aaaaaaaaaaaa", 22, 1, 0);
  for (auto& answer : nan.candidate) answer = -1;
  EXPECT_EQ(judged({nan}).state, VerdictState::fail);
}

TEST(NeverGreenKnownRegions, NothingToCompareWithIsInconclusive) {
  World world;
  world.add_all({100, 0, 0, 0});
  world.known = {region("r-aaaaaaaaaaaa", 22, 1, 0)};
  auto in = world.input_without_incumbent();
  EXPECT_TRUE(KnownRegionsCheck({}).run(in).no_incumbent);
  in.incumbent_problem = "truncated";
  EXPECT_EQ(KnownRegionsCheck({}).run(in).state, VerdictState::error);
}

TEST(KnownRegions, RegionWithoutAWrongAnswerHasAName) {
  auto unread = region("r-aaaaaaaaaaaa", 22, 1, 22);
  unread.predicted_as = -1;
  unread.first_version.clear();
  EXPECT_EQ(judged({unread}).reason, "The bug 'a 7 misread' is back: 22 of 22 of its images fail again.");
}

}  // namespace
}  // namespace defuse
