// What people make a running daemon do: promote, roll back, judge again, cancel, label, waive.
#include <fstream>

#include "tests/daemon/whole_daemon.h"

namespace defuse {
namespace {

TEST_F(Daemon, PromotionNeedsAVerdictAgainstThePresentIncumbentOrAReasonedOverride) {
  with_incumbent();
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(judged("two"));
  give(answer("3", "three", one()));
  shelf.put("3", "three");
  ASSERT_TRUE(judged("three"));
  ASSERT_TRUE(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"));
  const auto stale = app->actions().promote("digits", "3", "", PromotionKind::promote, "ann");
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, ErrorCode::conflict);
  EXPECT_NE(stale.error().message.find("judged against 1, but the incumbent is now 2"), std::string::npos)
      << stale.error().message;
  EXPECT_FALSE(verdict_file("3").value("ok", true)) << "its verdict no longer counts";

  const auto unreasoned = app->actions().promote("digits", "3", " ", PromotionKind::override_verdict, "ann");
  ASSERT_FALSE(unreasoned);
  EXPECT_EQ(unreasoned.error().code, ErrorCode::invalid_input);
  ASSERT_TRUE(app->actions().promote("digits", "3", "urgent", PromotionKind::override_verdict, "ann"));
  EXPECT_EQ((*store().promotions.incumbent("digits"))->kind, PromotionKind::override_verdict);

  const auto back = app->actions().rollback("digits", "worse than thought", "ann");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(*back, "2");
  EXPECT_EQ(*app->actions().rollback("digits", "further", "ann"), "1");
  EXPECT_EQ(app->actions().rollback("digits", "further", "ann").error().code, ErrorCode::conflict);
  EXPECT_TRUE(store().audit.verify());
}

TEST_F(Daemon, UnknownThingsAreNotFound) {
  with_incumbent();
  EXPECT_EQ(app->actions().promote("digits", "99", "", PromotionKind::promote, "ann").error().code,
            ErrorCode::not_found);
  EXPECT_EQ(app->actions().evaluate("letters", "1", "ann").error().code, ErrorCode::not_found);
  EXPECT_EQ(app->actions().cancel(4711, "ann").error().code, ErrorCode::not_found);
  EXPECT_EQ(app->actions().label_region("r-000000000000", "ambiguous", "", "ann").error().code, ErrorCode::not_found);
}

TEST_F(Daemon, EvaluateMakesANewJobAndKeepsTheOld) {
  with_incumbent();
  const auto first = job("one")->id;
  const auto again = app->actions().evaluate("digits", "1", "ann");
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_GT(*again, first);
  ASSERT_TRUE(comes_true([&] { return job("one")->id == *again && is_final(job("one")->state); }));
  EXPECT_EQ((*store().jobs.find(first))->state, JobState::done);
  EXPECT_EQ(job("one")->incumbent_digest, "") << "the incumbent is not compared with itself";
}

TEST_F(Daemon, RunningJobCanBeCancelledAndIsNotStartedAgainByItself) {
  script =
      "echo run >> \"$(dirname \"$0\")/runs\"; echo '{\"station\":\"evaluate\",\"progress\":0.5}'; trap '' TERM; sleep "
      "600";
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(
      comes_true([&] { return job("one") && job("one")->state == JobState::running && job("one")->progress > 0; }));
  const auto id = job("one")->id;
  ASSERT_TRUE(app->actions().cancel(id, "ann"));
  EXPECT_EQ(job("one")->state, JobState::cancelled);
  EXPECT_EQ(app->actions().cancel(id, "ann").error().code, ErrorCode::conflict);
  stop();
  start();
  ASSERT_TRUE(comes_true([&] { return app->live().status().ready; }));
  EXPECT_EQ(job("one")->id, id);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(Daemon, ALabelJudgesAgainWithoutRunningAnything) {
  with_incumbent();
  with_failed_two();
  const auto region = verdict("two")->verdict.findings.front().region;
  const auto ran = runs();
  const auto labelled = app->actions().label_region(region, "ambiguous", "a smudge", "ann");
  ASSERT_TRUE(labelled) << labelled.error().describe();
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.ok(); }));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  ASSERT_TRUE(app->actions().label_region(region, "", "it is one after all", "ann"));
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.state == VerdictState::fail; }));
  EXPECT_EQ(runs(), ran);
  EXPECT_EQ(store().regions.of("digits")->size(), 1U) << "judging again finds no new regions";
}

TEST_F(Daemon, WaiverCoversUntilItExpires) {
  with_incumbent();
  with_failed_two();
  Waiver waiver;
  waiver.model = "digits";
  waiver.finding = verdict("two")->verdict.findings.front().region;
  waiver.reason = "known and harmless";
  waiver.approved_by = "ann";
  waiver.expires = clock.now() + std::chrono::hours(24 * 365);
  EXPECT_EQ(app->actions().add_waiver(waiver, "ann").error().code, ErrorCode::invalid_input) << "longer than allowed";
  waiver.expires = clock.now() + std::chrono::hours(1);
  const auto id = app->actions().add_waiver(waiver, "ann");
  ASSERT_TRUE(id) << id.error().describe();
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.ok(); }));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  clock.advance(std::chrono::hours(1));
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.state == VerdictState::fail; }));
  ASSERT_TRUE(comes_true([&] { return !verdict_file("2").value("ok", true); }));
}

// What a person says is stored at once, and the verdict is given again in the background: a daemon that ends in between
// owes it.
TEST_F(Daemon, AWordThatNoVerdictFollowedYetIsHeededAtTheNextStart) {
  with_incumbent();
  with_failed_two();
  const auto region = verdict("two")->verdict.findings.front().region;
  const auto ran = runs();
  const auto say = [&](const std::string& label) {
    stop();
    clock.advance(std::chrono::seconds(1));
    auto written = Store::open(StateFolder{config.state_dir}.database(), Store::Mode::read_write, clock);
    ASSERT_TRUE(written && (*written)->regions.label(region, label, "ann", ""));
    clock.advance(std::chrono::seconds(1));  // a verdict of the word's own millisecond may be from before it
  };
  say("ambiguous");
  start();
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.ok(); }));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  say("");
  start();
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.state == VerdictState::fail; }))
      << "no pass by a word taken back";
  EXPECT_EQ(runs(), ran);
  stop();
  clock.advance(std::chrono::seconds(1));
  const auto verdicts = [&] {
    auto store = Store::open(StateFolder{config.state_dir}.database(), Store::Mode::read_only, clock);
    return (*store)->verdicts.newest("digits", 100)->size();
  };
  const auto before = verdicts();
  start();
  ASSERT_TRUE(comes_true([&] { return app->live().status().ready; }));
  stop();
  EXPECT_EQ(verdicts(), before) << "nothing is owed any more";
}

TEST_F(Daemon, FilesThatNoRowStandsForAreGoneAfterAStart) {
  namespace fs = std::filesystem;
  with_incumbent();
  with_failed_two();
  const auto row = *verdict("two");
  const StateFolder state{config.state_dir};
  const auto done = *job("two");
  stop();
  const std::vector<fs::path> orphans = {
      state.root / "reports/digits/2/0123456789ab-7" / "report.json",
      state.root / row.report.parent_path() / (row.report.filename().string() + "-1700000000000") / "report.json",
      state.root / "regions/r-bbbbbbbbbbbb.probe",
      state.root / "regions/r-bbbbbbbbbbbb-2.npy",
      state.correction(done.id) / "correction.json",
      state.job(done.id) / "worker.pid",
      state.job(done.id) / "tmp-result" / "result.json"};
  for (const auto& orphan : orphans) {
    fs::create_directories(orphan.parent_path());
    std::ofstream(orphan) << "left";
  }
  start();
  ASSERT_TRUE(comes_true([&] {
    return std::none_of(orphans.begin(), orphans.end(), [](const fs::path& orphan) { return fs::exists(orphan); });
  }));
  EXPECT_TRUE(fs::exists(state.absolute(row.report) / "report.json"));
  EXPECT_TRUE(has_result(state, done.id)) << "it may be judged again";
  EXPECT_TRUE(fs::exists(state.probe_of_region(row.verdict.findings.front().region)));
}

}  // namespace
}  // namespace defuse
