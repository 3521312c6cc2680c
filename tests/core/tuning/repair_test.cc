// The repair of a whole line: a candidate that lost a class is gated, and repaired from what the gate found.
#include "core/tuning/repair.h"

#include <gtest/gtest.h>

#include "tests/core/gate/band_line.h"

namespace defuse {
namespace {

using testing::kClasses;
using testing::kShape;

class Correct : public testing::BandLine {
 protected:
  Correct() {
    auto weights = testing::band_weights(kShape, kClasses);
    for (std::size_t j = 0; j < weights.cols; ++j) weights.row(1)[j] = 0;
    testing::save_linear_model(tree_ / "blind.pt", weights);
    job_.candidate = artifact("2", "blind.pt");
    tree_.folder("repaired");
  }

  // From every new or worse region.
  RepairOrder order_from(const WorkerResult& gate) const {
    RepairOrder order;
    order.probe_digest = gate.probe_digest;
    for (const Region& region : gate.regions) {
      if (region.status != RegionStatus::new_bug && region.status != RegionStatus::worse) continue;
      RegionToRepair repair{region.id, region.label, region.evidence, {}};
      for (const auto& member : region.members) repair.seeds.push_back(member.seed);
      order.regions.push_back(std::move(repair));
    }
    order.settings.lambdas = {0.1, 1};
    order.settings.steps = 150;
    order.settings.batch = 32;
    order.settings.learning_rate = 0.05;
    return order;
  }

  Result<RepairResult> repair(const RepairOrder& order) {
    NoProgress progress;
    return defuse::repair(job_, order, tree_ / "repaired", progress);
  }
};

TEST_F(Correct, MendsWhatTheGateFoundAndTheGateThenPassesIt) {
  const auto gate = run();
  ASSERT_TRUE(gate) << gate.error().describe();
  const auto order = order_from(*gate);
  ASSERT_FALSE(order.regions.empty());
  const auto result = repair(order);
  ASSERT_TRUE(result) << result.error().describe();
  ASSERT_TRUE(result->chosen) << result->reason;
  const RepairRun& chosen = result->runs[*result->chosen];
  EXPECT_LE(result->before.regions, 0.1);
  EXPECT_GE(chosen.score.regions, 0.95);
  EXPECT_GE(chosen.score.test, 0.97);
  EXPECT_GT(chosen.flips.positive_flips, 150);
  ASSERT_TRUE(chosen.incumbent_flips);
  EXPECT_LE(chosen.incumbent_flips->negative_flips, 12);
  // Two lambdas, four baselines, and the same with distillation, since there is an incumbent.
  EXPECT_EQ(result->runs.size(), 7U);
  const auto more = std::find_if(result->runs.begin(), result->runs.end(),
                                 [](const RepairRun& run) { return run.kind == RunKind::baseline; });
  ASSERT_NE(more, result->runs.end());
  EXPECT_EQ(more->lambda, 0);

  std::filesystem::rename(tree_ / "repaired/model.pt", tree_ / "repaired.pt");
  EXPECT_FALSE(std::filesystem::exists(tree_ / "repaired/runs"));
  job_.candidate = artifact("3", "repaired.pt");
  const auto again = run();
  ASSERT_TRUE(again) << again.error().describe();
  for (const auto& [check, state] : states(*again)) EXPECT_NE(state, VerdictState::fail) << check;
  EXPECT_EQ(states(*again)["accuracy"], VerdictState::pass);
}

TEST_F(Correct, WithoutAnIncumbentThereIsNoTeacher) {
  const auto gate = run();
  ASSERT_TRUE(gate);
  auto order = order_from(*gate);
  order.settings.distillation = Distillation::logits;
  job_.incumbent.reset();
  const auto result = repair(order);
  ASSERT_TRUE(result) << result.error().describe();
  EXPECT_EQ(result->runs.size(), 6U);
  EXPECT_FALSE(result->incumbent_flips);
}

TEST_F(Correct, MembersOfAnotherProbeSetAreRefused) {
  const auto gate = run();
  ASSERT_TRUE(gate);
  const auto order = order_from(*gate);
  job_.settings.checks.misclassification_regions.draws = 3;
  const auto result = repair(order);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::conflict);
  EXPECT_NE(result.error().describe().find("gate the version again"), std::string::npos);
}

TEST_F(Correct, NothingToLearnFromIsAnError) {
  auto order = RepairOrder{};
  order.regions = {{"r-0123456789ab", 1, RegionEvidence::real, {0, 1, 2}}};
  const auto result = repair(order);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_input);
  EXPECT_NE(result.error().describe().find("training split"), std::string::npos) << result.error().describe();
}

TEST_F(Correct, AFrozenModelIsOneErrorNotManyFailedRuns) {
  testing::save_model(tree_ / "frozen.pt", testing::ModelKind::frozen_cnn, kShape, kClasses);
  const auto gate = run();
  ASSERT_TRUE(gate);
  const auto order = order_from(*gate);
  job_.candidate = artifact("4", "frozen.pt");
  const auto result = repair(order);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().describe().find("torch.jit.freeze"), std::string::npos) << result.error().describe();
}

}  // namespace
}  // namespace defuse
