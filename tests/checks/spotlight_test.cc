#include "checks/spotlight.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/base/random.h"
#include "core/verdict/verdict.h"
#include "tests/checks/check_input.h"

namespace defuse {
namespace {

ConfirmedSpotlight group(int order, std::int64_t broken, std::int64_t fine, double lower, double p) {
  ConfirmedSpotlight s;
  s.id = "s-00000000000" + std::to_string(order);
  s.order = order;
  s.label = 7;
  s.label_share = 0.9166;
  s.predicted_as = 1;
  s.confirm = {fine, broken, 0, 1};
  s.net_lower = lower;
  s.p = s.p_adjusted = p;
  return s;
}

SpotlightSearch search(std::vector<ConfirmedSpotlight> found) {
  return {.found = std::move(found), .discovery_seeds = 5000, .confirmation_seeds = 5000};
}

CheckResult judged(const SpotlightSearch* found, const std::string& problem = {}, SpotlightSettings settings = {}) {
  World world;
  world.add_all({100, 0, 0, 0});
  auto in = world.input();
  in.spotlights = found;
  in.spotlights_problem = problem;
  const auto result = SpotlightCheck(settings).run(in);
  expect_well_formed(result);
  return result;
}

TEST(Spotlight, ConfirmedGroupFailsInPlainWords) {
  const auto found = search({group(0, 22, 1, 0.6, 1e-6)});
  const auto result = judged(&found);
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(result.reason,
            "A group of images that look alike to the new model, 92 % of class 7, got worse: of 24 held-back ones "
            "it gets 23 wrong, the old one 1, mostly as 1.");
  const Finding* finding = find(result, "spotlight/s-000000000000");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->n, 24);
  EXPECT_DOUBLE_EQ(finding->value, 23.0 / 24);
  EXPECT_DOUBLE_EQ(finding->incumbent_value, 1.0 / 24);
  EXPECT_DOUBLE_EQ(finding->limit, 0.2);
}

TEST(Spotlight, GroupsThatAreNotConfirmedAreNotesAndPass) {
  const auto found = search({group(0, 5, 40, 0.01, 0.02), group(1, 30, 10, 0.4, 0.02), group(2, 9, 0, 0.5, 1e-3)});
  SpotlightSettings settings;
  settings.min_support = 11;
  const auto result = judged(&found, "", settings);  // alpha is 0.01
  EXPECT_EQ(result.state, VerdictState::pass);
  for (const auto& finding : result.findings) EXPECT_EQ(finding.decision, Decision::note) << finding.sentence;
  EXPECT_NE(result.findings[0].sentence.find("is not confirmed"), std::string::npos);
  EXPECT_NE(result.findings[2].sentence.find("too few held-back images"), std::string::npos);
}

TEST(Spotlight, SearchThatDidNotConvergeIsSaidAndDoesNotPass) {
  auto first = group(0, 1, 40, -0.1, 0.9);
  first.state = SpotlightState::wrong_mass;
  const auto found = search({first});
  const auto result = judged(&found);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_EQ(decision_of(result, "spotlight/convergence"), Decision::undecided);
  EXPECT_NE(result.findings[0].sentence.find("did not converge"), std::string::npos);
}

TEST(Spotlight, LaterGroupsMayFindNoLossLeft) {
  auto second = group(1, 0, 40, -0.1, 1);
  second.state = SpotlightState::no_loss_left;
  const auto found = search({group(0, 1, 40, -0.1, 0.9), second});
  EXPECT_EQ(judged(&found).state, VerdictState::pass);
}

TEST(Spotlight, TooFewHeldBackImagesAreInconclusiveAndCounted) {
  auto found = search({group(0, 1, 4, -0.1, 0.9)});
  found.confirmation_seeds = 300;  // 2 % of them are 6, and 10 are needed
  const auto result = judged(&found);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_EQ(result.more_images, 400);
}

TEST(Spotlight, WithoutASearchSaysWhy) {
  const auto known = judged(nullptr, "the last hidden layer of the new model was not found");
  EXPECT_EQ(known.state, VerdictState::inconclusive);
  EXPECT_EQ(known.reason, "No group could be searched: the last hidden layer of the new model was not found.");
  EXPECT_EQ(judged(nullptr).state, VerdictState::error);
  const auto nothing = search({});
  EXPECT_EQ(judged(&nothing).state, VerdictState::inconclusive);
}

TEST(Spotlight, NeedsAnIncumbent) {
  World world;
  world.add_all({100, 0, 0, 0});
  const auto result = SpotlightCheck({}).run(world.input_without_incumbent());
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_TRUE(result.no_incumbent);
}

TEST(Spotlight, WarnsByDefaultSoThatAConfirmedGroupIsToldAndBlocksNothing) {
  const auto found = search({group(0, 22, 1, 0.6, 1e-6)});
  const auto result = judged(&found);
  ASSERT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(result.mode, CheckMode::warn);
  CheckResult other;
  other.check = "accuracy";
  other.state = VerdictState::pass;
  other.reason = "No drop.";
  Finding fine;
  fine.id = "accuracy/overall";
  fine.check = "accuracy";
  fine.decision = Decision::ok;
  other.findings = {fine};
  const Policy policy{.bootstrap = Bootstrap::inconclusive, .has_incumbent = true, .required = {"accuracy"}};
  const auto warned = decide(ModelName("digits"), Version("2"), {other, result}, policy, {}, TimePoint{});
  EXPECT_EQ(warned.state, VerdictState::pass) << warned.reason;
  ASSERT_FALSE(warned.warnings.empty());
  EXPECT_NE(warned.warnings.front().find("got worse"), std::string::npos) << warned.warnings.front();
  SpotlightSettings strict;
  strict.mode = CheckMode::block;
  EXPECT_EQ(
      decide(ModelName("digits"), Version("2"), {other, judged(&found, "", strict)}, policy, {}, TimePoint{}).state,
      VerdictState::fail);
}

// The check behind the real search, on answers of which one model's are no numbers.
TEST(Spotlight, LossesThatAreNoNumbersAreNeverAPass) {
  ProbeSet probes;
  ProbeEvaluation candidate, incumbent;
  constexpr std::uint32_t kSeeds = 400;
  candidate.embeddings = Matrix(kSeeds, 3);
  candidate.logits = incumbent.logits = Matrix(kSeeds, 2);
  RandomStream random(1);
  for (std::uint32_t i = 0; i < kSeeds; ++i) {
    for (float& x : candidate.embeddings.row(i)) x = static_cast<float>(random.normal());
    candidate.logits.row(i)[0] = std::nanf("");
    incumbent.logits.row(i)[0] = 3;
    probes.seeds.push_back({Split::test, i, 0, i % 2 == 0 ? Half::discover : Half::confirm});
    candidate.real.push_back(-1);
    incumbent.real.push_back(0);
  }
  SpotlightSearchSettings settings;
  settings.spotlight.steps = 10;
  const auto none = search_spotlights(probes, candidate, incumbent, settings);
  ASSERT_FALSE(none);
  const auto result = judged(nullptr, none.error().message);
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_NE(result.reason.find(none.error().message), std::string::npos) << result.reason;

  for (std::uint32_t i = 20; i < kSeeds; ++i) candidate.logits.row(i)[0] = 3;  // all but a few are numbers again
  const auto some = search_spotlights(probes, candidate, incumbent, settings);
  ASSERT_TRUE(some) << some.error().describe();
  EXPECT_EQ(some->discovery_seeds + some->confirmation_seeds, kSeeds - 20);
  EXPECT_EQ(judged(&*some).state, VerdictState::inconclusive) << "too few held-back images are left to confirm any";
}

}  // namespace
}  // namespace defuse
