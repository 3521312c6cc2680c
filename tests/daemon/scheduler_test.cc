#include "daemon/scheduler.h"

#include <gtest/gtest.h>

#include <limits>

namespace defuse {
namespace {

const TimePoint kNow = *parse_rfc3339("2026-03-01T12:00:00Z");

JobRow job_of(std::int64_t id, const std::string& digest) {
  JobRow job;
  job.id = id;
  job.model = "digits";
  job.version = "3";
  job.digest = digest;
  return job;
}

VersionRow version_of(const std::string& version, const std::string& digest) {
  VersionRow row;
  row.model = "digits";
  row.version = version;
  row.digest = digest;
  return row;
}

Snapshot one_job_waiting() {
  Snapshot snapshot;
  snapshot.now = kNow;
  snapshot.next = job_of(7, "aa");
  snapshot.version = version_of("3", "aa");
  return snapshot;
}

PromotionRow promotion(const std::string& version, const std::string& digest, const std::string& kind = "promote") {
  PromotionRow row;
  row.model = "digits";
  row.version = version;
  row.digest = digest;
  row.kind = kind;
  return row;
}

VerdictRow verdict_of(VerdictState state, const std::string& incumbent_version, const std::string& incumbent_digest) {
  VerdictRow row;
  row.model = "digits";
  row.version = "3";
  row.digest = "cc";
  row.incumbent_version = incumbent_version;
  row.incumbent_digest = incumbent_digest;
  row.verdict.state = state;
  row.verdict.reason = "because";
  return row;
}

TEST(NextAction, StartsTheJobThatWaits) {
  const auto action = next_action(one_job_waiting());
  ASSERT_TRUE(action && std::holds_alternative<StartJob>(*action));
  EXPECT_EQ(std::get<StartJob>(*action).id, 7);
}

TEST(NextAction, DoesNothingWhileStoppingOrWhileAWorkerRuns) {
  auto snapshot = one_job_waiting();
  snapshot.worker_busy = true;
  EXPECT_FALSE(next_action(snapshot));
  snapshot.worker_busy = false;
  snapshot.stopping = true;
  EXPECT_FALSE(next_action(snapshot));
}

TEST(NextAction, WakesWhenABackOffEndsAndSleepsOnAnEmptyQueue) {
  Snapshot snapshot;
  snapshot.now = kNow;
  EXPECT_FALSE(next_action(snapshot));
  snapshot.next_due = kNow + std::chrono::seconds(4);
  const auto action = next_action(snapshot);
  ASSERT_TRUE(action && std::holds_alternative<WakeAt>(*action));
  EXPECT_EQ(std::get<WakeAt>(*action).at, kNow + std::chrono::seconds(4));
}

TEST(NextAction, DropsAJobWhoseVersionIsGoneReplacedOrNoLongerConfigured) {
  auto gone = one_job_waiting();
  gone.version->presence = VersionPresence::deleted;
  auto unknown = one_job_waiting();
  unknown.version.reset();
  auto replaced = one_job_waiting();
  replaced.version->digest = "bb";
  auto unconfigured = one_job_waiting();
  unconfigured.model_configured = false;
  for (const auto& snapshot : {gone, unknown, replaced, unconfigured}) {
    const auto action = next_action(snapshot);
    ASSERT_TRUE(action && std::holds_alternative<DropJob>(*action));
    EXPECT_EQ(std::get<DropJob>(*action).id, 7);
    EXPECT_FALSE(std::get<DropJob>(*action).why.empty());
  }
}

TEST(NextAction, NeverRunsAnUnsignedVersionAndWaitsWhileSignaturesAreLookedAt) {
  auto snapshot = one_job_waiting();
  snapshot.unsigned_because = "there is no manifest.json";
  snapshot.signatures_pending = true;
  EXPECT_FALSE(next_action(snapshot));
  snapshot.signatures_pending = false;
  const auto action = next_action(snapshot);
  ASSERT_TRUE(action && std::holds_alternative<DropJob>(*action));
  EXPECT_NE(std::get<DropJob>(*action).why.find("there is no manifest.json"), std::string::npos);
}

TEST(Priority, LaterVersionsOvertakeWithinAScanAndAcrossScans) {
  EXPECT_LT(priority_of(kNow, 0), priority_of(kNow, 1));
  EXPECT_LT(priority_of(kNow, 5000), priority_of(kNow + std::chrono::milliseconds(1), 0));
}

TEST(AfterFailure, DoublesTheWaitAndThenGivesUp) {
  WorkerSettings settings;
  settings.retries = 3;
  settings.backoff = std::chrono::milliseconds(2000);
  const WorkerFailure crash{"killed by signal 11", false};
  const auto first = after_failure(crash, 1, 1, settings, kNow);
  const auto second = after_failure(crash, 2, 2, settings, kNow);
  ASSERT_TRUE(std::holds_alternative<RetryAt>(first));
  ASSERT_TRUE(std::holds_alternative<RetryAt>(second));
  EXPECT_EQ(std::get<RetryAt>(first).not_before, kNow + std::chrono::seconds(2));
  EXPECT_EQ(std::get<RetryAt>(second).not_before, kNow + std::chrono::seconds(4));
  EXPECT_TRUE(std::holds_alternative<RetryAt>(after_failure(crash, 3, 3, settings, kNow))) << "three retries";
  EXPECT_TRUE(std::holds_alternative<GiveUp>(after_failure(crash, 4, 4, settings, kNow)));
  settings.retries = 0;
  EXPECT_TRUE(std::holds_alternative<GiveUp>(after_failure(crash, 1, 1, settings, kNow)));
}

TEST(AfterFailure, NeverRetriesWhatTryingAgainCannotMend) {
  EXPECT_TRUE(std::holds_alternative<GiveUp>(after_failure({"no data", true}, 1, 1, WorkerSettings{}, kNow)));
  EXPECT_TRUE(is_hopeless(ErrorCode::corrupt));
  EXPECT_TRUE(is_hopeless(ErrorCode::invalid_input));
  EXPECT_TRUE(is_hopeless(ErrorCode::not_found));
  EXPECT_FALSE(is_hopeless(ErrorCode::exhausted));
  EXPECT_FALSE(is_hopeless(ErrorCode::internal));
}

TEST(AfterFailure, DaemonRestartsDoNotUseUpRetriesButAreBounded) {
  WorkerSettings settings;
  settings.retries = 3;
  const WorkerFailure crash{"killed by signal 9", false};
  EXPECT_TRUE(std::holds_alternative<RetryAt>(after_failure(crash, 1, 9, settings, kNow)));
  EXPECT_TRUE(std::holds_alternative<GiveUp>(after_failure(crash, 1, kMostAttempts, settings, kNow)));
}

TEST(AfterFailure, LongBackOffsAreBounded) {
  WorkerSettings settings;
  settings.retries = std::numeric_limits<int>::max();
  settings.backoff = std::chrono::hours(3);
  const auto next = after_failure({"x", false}, 20, 20, settings, kNow);
  ASSERT_TRUE(std::holds_alternative<RetryAt>(next));
  EXPECT_LE(std::get<RetryAt>(next).not_before, kNow + std::chrono::minutes(10));
}

TEST(WasSetBack, OnlyWhatNoBackOffCouldHavePutOffShowsAClockSetBack) {
  WorkerSettings settings;
  settings.retries = std::numeric_limits<int>::max();
  settings.backoff = std::chrono::hours(3);
  const auto longest = std::get<RetryAt>(after_failure({"x", false}, 20, 20, settings, kNow)).not_before;
  EXPECT_FALSE(was_set_back(longest, kNow));
  EXPECT_FALSE(was_set_back(kNow - std::chrono::hours(1), kNow));
  EXPECT_TRUE(was_set_back(longest, kNow - std::chrono::seconds(1)));
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
  const std::vector<PromotionRow> promotions = {promotion("2", "bb", "rollback"), promotion("3", "cc"),
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
