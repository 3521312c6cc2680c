#include "core/repair/repair.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

RepairRun sweep_run(double lambda, double validation, double regions) {
  RepairRun run;
  run.name = "regions";
  run.lambda = lambda;
  run.score.validation = validation;
  run.score.validation_regions = regions;
  return run;
}

RepairResult swept() {
  RepairResult result;
  result.before.validation = 0.98;
  result.before.validation_regions = 0.10;
  result.runs = {sweep_run(0.1, 0.981, 0.70), sweep_run(1, 0.979, 0.95), sweep_run(10, 0.970, 0.99)};
  return result;
}

TEST(Choose, TakesWhatMendsMostAmongThoseThatLoseLittle) {
  auto result = swept();
  choose({}, result);
  ASSERT_TRUE(result.chosen);
  EXPECT_EQ(result.runs[*result.chosen].lambda, 1) << "lambda 10 loses a whole point";
  EXPECT_NE(result.reason.find("lambda 1"), std::string::npos) << result.reason;
}

TEST(Choose, OfEqualsTheSmallestLambda) {
  auto result = swept();
  result.runs[0].score.validation_regions = 0.95;
  choose({}, result);
  EXPECT_EQ(result.chosen, 0U);
  for (auto& run : result.runs) run.score.validation_regions = result.before.validation_regions;
  choose({}, result);
  EXPECT_FALSE(result.chosen) << "to equal the version before is to repair nothing";
}

TEST(Choose, NothingWhereNothingMendsOrEverythingLoses) {
  auto result = swept();
  for (auto& run : result.runs) run.score.validation_regions = 0.05;
  choose({}, result);
  EXPECT_FALSE(result.chosen);
  EXPECT_NE(result.reason.find("repairs"), std::string::npos);
  result = swept();
  for (auto& run : result.runs) run.score.validation = 0.5;
  choose({}, result);
  EXPECT_FALSE(result.chosen);
  EXPECT_NE(result.reason.find("loses"), std::string::npos);
}

TEST(Choose, NothingWhereThereIsNothingToChooseBy) {
  auto result = swept();
  result.before.validation_regions = kNone;
  choose({}, result);
  EXPECT_FALSE(result.chosen);
  EXPECT_NE(result.reason.find("kept for validation: they have too few"), std::string::npos) << result.reason;
}

TEST(Choose, NeverABaselineNorARunThatFailedNorOneWithoutANumber) {
  auto result = swept();
  result.runs[0].kind = RunKind::baseline;
  result.runs[1].problem = "the loss is no longer a number";
  result.runs[2].score.validation = 0.98;
  result.runs[2].score.validation_regions = kNone;
  choose({}, result);
  EXPECT_FALSE(result.chosen);
}

// What the choice is judged by must not make it.
TEST(Choose, DoesNotLookAtTheTestSplit) {
  auto one = swept();
  auto other = swept();
  for (std::size_t i = 0; i < other.runs.size(); ++i) {
    other.runs[i].score.test = i == 0 ? 1 : 0;
    other.runs[i].score.regions = i == 0 ? 1 : 0;
  }
  choose({}, one);
  choose({}, other);
  EXPECT_EQ(one.chosen, other.chosen);
}

TEST(CorrectionJson, ComesBackAsItWas) {
  auto result = swept();
  choose({}, result);
  result.before.by_region = {{"r-0123456789ab", 12, 40, 0.25}};
  result.incumbent_flips = FourCounts{90, 3, 2, 5};
  result.notes = {"one"};
  result.held_out_samples = 40;
  const auto json = to_json(result);
  const auto again = repair_result_from_json(json);
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_EQ(dump_json(to_json(*again)), dump_json(json));
  RepairOrder order;
  order.probe_digest = "abc";
  order.regions = {{"r-0123456789ab", 7, RegionEvidence::both, {1, 2, 3}}};
  order.settings.distillation = Distillation::kl;
  const auto read = repair_order_from_json(to_json(order));
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(dump_json(to_json(*read)), dump_json(to_json(order)));
}

TEST(CorrectionJson, RefusesWhatCannotBe) {
  auto json = to_json(swept());
  json["chosen"] = 3;
  EXPECT_FALSE(repair_result_from_json(json));
  RepairOrder order;
  for (const auto& [key, value] : {std::pair<const char*, Json>{"lambdas", Json::array({1, 0.1})},
                                   {"lambdas", Json::array()},
                                   {"lambdas", Json::array({0})},
                                   {"steps", 0},
                                   {"learning_rate", -1},
                                   {"distillation", "hard"}}) {
    auto bad = to_json(order);
    bad["settings"][key] = value;
    const auto read = repair_order_from_json(bad);
    ASSERT_FALSE(read) << key;
    EXPECT_NE(read.error().describe().find(key), std::string::npos) << read.error().describe();
  }
}

}  // namespace
}  // namespace defuse
