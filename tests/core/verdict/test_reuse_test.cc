#include "core/verdict/test_reuse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/stats/reuse.h"

namespace defuse {
namespace {

constexpr FourCounts kCounts{9'800, 66, 64, 70};  // an honest retrain on MNIST

std::optional<JudgementHistory> after(std::int64_t judgements, std::int64_t rejections = 0) {
  return JudgementHistory{{{"data", judgements, judgements, rejections}}};
}

ModelSettings settings(Correction correction, std::int64_t planned = 0) {
  ModelSettings made;
  made.correction = correction;
  made.judgements = planned;
  return made;
}

std::string all(const TestReuse& evidence) {
  std::string text;
  for (const auto& line : test_reuse_sentences(evidence)) text += line + "\n";
  return text;
}

TEST(LevelOfACandidate, IsAlphaUnlessACorrectionIsAskedFor) {
  EXPECT_EQ(level_of(settings(Correction::none), after(40, 7), "data"), 0.05);
  EXPECT_NEAR(level_of(settings(Correction::lond), after(3, 1), "data"), 0.0067547456, 1e-10);
  EXPECT_NEAR(level_of(settings(Correction::spending, 25), after(3, 1), "data"), 0.002, 1e-15);
}

TEST(LevelOfACandidate, StartsAnewWithTheData) {
  EXPECT_NEAR(level_of(settings(Correction::lond), after(300, 7), "other data"), 0.0303963551, 1e-10);
  EXPECT_EQ(test_reuse_of(settings(Correction::none), after(300, 7), "other data", kCounts).judgements, 1);
}

TEST(LevelOfACandidate, WithoutAStoreThereIsNoStreamToCorrectFor) {
  EXPECT_EQ(level_of(settings(Correction::lond), std::nullopt, "data"), 0.05);
  const auto evidence = test_reuse_of(settings(Correction::lond), std::nullopt, "data", kCounts);
  EXPECT_FALSE(evidence.counted);
  EXPECT_FALSE(evidence.worn);
  EXPECT_THAT(all(evidence), ::testing::HasSubstr("only the daemon counts"));
  EXPECT_THAT(all(evidence), ::testing::HasSubstr("(lond) needs the daemon's memory"));
}

TEST(LevelOfACandidate, StaysAboveZeroWhenThePlanIsUsedUp) {
  const auto spent = test_reuse_of(settings(Correction::spending, 25), after(26), "data", kCounts);
  EXPECT_NEAR(spent.level, 0.002, 1e-15);
  EXPECT_TRUE(spent.worn);
  EXPECT_THAT(test_reuse_warning(spent), ::testing::HasSubstr("candidate 26 of 25 planned"));
  EXPECT_FALSE(test_reuse_of(settings(Correction::spending, 25), after(25), "data", kCounts).worn);
}

TEST(TestReuse, WearsOutWhereTheDropNoLongerHoldsToTheMargin) {
  const ModelSettings plain = settings(Correction::none);
  const auto fresh = test_reuse_of(plain, after(1), "data", kCounts);
  EXPECT_FALSE(fresh.worn);
  EXPECT_EQ(fresh.worn_beyond, 0.01);
  EXPECT_EQ(fresh.drop_holds_to, fresh.drop_if_fresh);
  EXPECT_TRUE(test_reuse_warning(fresh).empty());
  std::int64_t last_good = 1;
  while (!test_reuse_of(plain, after(last_good + 1), "data", kCounts).worn) ++last_good;
  EXPECT_GT(last_good, 20);  // 10,000 images carry some dozens of candidates
  EXPECT_LT(last_good, 60);
  const auto worn = test_reuse_of(plain, after(last_good + 1), "data", kCounts);
  EXPECT_GT(worn.drop_holds_to, 0.01);
  EXPECT_THAT(test_reuse_warning(worn), ::testing::StartsWith("The test split is worn out: after "));
  EXPECT_EQ(test_reuse_sentences(worn).front(), test_reuse_warning(worn));
}

TEST(TestReuse, ASplitTooSmallForTheMarginIsNotWornFromTheStart) {
  const FourCounts small{340, 5, 5, 10};
  const ModelSettings plain = settings(Correction::none);
  const auto fresh = test_reuse_of(plain, after(1), "data", small);
  EXPECT_GT(fresh.drop_if_fresh, plain.checks.accuracy.max_drop);
  EXPECT_FALSE(fresh.worn);
  EXPECT_TRUE(test_reuse_of(plain, after(200), "data", small).worn);
}

TEST(TestReuse, SaysWhatTheFormulasSay) {
  const auto evidence = test_reuse_of(settings(Correction::none), after(12), "data", kCounts);
  EXPECT_DOUBLE_EQ(evidence.accuracy_holds_to, accuracy_tolerance(10'000, 0.05, 12, Reuse::adaptive));
  EXPECT_DOUBLE_EQ(evidence.drop_holds_to, drop_tolerance(10'000, evidence.discordance, 0.05, 12, Reuse::adaptive));
  EXPECT_GT(evidence.discordance, 130.0 / 10'000);
  EXPECT_LT(evidence.discordance, 160.0 / 10'000);
  EXPECT_THAT(all(evidence), ::testing::HasSubstr("12 candidates were judged on this test split of 10000 images"));
}

TEST(Rejections, AreFailsThatTheDataSpeaksFor) {
  Verdict verdict;
  verdict.checks = {{"contract", CheckMode::block, VerdictState::fail, ""},
                    {"accuracy", CheckMode::warn, VerdictState::fail, ""},
                    {"negative_flips", CheckMode::block, VerdictState::inconclusive, ""}};
  EXPECT_FALSE(rejected_by_data(verdict));
  verdict.checks[2].state = VerdictState::fail;
  EXPECT_TRUE(rejected_by_data(verdict));
}

}  // namespace
}  // namespace defuse
