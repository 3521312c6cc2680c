#include "core/verdict/promotion.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

const TimePoint kNow = *parse_rfc3339("2026-03-01T12:00:00Z");

VersionRow version_of(const std::string& version, const std::string& digest) {
  VersionRow row;
  row.model = "digits";
  row.version = Version(version);
  row.digest = Digest(digest);
  return row;
}

PromotionRow promotion(const std::string& version, const std::string& digest,
                       PromotionKind kind = PromotionKind::promote) {
  PromotionRow row;
  row.model = "digits";
  row.version = Version(version);
  row.digest = Digest(digest);
  row.kind = kind;
  return row;
}

VerdictRow verdict_of(VerdictState state, const std::string& incumbent_version, const std::string& incumbent_digest) {
  VerdictRow row;
  row.model = "digits";
  row.version = "3";
  row.digest = "cc";
  row.incumbent_version = Version(incumbent_version);
  row.incumbent_digest = Digest(incumbent_digest);
  row.verdict.state = state;
  row.verdict.reason = "because";
  return row;
}

TEST(Opponent, IsTheIncumbentOrTheOneBeforeItForTheIncumbentItself) {
  const std::vector<PromotionRow> promotions = {promotion("2", "bb"), promotion("1", "aa")};
  EXPECT_EQ(opponent("cc", promotions)->version, "2");
  EXPECT_EQ(opponent("bb", promotions)->version, "1");
  EXPECT_FALSE(opponent("aa", {promotion("1", "aa")}));
  EXPECT_FALSE(opponent("aa", {}));
}

TEST(Lineage, ASecondRollbackGoesFurtherBackNeverToWhatWasRolledBack) {
  // Newest first: 1, 2, 3 promoted, then rolled back to 2.
  const std::vector<PromotionRow> promotions = {promotion("2", "bb", PromotionKind::rollback), promotion("3", "cc"),
                                                promotion("2", "bb"), promotion("1", "aa")};
  ASSERT_TRUE(rollback_target(promotions));
  EXPECT_EQ(rollback_target(promotions)->version, "1");
  EXPECT_EQ(opponent("bb", promotions)->version, "1");
}

TEST(RollbackTarget, RefusesWhereThereIsNowhereToGo) {
  EXPECT_EQ(rollback_target({}).error().code, ErrorCode::conflict);
  EXPECT_EQ(rollback_target({promotion("1", "aa")}).error().code, ErrorCode::conflict);
}

TEST(MayPromote, TakesAPassAgainstThePresentIncumbent) {
  EXPECT_TRUE(
      may_promote(version_of("3", "cc"), verdict_of(VerdictState::pass, "2", "bb"), promotion("2", "bb"), {}, kNow));
}

TEST(MayPromote, RefusesAVerdictAgainstAFormerIncumbentAndSaysSo) {
  const auto refused =
      may_promote(version_of("3", "cc"), verdict_of(VerdictState::pass, "1", "aa"), promotion("2", "bb"), {}, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_NE(refused.error().message.find("judged against 1, but the incumbent is now 2: evaluate it again"),
            std::string::npos)
      << refused.error().message;
}

TEST(MayPromote, RefusesEveryVerdictThatIsNoPass) {
  for (const auto state : {VerdictState::fail, VerdictState::inconclusive, VerdictState::error})
    EXPECT_FALSE(may_promote(version_of("3", "cc"), verdict_of(state, "2", "bb"), promotion("2", "bb"), {}, kNow));
  EXPECT_FALSE(may_promote(version_of("3", "cc"), std::nullopt, promotion("2", "bb"), {}, kNow));
}

TEST(MayPromote, TheFirstOfALineMayBeInconclusiveButNotFailOrError) {
  EXPECT_TRUE(
      may_promote(version_of("3", "cc"), verdict_of(VerdictState::inconclusive, "", ""), std::nullopt, {}, kNow));
  EXPECT_FALSE(may_promote(version_of("3", "cc"), verdict_of(VerdictState::fail, "", ""), std::nullopt, {}, kNow));
  EXPECT_FALSE(may_promote(version_of("3", "cc"), verdict_of(VerdictState::error, "", ""), std::nullopt, {}, kNow));
}

TEST(MayPromote, AnInconclusiveBootstrapVerdictIsWorthlessOnceThereIsAnIncumbent) {
  EXPECT_FALSE(may_promote(version_of("3", "cc"), verdict_of(VerdictState::inconclusive, "", ""), promotion("2", "bb"),
                           {}, kNow));
}

TEST(MayPromote, RefusesTheIncumbentItselfAndAVersionThatIsGone) {
  EXPECT_FALSE(
      may_promote(version_of("3", "cc"), verdict_of(VerdictState::pass, "2", "bb"), promotion("3", "cc"), {}, kNow));
  auto gone = version_of("3", "cc");
  gone.presence = VersionPresence::deleted;
  EXPECT_FALSE(may_promote(gone, verdict_of(VerdictState::pass, "2", "bb"), promotion("2", "bb"), {}, kNow));
}

TEST(MayPromote, RefusesAPassThatLeansOnAnExpiredOrWithdrawnWaiver) {
  auto verdict = verdict_of(VerdictState::pass, "2", "bb");
  Finding finding;
  finding.decision = Decision::violation;
  finding.waiver = "w-1";
  verdict.verdict.findings.push_back(finding);
  Waiver waiver;
  waiver.id = "w-1";
  waiver.expires = kNow + std::chrono::hours(1);
  EXPECT_TRUE(may_promote(version_of("3", "cc"), verdict, promotion("2", "bb"), {waiver}, kNow));
  EXPECT_FALSE(
      may_promote(version_of("3", "cc"), verdict, promotion("2", "bb"), {waiver}, kNow + std::chrono::hours(1)));
  EXPECT_FALSE(may_promote(version_of("3", "cc"), verdict, promotion("2", "bb"), {}, kNow));
}

}  // namespace
}  // namespace defuse
