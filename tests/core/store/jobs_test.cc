// The queue, and the one function that changes a job's state.
#include <array>
#include <limits>
#include <tuple>

#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

constexpr std::array kStates{JobState::queued, JobState::running, JobState::done, JobState::failed,
                             JobState::cancelled};

class StoreJobs : public StoreTest {};

TEST_F(StoreJobs, ANewJobIsQueuedAndAudited) {
  const auto id = queue("1", "d1", 7);
  const auto job = store_->job(id).value();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->model, "digits");
  EXPECT_EQ(job->version, "1");
  EXPECT_EQ(job->digest, "d1");
  EXPECT_EQ(job->state, JobState::queued);
  EXPECT_EQ(job->attempt, 0);
  EXPECT_EQ(job->priority, 7);
  EXPECT_EQ(job->created, clock_.now());
  EXPECT_EQ(job->not_before, clock_.now());
  EXPECT_FALSE(job->started);
  EXPECT_FALSE(job->finished);
  const auto audit = store_->audit_rows(0, 10).value();
  ASSERT_EQ(audit.size(), 1U);
  EXPECT_EQ(audit[0].action, "enqueue");
  EXPECT_EQ(audit[0].detail, R"({"job":)" + std::to_string(id) + "}");
}

TEST_F(StoreJobs, OneOpenJobPerDigest) {
  const auto id = queue("1", "d1", 1);
  EXPECT_EQ(queue("1", "d1", 5), id);
  EXPECT_EQ(store_->job(id).value()->priority, 5);
  EXPECT_EQ(queue("1", "d1", 2), id);
  EXPECT_EQ(store_->job(id).value()->priority, 5) << "asking again never slows a job down";
  ASSERT_TRUE(store_->move_job(id, JobState::running, {}));
  EXPECT_EQ(queue("1", "d1"), id);
  EXPECT_EQ(store_->jobs(10).value().size(), 1U);
  EXPECT_EQ(store_->audit_rows(0, 10).value().size(), 1U);
}

TEST_F(StoreJobs, AfterAFinalStateANewJobIsMade) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->move_job(id, JobState::cancelled, {}));
  const auto second = queue("1", "d1");
  EXPECT_NE(second, id);
  EXPECT_EQ(store_->last_job("digits", "d1").value()->id, second);
  EXPECT_EQ(store_->job(id).value()->state, JobState::cancelled) << "the old job is kept";
}

TEST_F(StoreJobs, NoJobForAVersionThatWasNeverSeen) {
  EXPECT_EQ(code_of(store_->enqueue("digits", "1", "d1", 0, by("daemon", "enqueue"))), "not_found");
}

TEST_F(StoreJobs, AnEntryWithoutActorOrActionIsRefusedAndNothingIsQueued) {
  put("1", "d1");
  EXPECT_EQ(code_of(store_->enqueue("digits", "1", "d1", 0, by("", "enqueue"))), "invalid_input");
  EXPECT_EQ(code_of(store_->enqueue("digits", "1", "d1", 0, by("ann", ""))), "invalid_input");
  EXPECT_TRUE(store_->jobs(10).value().empty());
}

TEST_F(StoreJobs, NextIsTheHighestPriorityThenTheOldest) {
  const auto low = queue("1", "d1", 0);
  const auto high = queue("2", "d2", 9);
  const auto high_later = queue("3", "d3", 9);
  std::vector<std::int64_t> order;
  while (const auto next = store_->next_job(clock_.now()).value()) {
    order.push_back(next->id);
    ASSERT_TRUE(store_->move_job(next->id, JobState::running, {}));
  }
  EXPECT_EQ(order, (std::vector<std::int64_t>{high, high_later, low}));
}

TEST_F(StoreJobs, ABackedOffJobWaitsForItsTime) {
  const auto id = run("1", "d1");
  const auto due = clock_.now() + std::chrono::seconds(30);
  ASSERT_TRUE(store_->move_job(id, JobState::queued, {.error = "signal 9", .not_before = due}));
  EXPECT_FALSE(store_->next_job(clock_.now()).value());
  EXPECT_EQ(store_->next_job_due().value(), due);
  EXPECT_FALSE(store_->next_job(due - std::chrono::milliseconds(1)).value());
  EXPECT_EQ(store_->next_job(due).value()->id, id);
  EXPECT_EQ(store_->job(id).value()->error, "signal 9");
}

TEST_F(StoreJobs, NothingIsDueInAnEmptyQueue) {
  run("1", "d1");
  EXPECT_EQ(store_->next_job_due().value(), std::nullopt);
  EXPECT_FALSE(store_->next_job(clock_.now()).value());
}

TEST_F(StoreJobs, EveryStartIsAnAttemptAndForgetsOldProgress) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->set_progress(id, "evaluate", 0.5));
  EXPECT_EQ(store_->job(id).value()->attempt, 1);
  EXPECT_EQ(store_->job(id).value()->station, "evaluate");
  EXPECT_EQ(store_->job(id).value()->progress, 0.5);
  clock_.advance(std::chrono::seconds(3));
  ASSERT_TRUE(store_->move_job(id, JobState::queued, {}));
  EXPECT_EQ(store_->job(id).value()->station, "");
  ASSERT_TRUE(store_->move_job(id, JobState::running, {.incumbent = ArtifactRef{"0", "d0", ""}}));
  const auto job = store_->job(id).value();
  EXPECT_EQ(job->attempt, 2);
  EXPECT_EQ(job->progress, 0);
  EXPECT_EQ(job->started, clock_.now());
  EXPECT_EQ(job->incumbent_version, "0");
  EXPECT_EQ(job->incumbent_digest, "d0");
  EXPECT_EQ(store_->running_jobs().value().size(), 1U);
}

TEST_F(StoreJobs, PaceIsThatOfTheStationAndOfThisAttempt) {
  const auto id = run("1", "d1");
  EXPECT_FALSE(store_->job(id).value()->pace);
  ASSERT_TRUE(store_->set_progress(id, "generator", 0.5));  // it goes on from where it was killed
  const auto since = clock_.now();
  clock_.advance(std::chrono::seconds(10));
  ASSERT_TRUE(store_->set_progress(id, "generator", 0.75));
  auto pace = store_->job(id).value()->pace;
  ASSERT_TRUE(pace);
  EXPECT_EQ(pace->since, since);
  EXPECT_EQ(pace->from, 0.5);
  EXPECT_EQ(expected_end(*pace), clock_.now() + std::chrono::seconds(10));
  ASSERT_TRUE(store_->set_progress(id, "answers", 0));
  pace = store_->job(id).value()->pace;
  ASSERT_TRUE(pace);
  EXPECT_EQ(pace->since, clock_.now());
  EXPECT_FALSE(expected_end(*pace)) << "nothing to judge by yet";
  ASSERT_TRUE(store_->move_job(id, JobState::queued, {}));
  EXPECT_FALSE(store_->job(id).value()->pace);
}

TEST_F(StoreJobs, ProgressIsOnlyForRunningJobsAndIsANumber) {
  const auto id = queue("1", "d1");
  EXPECT_EQ(code_of(store_->set_progress(id, "evaluate", 0.5)), "conflict");
  EXPECT_EQ(code_of(store_->set_progress(99, "evaluate", 0.5)), "not_found");
  ASSERT_TRUE(store_->move_job(id, JobState::running, {}));
  EXPECT_EQ(code_of(store_->set_progress(id, "evaluate", std::numeric_limits<double>::quiet_NaN())), "invalid_input");
  ASSERT_TRUE(store_->set_progress(id, "evaluate", 7));
  EXPECT_EQ(store_->job(id).value()->progress, 1);
}

TEST_F(StoreJobs, FinalMovesAreAuditedWithTheirActor) {
  const auto id = queue("1", "d1");
  ASSERT_TRUE(store_->move_job(id, JobState::cancelled, {.error = "not needed", .who = "ann"}));
  EXPECT_EQ(store_->job(id).value()->finished, clock_.now());
  const auto row = store_->audit_rows(0, 1).value().at(0);
  EXPECT_EQ(row.action, "job.cancelled");
  EXPECT_EQ(row.who, "ann");
  EXPECT_EQ(row.subject, "digits/1");
}

TEST_F(StoreJobs, ListsNewestFirstAndAtMostAsManyAsAsked) {
  for (const auto* version : {"1", "2", "3"}) queue(version, std::string("d") + version);
  const auto jobs = store_->jobs(2).value();
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].version, "3");
  EXPECT_EQ(jobs[1].version, "2");
}

TEST_F(StoreJobs, UnknownJobIsNothingToReadAndNotFoundToMove) {
  EXPECT_FALSE(store_->job(5).value());
  EXPECT_FALSE(store_->last_job("digits", "d1").value());
  EXPECT_EQ(code_of(store_->move_job(5, JobState::running, {})), "not_found");
}

// Every pair of states, against the table of legal moves; an illegal one must leave no trace.
class StoreJobMoves : public StoreTest, public ::testing::WithParamInterface<std::tuple<JobState, JobState>> {
 protected:
  std::int64_t job_in(JobState state) {
    const auto id = queue("1", "d1");
    if (state != JobState::queued) {
      EXPECT_TRUE(store_->move_job(id, JobState::running, {}));
    }
    if (is_final(state)) {
      EXPECT_TRUE(store_->move_job(id, state, {}));
    }
    return id;
  }
};

TEST_P(StoreJobMoves, FollowsTheTable) {
  const auto [from, to] = GetParam();
  const auto id = job_in(from);
  const auto audit_before = number("SELECT count(*) FROM audit");
  const auto moved = store_->move_job(id, to, {.error = "moved"});
  const auto job = store_->job(id).value();
  const auto audited = number("SELECT count(*) FROM audit") - audit_before;
  if (may_move(from, to)) {
    EXPECT_TRUE(moved) << moved.error().describe();
    EXPECT_EQ(job->state, to);
    EXPECT_EQ(job->finished.has_value(), is_final(to));
    EXPECT_EQ(audited, is_final(to) ? 1 : 0);
  } else {
    EXPECT_EQ(code_of(moved), "conflict");
    EXPECT_EQ(job->state, from);
    EXPECT_EQ(job->error, "");
    EXPECT_EQ(audited, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryPair, StoreJobMoves,
                         ::testing::Combine(::testing::ValuesIn(kStates), ::testing::ValuesIn(kStates)),
                         [](const auto& pair) {
                           return std::string(to_string(std::get<0>(pair.param))) + "_to_" +
                                  std::string(to_string(std::get<1>(pair.param)));
                         });

}  // namespace
}  // namespace defuse::testing
