// The daemon's life: versions come, change and go, workers fail, the daemon restarts, the configuration is read again.
#include "daemon/app.h"

#include <boost/asio/post.hpp>

#include "core/wire/documents.h"
#include "tests/daemon/whole_daemon.h"

namespace defuse {
namespace {

TEST_F(Daemon, JudgesANewVersionAndPublishesItsVerdict) {
  with_incumbent();
  EXPECT_EQ(verdict("one")->verdict.state, VerdictState::inconclusive) << "a line without an incumbent";
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(judged("two"));
  const auto row = verdict("two");
  EXPECT_EQ(row->verdict.state, VerdictState::pass) << row->verdict.reason;
  EXPECT_EQ(row->incumbent_version, "1");
  for (const char* name : {"report.json", "report.html", "report.md", "report.junit.xml", "report.sarif"})
    EXPECT_TRUE(std::filesystem::exists(config.state_dir / row->report / name)) << name;
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  EXPECT_EQ(verdict_file("2")["verdict"], "pass");
  EXPECT_NE(app->live().metrics().find("defused_verdicts_total{model=\"digits\",verdict=\"pass\"} 1"),
            std::string::npos);
  EXPECT_NE(app->live().metrics().find("defused_jobs{state=\"done\"} 2"), std::string::npos);
}

TEST_F(Daemon, ADigestThatWasJudgedIsNotJudgedTwice) {
  with_incumbent();
  shelf.put("1-copy", "one");
  ASSERT_TRUE(comes_true([&] { return !verdict_file("1-copy").empty(); }));
  EXPECT_EQ(runs(), 1U);
}

TEST_F(Daemon, GarbageIsRetriedAndEndsInErrorNeverInPass) {
  script =
      "echo run >> \"$(dirname \"$0\")/runs\"; mkdir \"$2/result\"; echo '{\"verdict\":\"pass\"}' > "
      "\"$2/result/result.json\"";
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(job("one")->state, JobState::failed);
  EXPECT_EQ(job("one")->attempt, 2);
  EXPECT_EQ(verdict("one")->verdict.state, VerdictState::error);
  EXPECT_NE(verdict("one")->verdict.reason.find("result cannot be used"), std::string::npos)
      << verdict("one")->verdict.reason;
  EXPECT_EQ(runs(), 2U);
}

TEST_F(Daemon, ResultOfAnotherArtifactIsRefused) {
  give(answer("1", "something else"));
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(verdict("one")->verdict.state, VerdictState::error);
  EXPECT_NE(verdict("one")->verdict.reason.find("another digest"), std::string::npos) << verdict("one")->verdict.reason;
}

TEST_F(Daemon, NoResultAtAllIsAnError) {
  script = "exit 0";
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(verdict("one")->verdict.state, VerdictState::error);
}

TEST_F(Daemon, WorkerThatDiesOnceIsTriedAgain) {
  script =
      std::string("if [ ! -e \"$(dirname \"$0\")/died\" ]; then : > \"$(dirname \"$0\")/died\"; kill -SEGV $$; fi\n") +
      kWorker;
  give(answer("1", "one"));
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(job("one")->state, JobState::done);
  EXPECT_EQ(job("one")->attempt, 2);
  EXPECT_NE(job("one")->error.find("signal 11"), std::string::npos);
}

TEST_F(Daemon, WorkerThatSaysItIsHopelessIsNotTriedAgain) {
  script = "echo '{\"error\":{\"code\":\"not_found\",\"message\":\"no test images\"}}'; exit 1";
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(job("one")->attempt, 1);
  EXPECT_EQ(verdict("one")->verdict.state, VerdictState::error);
  EXPECT_NE(verdict("one")->verdict.reason.find("no test images"), std::string::npos);
}

TEST_F(Daemon, RestartJudgesAResultThatIsThereWithoutRunningAnything) {
  const StateFolder state{config.state_dir};
  ASSERT_TRUE(state.create());
  {
    auto opened = Store::open(state.database(), Store::Mode::read_write, clock);
    ASSERT_TRUE(opened);
    Store& before = **opened;
    ASSERT_TRUE(before.versions.put({"digits", "1", digest("one"), "/registry/digits/1/model.pt", {}, "", clock.now()},
                                    "f-one"));
    const auto id = before.jobs.enqueue("digits", "1", digest("one"), 0, {"daemon", "job.queued", "digits/1"});
    ASSERT_TRUE(id);
    ASSERT_TRUE(before.jobs.move(*id, JobState::running, {}));
    JobSpec spec;
    spec.id = *id;
    spec.model = ModelName("digits");
    spec.candidate = {Version("1"), Digest(digest("one")), "/registry/digits/1/model.pt"};
    spec.settings = digits_settings();
    spec.cache = state.cache();
    const auto prepared = prepare_job(state, spec);
    ASSERT_TRUE(prepared) << prepared.error().describe();
    auto result = answer("1", "one");
    result.job = *id;
    folder.file("state/jobs/" + std::to_string(*id) + "/result/result.json", dump_json(to_json(result)));
    // What an interrupted publication leaves behind.
    folder.file("state/reports/digits/1/" + short_digest(digest("one")) + "-" + std::to_string(*id) + "/report.json",
                "half");
    folder.file("state/reports/digits/1/x.tmp/report.json", "half");
    folder.file("state/tmp-77-0-address", "127.0.0.1:80");
    folder.file("state/tmp-77-0-tokens.json", "[");  // may be another program's, at work at this moment
  }
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(job("one")->state, JobState::done);
  EXPECT_EQ(job("one")->attempt, 1);
  EXPECT_EQ(runs(), 0U);
  EXPECT_NE(test::slurp(config.state_dir / verdict("one")->report / "report.json"), "half");
  EXPECT_FALSE(std::filesystem::exists(config.state_dir / "reports/digits/1/x.tmp"));
  EXPECT_FALSE(std::filesystem::exists(config.state_dir / "tmp-77-0-address"));
  EXPECT_TRUE(std::filesystem::exists(config.state_dir / "tmp-77-0-tokens.json"));
}

TEST_F(Daemon, RestartWritesAVerdictFileThatWasLost) {
  with_incumbent();
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  stop();
  folder.file("state/verdicts/digits/1.json", "{\"ok\": true}");  // of an older life, and no longer true
  std::filesystem::remove(StateFolder{config.state_dir}.verdict_file("digits", "2"));
  start();
  ASSERT_TRUE(comes_true([&] { return app->live().status().ready; }));
  EXPECT_TRUE(verdict_file("2").value("ok", false));
  EXPECT_FALSE(verdict_file("1").value("ok", true));
  EXPECT_EQ(runs(), 2U);
}

TEST_F(Daemon, StoppedWhileAWorkerRunsItQueuesTheJobAndRunsItAfterTheRestart) {
  script = "echo run >> \"$(dirname \"$0\")/runs\"; echo '{\"station\":\"evaluate\",\"progress\":0.5}'; sleep 600";
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(comes_true([&] { return job("one") && job("one")->station == "evaluate"; }));
  stop();
  {
    auto opened = Store::open(StateFolder{config.state_dir}.database(), Store::Mode::read_write, clock);
    ASSERT_TRUE(opened);
    EXPECT_EQ((*(*opened)->jobs.last_gate("digits", digest("one")))->state, JobState::queued);
  }
  script = kWorker;
  give(answer("1", "one"));
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(job("one")->state, JobState::done);
  EXPECT_EQ(runs(), 2U);
}

TEST_F(Daemon, TwoNeverShareAStateFolder) {
  start();
  const auto second = App::create(options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_NE(second.error().message.find(config.state_dir.string()), std::string::npos);
}

TEST_F(Daemon, UnreachableRegistryIsToldAndRecoversByItselfAndNothingIsForgotten) {
  with_incumbent();
  {
    const std::lock_guard lock(shelf.mutex);
    shelf.problem = "the mount is gone";
  }
  ASSERT_TRUE(comes_true([&] { return !app->live().status().registry_problem.empty(); }));
  EXPECT_TRUE(app->live().status().ready);
  EXPECT_EQ((*store().versions.current("digits", "1"))->presence, VersionPresence::present);
  {
    const std::lock_guard lock(shelf.mutex);
    shelf.problem.clear();
  }
  ASSERT_TRUE(comes_true([&] { return app->live().status().registry_problem.empty(); }));
  EXPECT_EQ((*store().versions.current("digits", "1"))->presence, VersionPresence::present);
}

TEST_F(Daemon, VersionReplacedInPlaceLosesItsVerdictAndIsJudgedAnew) {
  with_incumbent();
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  auto other = answer("2", "changed", one());
  spoil(other);
  give(other);
  shelf.put("2", "changed");
  ASSERT_TRUE(judged("changed"));
  EXPECT_EQ(verdict("changed")->verdict.state, VerdictState::fail);
  ASSERT_TRUE(comes_true([&] { return verdict_file("2")["verdict"] == "fail"; }));
  EXPECT_EQ((*store().versions.current("digits", "2"))->replaced, 1);
}

TEST_F(Daemon, VersionThatIsBeingWrittenAgainDoesNotLiveOnItsOldVerdict) {
  with_incumbent();
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  {
    const std::lock_guard lock(shelf.mutex);
    shelf.content[{"digits", "2"}] = "half of it";
    shelf.changing.insert({"digits", "2"});
  }
  ASSERT_TRUE(comes_true([&] { return !verdict_file("2").value("ok", true); }));
  EXPECT_TRUE(verdict_file("2")["verdict"].is_null());
  const auto promoted = app->actions().promote("digits", "2", "", PromotionKind::promote, "ann");
  ASSERT_FALSE(promoted);
  EXPECT_EQ(promoted.error().code, ErrorCode::conflict);
  {
    const std::lock_guard lock(shelf.mutex);
    shelf.content[{"digits", "2"}] = "two";  // copied again, the same
    shelf.changing.clear();
  }
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
}

TEST_F(Daemon, VersionWhoseManifestDoesNotFitIsTakenForGone) {
  with_incumbent();
  shelf.put("1", "corrupt");
  ASSERT_TRUE(
      comes_true([&] { return (*store().versions.current("digits", "1"))->presence == VersionPresence::deleted; }));
  const auto not_ready = app->live().status().not_ready;
  ASSERT_EQ(not_ready.size(), 1U);
  EXPECT_EQ(not_ready[0].state, EntryState::refused);
  EXPECT_NE(not_ready[0].problem.find("manifest.json"), std::string::npos);
  EXPECT_TRUE(verdict_file("1").empty());
}

TEST_F(Daemon, DeletedVersionTakesItsVerdictFileAlong) {
  with_incumbent();
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  shelf.remove("2");
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").empty(); }));
  EXPECT_TRUE(verdict("two")) << "history stays";
}

TEST_F(Daemon, BadReloadLeavesTheOldConfigurationInForceAndSaysWhy) {
  start();
  ASSERT_TRUE(comes_true([&] { return app->live().status().ready; }));
  const auto before = app->live().config();
  load = [] {
    return Result<Config>(tl::unexpected<Error>(Error{ErrorCode::invalid_input, "defused.yaml:3:1: unknown key", {}}));
  };
  boost::asio::post(app->io(), [this] { app->reload(); });
  ASSERT_TRUE(comes_true([&] { return !app->live().status().config_problem.empty(); }));
  EXPECT_NE(app->live().status().config_problem.find("defused.yaml:3:1"), std::string::npos);
  EXPECT_EQ(app->live().config(), before);
}

TEST_F(Daemon, ReloadTakesANewModelAndJudgesItsVersions) {
  give(answer("1", "one"));
  shelf.put("1", "one", "letters");
  start();
  ASSERT_TRUE(comes_true([&] { return app->live().status().ready; }));
  EXPECT_TRUE(store().versions.of("letters")->empty());
  load = [this] {
    auto next = config;
    next.models["letters"] = digits_settings();
    next.models["letters"].name = "letters";
    return Result<Config>(next);
  };
  boost::asio::post(app->io(), [this] { app->reload(); });
  ASSERT_TRUE(comes_true([&] { return !store().versions.of("letters")->empty(); }));
  EXPECT_EQ(app->live().status().config_problem, "");
}

TEST(NeedsRestart, NamesTheKeysThatAReloadCannotChange) {
  Config now;
  now.state_dir = "/a";
  now.models["digits"] = digits_settings();
  Config next = now;
  next.models.clear();
  next.worker.retries = 9;
  next.registry.rescan = milliseconds(7);
  EXPECT_EQ(needs_restart(now, next), "");
  next.state_dir = "/b";
  next.http.port = 1;
  EXPECT_EQ(needs_restart(now, next), "state_dir, http.listen");
}

}  // namespace
}  // namespace defuse
