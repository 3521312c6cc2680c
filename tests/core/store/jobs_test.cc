// The queue, and the one function that changes a job's state.
#include <array>
#include <limits>
#include <tuple>

#include "core/store/migrate.h"
#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

constexpr std::array kStates{JobState::queued, JobState::running, JobState::done, JobState::failed,
                             JobState::cancelled};

class StoreJobs : public StoreTest {};

TEST_F(StoreJobs, ANewJobIsQueuedAndAudited) {
  const auto id = queue("1", "d1", 7);
  const auto job = store_->jobs.find(id).value();
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
  const auto audit = store_->audit.rows(0, 10).value();
  ASSERT_EQ(audit.size(), 1U);
  EXPECT_EQ(audit[0].action, "enqueue");
  EXPECT_EQ(audit[0].detail, R"({"job":)" + std::to_string(id) + "}");
}

TEST_F(StoreJobs, OneOpenJobPerDigest) {
  const auto id = queue("1", "d1", 1);
  EXPECT_EQ(queue("1", "d1", 5), id);
  EXPECT_EQ(store_->jobs.find(id).value()->priority, 5);
  EXPECT_EQ(queue("1", "d1", 2), id);
  EXPECT_EQ(store_->jobs.find(id).value()->priority, 5) << "asking again never slows a job down";
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {}));
  EXPECT_EQ(queue("1", "d1"), id);
  EXPECT_EQ(store_->jobs.newest(10).value().size(), 1U);
  EXPECT_EQ(store_->audit.rows(0, 10).value().size(), 1U);
}

TEST_F(StoreJobs, AfterAFinalStateANewJobIsMade) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->jobs.move(id, JobState::cancelled, {}));
  const auto second = queue("1", "d1");
  EXPECT_NE(second, id);
  EXPECT_EQ(store_->jobs.last_gate("digits", "d1").value()->id, second);
  EXPECT_EQ(store_->jobs.find(id).value()->state, JobState::cancelled) << "the old job is kept";
}

TEST_F(StoreJobs, NoJobForAVersionThatWasNeverSeen) {
  EXPECT_EQ(code_of(store_->jobs.enqueue("digits", "1", "d1", 0, by("daemon", "enqueue"))), "not_found");
}

TEST_F(StoreJobs, AnEntryWithoutActorOrActionIsRefusedAndNothingIsQueued) {
  put("1", "d1");
  EXPECT_EQ(code_of(store_->jobs.enqueue("digits", "1", "d1", 0, by("", "enqueue"))), "invalid_input");
  EXPECT_EQ(code_of(store_->jobs.enqueue("digits", "1", "d1", 0, by("ann", ""))), "invalid_input");
  EXPECT_TRUE(store_->jobs.newest(10).value().empty());
}

TEST_F(StoreJobs, NextIsTheHighestPriorityThenTheOldest) {
  const auto low = queue("1", "d1", 0);
  const auto high = queue("2", "d2", 9);
  const auto high_later = queue("3", "d3", 9);
  std::vector<std::int64_t> order;
  while (const auto next = store_->jobs.next(clock_.now()).value()) {
    order.push_back(next->id);
    ASSERT_TRUE(store_->jobs.move(next->id, JobState::running, {}));
  }
  EXPECT_EQ(order, (std::vector<std::int64_t>{high, high_later, low}));
}

TEST_F(StoreJobs, ABackedOffJobWaitsForItsTime) {
  const auto id = run("1", "d1");
  const auto due = clock_.now() + std::chrono::seconds(30);
  ASSERT_TRUE(store_->jobs.move(id, JobState::queued, {.error = "signal 9", .not_before = due}));
  EXPECT_FALSE(store_->jobs.next(clock_.now()).value());
  EXPECT_EQ(store_->jobs.next_due().value(), due);
  EXPECT_FALSE(store_->jobs.next(due - std::chrono::milliseconds(1)).value());
  EXPECT_EQ(store_->jobs.next(due).value()->id, id);
  EXPECT_EQ(store_->jobs.find(id).value()->error, "signal 9");
}

TEST_F(StoreJobs, NothingIsDueInAnEmptyQueue) {
  run("1", "d1");
  EXPECT_EQ(store_->jobs.next_due().value(), std::nullopt);
  EXPECT_FALSE(store_->jobs.next(clock_.now()).value());
}

TEST_F(StoreJobs, EveryStartIsAnAttemptAndForgetsOldProgress) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->jobs.set_progress(id, "evaluate", 0.5));
  EXPECT_EQ(store_->jobs.find(id).value()->attempt, 1);
  EXPECT_EQ(store_->jobs.find(id).value()->station, "evaluate");
  EXPECT_EQ(store_->jobs.find(id).value()->progress, 0.5);
  clock_.advance(std::chrono::seconds(3));
  ASSERT_TRUE(store_->jobs.move(id, JobState::queued, {}));
  EXPECT_EQ(store_->jobs.find(id).value()->station, "");
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {.incumbent = ArtifactRef{Version("0"), Digest("d0"), ""}}));
  const auto job = store_->jobs.find(id).value();
  EXPECT_EQ(job->attempt, 2);
  EXPECT_EQ(job->progress, 0);
  EXPECT_EQ(job->started, clock_.now());
  EXPECT_EQ(job->incumbent_version, "0");
  EXPECT_EQ(job->incumbent_digest, "d0");
  EXPECT_EQ(store_->jobs.running().value().size(), 1U);
}

TEST_F(StoreJobs, PaceIsThatOfTheStationAndOfThisAttempt) {
  const auto id = run("1", "d1");
  EXPECT_FALSE(store_->jobs.find(id).value()->pace);
  ASSERT_TRUE(store_->jobs.set_progress(id, "generator", 0.5));  // it goes on from where it was killed
  const auto since = clock_.now();
  clock_.advance(std::chrono::seconds(10));
  ASSERT_TRUE(store_->jobs.set_progress(id, "generator", 0.75));
  auto pace = store_->jobs.find(id).value()->pace;
  ASSERT_TRUE(pace);
  EXPECT_EQ(pace->since, since);
  EXPECT_EQ(pace->from, 0.5);
  EXPECT_EQ(expected_end(*pace), clock_.now() + std::chrono::seconds(10));
  ASSERT_TRUE(store_->jobs.set_progress(id, "answers", 0));
  pace = store_->jobs.find(id).value()->pace;
  ASSERT_TRUE(pace);
  EXPECT_EQ(pace->since, clock_.now());
  EXPECT_FALSE(expected_end(*pace)) << "nothing to judge by yet";
  ASSERT_TRUE(store_->jobs.move(id, JobState::queued, {}));
  EXPECT_FALSE(store_->jobs.find(id).value()->pace);
}

TEST_F(StoreJobs, ProgressIsOnlyForRunningJobsAndIsANumber) {
  const auto id = queue("1", "d1");
  EXPECT_EQ(code_of(store_->jobs.set_progress(id, "evaluate", 0.5)), "conflict");
  EXPECT_EQ(code_of(store_->jobs.set_progress(99, "evaluate", 0.5)), "not_found");
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {}));
  EXPECT_EQ(code_of(store_->jobs.set_progress(id, "evaluate", std::numeric_limits<double>::quiet_NaN())),
            "invalid_input");
  ASSERT_TRUE(store_->jobs.set_progress(id, "evaluate", 7));
  EXPECT_EQ(store_->jobs.find(id).value()->progress, 1);
}

TEST_F(StoreJobs, FinalMovesAreAuditedWithTheirActor) {
  const auto id = queue("1", "d1");
  ASSERT_TRUE(store_->jobs.move(id, JobState::cancelled, {.error = "not needed", .who = "ann"}));
  EXPECT_EQ(store_->jobs.find(id).value()->finished, clock_.now());
  const auto row = store_->audit.rows(0, 1).value().at(0);
  EXPECT_EQ(row.action, "job.cancelled");
  EXPECT_EQ(row.who, "ann");
  EXPECT_EQ(row.subject, "digits/1");
}

TEST_F(StoreJobs, ListsNewestFirstAndAtMostAsManyAsAsked) {
  for (const auto* version : {"1", "2", "3"}) queue(version, std::string("d") + version);
  const auto jobs = store_->jobs.newest(2).value();
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].version, "3");
  EXPECT_EQ(jobs[1].version, "2");
}

TEST_F(StoreJobs, UnknownJobIsNothingToReadAndNotFoundToMove) {
  EXPECT_FALSE(store_->jobs.find(5).value());
  EXPECT_FALSE(store_->jobs.last_gate("digits", "d1").value());
  EXPECT_EQ(code_of(store_->jobs.move(5, JobState::running, {})), "not_found");
}

// Every pair of states, against the table of legal moves; an illegal one must leave no trace.
class StoreJobMoves : public StoreTest, public ::testing::WithParamInterface<std::tuple<JobState, JobState>> {
 protected:
  std::int64_t job_in(JobState state) {
    const auto id = queue("1", "d1");
    if (state != JobState::queued) {
      EXPECT_TRUE(store_->jobs.move(id, JobState::running, {}));
    }
    if (is_final(state)) {
      EXPECT_TRUE(store_->jobs.move(id, state, {}));
    }
    return id;
  }
};

TEST_P(StoreJobMoves, FollowsTheTable) {
  const auto [from, to] = GetParam();
  const auto id = job_in(from);
  const auto audit_before = number("SELECT count(*) FROM audit");
  const auto moved = store_->jobs.move(id, to, {.error = "moved"});
  const auto job = store_->jobs.find(id).value();
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

class StoreCorrections : public StoreTest {
 protected:
  static RepairOrder order(const std::string& region = "r-0123456789ab") {
    RepairOrder order;
    order.probe_digest = "p1";
    order.regions = {{RegionId(region), 7, RegionEvidence::both, {1, 5, 9}}};
    return order;
  }
  std::int64_t repair(const RepairOrder& wanted) {
    return got(store_->jobs.enqueue_repair("digits", "1", "d1", wanted, by("ann", "correct", "digits/1")));
  }
  // Version 1, judged by job `gate_`.
  void SetUp() override {
    gate_ = run("1", "d1");
    ASSERT_TRUE(store_->verdicts.finish_job(gate_, JobState::done, verdict("1", "d1"), {}));
  }
  std::int64_t gate_ = 0;
};

TEST_F(StoreCorrections, KeepTheirOrderAndAreNoGates) {
  const auto id = repair(order());
  const auto job = got(store_->jobs.find(id));
  EXPECT_EQ(job->kind, JobKind::repair);
  EXPECT_EQ(got(store_->jobs.find(gate_))->kind, JobKind::gate);
  EXPECT_EQ(to_json(got(store_->jobs.repair_order(id))), to_json(order()));
  EXPECT_EQ(code_of(store_->jobs.repair_order(gate_)), "not_found");
  EXPECT_EQ(got(store_->jobs.last_gate("digits", "d1"))->id, gate_)
      << "what is asked about a version is asked about its gate";
  EXPECT_TRUE(got(store_->versions.unjudged()).empty());
  EXPECT_EQ(store_->audit.rows(0, 1).value()[0].action, "correct");
  EXPECT_EQ(code_of(store_->jobs.enqueue_repair("digits", "9", "d9", order(), by("ann", "correct"))), "not_found");
}

TEST_F(StoreCorrections, OneIsOpenBesideOneGate) {
  const auto id = repair(order());
  EXPECT_EQ(repair(order()), id) << "asking for the same again finds the open one";
  EXPECT_EQ(code_of(store_->jobs.enqueue_repair("digits", "1", "d1", order("r-ffffffffffff"), by("ann", "correct"))),
            "conflict");
  const auto gate = queue("1", "d1");
  EXPECT_NE(gate, id);
  EXPECT_EQ(queue("1", "d1"), gate);
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {}));
  EXPECT_EQ(repair(order()), id);
  ASSERT_TRUE(store_->jobs.move(id, JobState::done, {}));
  EXPECT_NE(repair(order()), id);
  EXPECT_EQ(got(store_->jobs.repairs("digits", "d1", 9)).size(), 2U);
  EXPECT_EQ(got(store_->jobs.repairs("digits", "", 1)).size(), 1U);
  EXPECT_TRUE(got(store_->jobs.repairs("digits", "d2", 9)).empty());
  EXPECT_TRUE(got(store_->jobs.repairs("faces", "", 9)).empty());
}

TEST_F(StoreCorrections, WaitBehindEveryGate) {
  const auto id = repair(order());
  const auto gate = queue("2", "d2", 0);
  EXPECT_EQ(got(store_->jobs.next(clock_.now()))->id, gate);
  ASSERT_TRUE(store_->jobs.move(gate, JobState::running, {}));
  EXPECT_EQ(got(store_->jobs.next(clock_.now()))->id, id);
}

TEST_F(StoreCorrections, NeverMakeOrChangeAVerdict) {
  const auto id = repair(order());
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {}));
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1", VerdictState::pass), {})),
            "conflict");
  auto other = verdict("1", "d1", VerdictState::pass);
  other.job = id;
  EXPECT_EQ(code_of(store_->verdicts.put(other, by("ann", "verdict.again"))), "conflict");
  ASSERT_TRUE(store_->jobs.move(id, JobState::failed, {.error = "frozen"}));
  EXPECT_EQ(got(store_->verdicts.latest("digits", "d1"))->verdict.state, VerdictState::fail);
  EXPECT_EQ(got(store_->jobs.last_gate("digits", "d1"))->state, JobState::done);
  EXPECT_EQ(number("SELECT count(*) FROM verdicts"), 1);
}

// A database of the program before corrections: its rows are gates, and it takes both kinds afterwards.
TEST_F(StoreCorrections, AnOlderDatabaseIsBroughtUpToDate) {
  const auto older = all_migrations().first(4);
  const auto old_file = tree_ / "older.db";
  {
    SQLite::Database connection(old_file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    ASSERT_TRUE(migrate(connection, "older.db", clock_.now(), older));
    connection.exec(
        "INSERT INTO versions VALUES (1, 'digits', '1', 'd1', 'a', 'f', '[]', 'present', 1, 0, 1, 1);"
        "INSERT INTO jobs (model, version, digest, state, attempt, priority, created, not_before, station, progress, "
        "error, incumbent_version, incumbent_digest) VALUES ('digits', '1', 'd1', 'queued', 0, 5, 1, 1, '', 0, '', '', "
        "'')");
  }
  auto store = Store::open(old_file, Store::Mode::read_write, clock_);
  ASSERT_TRUE(store) << store.error().describe();
  EXPECT_EQ(got((*store)->jobs.last_gate("digits", "d1"))->kind, JobKind::gate);
  const auto id = (*store)->jobs.enqueue_repair("digits", "1", "d1", order(), by("ann", "correct"));
  ASSERT_TRUE(id) << id.error().describe();
  EXPECT_EQ(got((*store)->jobs.next(clock_.now()))->kind, JobKind::gate);
}

}  // namespace
}  // namespace defuse::testing
