#include "daemon/jobs/scheduler.h"

#include <gtest/gtest.h>

#include <limits>

namespace defuse {
namespace {

const TimePoint kNow = *parse_rfc3339("2026-03-01T12:00:00Z");

JobRow job_of(std::int64_t id, const Digest& digest) {
  JobRow job;
  job.id = id;
  job.model = "digits";
  job.version = "3";
  job.digest = digest;
  return job;
}

VersionRow version_of(const Version& version, const Digest& digest) {
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

TEST(NextAction, StartsTheJobThatWaits) {
  const auto action = next_action(one_job_waiting());
  ASSERT_TRUE(action && std::holds_alternative<StartJob>(*action));
  EXPECT_EQ(std::get<StartJob>(*action).id, 7);
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

}  // namespace
}  // namespace defuse
