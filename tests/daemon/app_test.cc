// The whole daemon but its sockets and its models: real store, real reports, a registry in memory, and shell scripts
// for workers.
#include "daemon/app.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "core/json.h"
#include "core/sha256.h"
#include "tests/daemon/support.h"

namespace defuse {
namespace {

using std::chrono::milliseconds;
constexpr const char* kRegion = "r-aaaaaaaaaaaa";

// A registry in memory. Thread-safe: the daemon polls from its own thread.
struct Shelf {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, std::string> content;  // what each version holds
  std::set<std::pair<std::string, std::string>> changing;
  std::string problem;

  void put(const std::string& version, const std::string& bytes, const std::string& model = "digits") {
    const std::lock_guard lock(mutex);
    content[{model, version}] = bytes;
  }
  void remove(const std::string& version) {
    const std::lock_guard lock(mutex);
    content.erase({"digits", version});
  }
  Result<RegistrySnapshot> poll() {
    const std::lock_guard lock(mutex);
    if (!problem.empty()) return fail(ErrorCode::unavailable, problem);
    RegistrySnapshot snapshot;
    for (const auto& [key, bytes] : content) {
      RegistryEntry entry;
      entry.model = key.first;
      entry.version = key.second;
      entry.artifact = "/registry/" + key.first + "/" + key.second + "/model.pt";
      entry.state = changing.contains(key) ? EntryState::settling : EntryState::ready;
      entry.fingerprint = "f-" + bytes;
      snapshot.entries.push_back(entry);
    }
    return snapshot;
  }
  Result<Candidate> identify(const RegistryEntry& entry, TimePoint now) {
    const std::lock_guard lock(mutex);
    const auto& bytes = content.at({entry.model, entry.version});
    if (bytes == "corrupt") return fail(ErrorCode::corrupt, "manifest.json promises another sha256");
    return Candidate{entry.model, entry.version, sha256_hex(bytes), entry.artifact, {}, "", now};
  }
};

class ShelfSource final : public RegistrySource {
 public:
  explicit ShelfSource(Shelf& shelf) : shelf_(shelf) {}
  Result<RegistrySnapshot> poll() override { return shelf_.poll(); }

 private:
  Shelf& shelf_;
};

ModelSettings digits_settings() {
  ModelSettings settings;
  settings.name = "digits";
  settings.classes = {"0", "1"};
  settings.input.shape = {1, 8, 8};
  settings.data.train = IdxSource{"/data/train-images", "/data/train-labels"};
  settings.data.test = IdxSource{"/data/test-images", "/data/test-labels"};
  return settings;
}

// The script copies the folder `give` as its result, with its own job's number in place of 999.
constexpr const char* kWorker =
    "echo run >> \"$(dirname \"$0\")/runs\"\n"
    "job=$(basename \"$2\")\n"
    "mkdir \"$2/result.part\"\n"
    "sed \"s/\\\"job\\\":999/\\\"job\\\":$job/\" \"$(dirname \"$0\")/give.json\" > \"$2/result.part/result.json\"\n"
    "mv \"$2/result.part\" \"$2/result\"\n";

struct Daemon : testing::Test {
  test::TempFolder folder;
  test::HandClock clock;
  Shelf shelf;
  Config config;
  std::function<Result<Config>()> load;
  std::unique_ptr<App> app;
  std::thread loop;
  std::uint64_t last_event = 0;
  std::string script = kWorker;

  void SetUp() override {
    config.state_dir = folder.path() / "state";
    config.registry.rescan = milliseconds(30);
    config.registry.settle = milliseconds(10);
    config.worker.retries = 2;
    config.worker.backoff = milliseconds(0);
    config.models["digits"] = digits_settings();
  }
  void TearDown() override { stop(); }

  AppOptions options() {
    AppOptions made;
    made.config = std::make_shared<const Config>(config);
    made.load = [this] { return load ? load() : Result<Config>(config); };
    made.clock = &clock;
    made.supervision.worker = folder.script("worker", script);
    made.supervision.environment = worker_environment();
    made.supervision.tick = milliseconds(10);
    made.supervision.grace = milliseconds(50);
    made.registry.make_source = [this](const RegistrySettings&) { return std::make_unique<ShelfSource>(shelf); };
    made.registry.identify = [this](const RegistryEntry& entry) { return shelf.identify(entry, clock.now()); };
    made.handle_signals = false;
    made.house_keeping = milliseconds(20);
    return made;
  }
  void start() {
    auto made = App::create(options());
    ASSERT_TRUE(made) << made.error().describe();
    app = std::move(*made);
    last_event = 0;
    loop = std::thread([this] {
      const auto ran = app->run();
      EXPECT_TRUE(ran) << ran.error().describe();
    });
  }
  void stop() {
    if (!loop.joinable()) return;
    app->request_stop();
    loop.join();
    app.reset();
  }
  // Looks again whenever the daemon says that something happened.
  bool comes_true(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      if (done()) return true;
      for (const auto& event : app->live().events_after(last_event, milliseconds(50))) last_event = event.id;
    }
    return done();
  }

  Store& store() { return **app->live().store(); }
  std::string digest(const std::string& bytes) { return sha256_hex(bytes); }
  std::optional<VerdictRow> verdict(const std::string& bytes) { return *store().verdict("digits", digest(bytes)); }
  std::optional<JobRow> job(const std::string& bytes) { return *store().last_job("digits", digest(bytes)); }
  Json verdict_file(const std::string& version) {
    const auto text = test::slurp(StateFolder{config.state_dir}.verdict_file("digits", version));
    return text.empty() ? Json::object() : *parse_json(text, version);
  }
  bool judged(const std::string& bytes) {
    return comes_true([&] {
      const auto row = job(bytes);
      return row && (row->state == JobState::done || row->state == JobState::failed) && verdict(bytes);
    });
  }
  std::size_t runs() {
    const auto text = test::slurp(folder.path() / "runs");
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  // What the worker will answer for this version.
  WorkerResult answer(const std::string& version, const std::string& bytes,
                      const std::optional<ArtifactRef>& incumbent = std::nullopt) {
    WorkerResult result;
    result.job = 999;
    result.model = "digits";
    result.candidate = {version, digest(bytes), "/registry/digits/" + version + "/model.pt"};
    result.incumbent = incumbent;
    result.classes = {"0", "1"};
    result.probe_digest = "p1";
    result.generator = GeneratorHealth{};
    result.generator->usable = true;
    for (const auto& name : required_checks(digits_settings())) {
      CheckResult check;
      check.check = name;
      check.mode = CheckMode::block;
      check.state = VerdictState::pass;
      check.reason = name + " is well";
      result.checks.push_back(check);
    }
    result.stations = {{"evaluate", 1.0, 0, false}};
    return result;
  }
  void give(const WorkerResult& result) { folder.file("give.json", dump_json(to_json(result))); }
  void spoil(WorkerResult& result) {
    auto& check = result.checks.back();
    check.state = VerdictState::fail;
    Finding finding;
    finding.id = check.check + "/" + kRegion;
    finding.check = check.check;
    finding.subject = std::string("region ") + kRegion;
    finding.region = kRegion;
    finding.decision = Decision::violation;
    finding.sentence = std::string("Region ") + kRegion + " is bad.";
    check.findings = {finding};
    Region region;
    region.id = kRegion;
    region.status = RegionStatus::new_bug;
    region.space = "codes";
    region.label = 1;
    region.predicted_as = 0;
    region.members = {{1, 0.1}, {2, 0.2}, {3, 0.3}};
    result.regions = {region};
  }
  // Version 1 judged and made the incumbent.
  void with_incumbent() {
    give(answer("1", "one"));
    shelf.put("1", "one");
    start();
    ASSERT_TRUE(judged("one"));
    const auto promoted = app->promote("digits", "1", "first", false, "ann");
    ASSERT_TRUE(promoted) << promoted.error().describe();
  }
  ArtifactRef one() { return {"1", digest("one"), "/registry/digits/1/model.pt"}; }
};

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
    ASSERT_TRUE(before.put_version({"digits", "1", digest("one"), "/registry/digits/1/model.pt", {}, "", clock.now()},
                                   "f-one"));
    const auto id = before.enqueue("digits", "1", digest("one"), 0, {"daemon", "job.queued", "digits/1"});
    ASSERT_TRUE(id);
    ASSERT_TRUE(before.move_job(*id, JobState::running, {}));
    JobSpec spec;
    spec.id = *id;
    spec.model = "digits";
    spec.candidate = {"1", digest("one"), "/registry/digits/1/model.pt"};
    spec.settings = digits_settings();
    spec.cache = state.cache();
    const auto prepared = prepare_job(state, spec);
    ASSERT_TRUE(prepared) << prepared.error().describe();
    auto result = answer("1", "one");
    result.job = *id;
    folder.file("state/jobs/" + std::to_string(*id) + "/result/result.json", dump_json(to_json(result)));
    // What an interrupted publication leaves behind.
    folder.file("state/reports/digits/1/" + digest("one").substr(0, 12) + "-" + std::to_string(*id) + "/report.json",
                "half");
    folder.file("state/reports/digits/1/x.tmp/report.json", "half");
  }
  shelf.put("1", "one");
  start();
  ASSERT_TRUE(judged("one"));
  EXPECT_EQ(job("one")->state, JobState::done);
  EXPECT_EQ(job("one")->attempt, 1);
  EXPECT_EQ(runs(), 0U);
  EXPECT_NE(test::slurp(config.state_dir / verdict("one")->report / "report.json"), "half");
  EXPECT_FALSE(std::filesystem::exists(config.state_dir / "reports/digits/1/x.tmp"));
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
    EXPECT_EQ((*(*opened)->last_job("digits", digest("one")))->state, JobState::queued);
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
  EXPECT_EQ((*store().version("digits", "1"))->presence, VersionPresence::present);
  {
    const std::lock_guard lock(shelf.mutex);
    shelf.problem.clear();
  }
  ASSERT_TRUE(comes_true([&] { return app->live().status().registry_problem.empty(); }));
  EXPECT_EQ((*store().version("digits", "1"))->presence, VersionPresence::present);
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
  EXPECT_EQ((*store().version("digits", "2"))->replaced, 1);
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
  const auto promoted = app->promote("digits", "2", "", false, "ann");
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
  ASSERT_TRUE(comes_true([&] { return (*store().version("digits", "1"))->presence == VersionPresence::deleted; }));
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

TEST_F(Daemon, PromotionNeedsAVerdictAgainstThePresentIncumbentOrAReasonedOverride) {
  with_incumbent();
  give(answer("2", "two", one()));
  shelf.put("2", "two");
  ASSERT_TRUE(judged("two"));
  give(answer("3", "three", one()));
  shelf.put("3", "three");
  ASSERT_TRUE(judged("three"));
  ASSERT_TRUE(app->promote("digits", "2", "", false, "ann"));
  const auto stale = app->promote("digits", "3", "", false, "ann");
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, ErrorCode::conflict);
  EXPECT_NE(stale.error().message.find("judged against 1, but the incumbent is now 2"), std::string::npos)
      << stale.error().message;
  EXPECT_FALSE(verdict_file("3").value("ok", true)) << "its verdict no longer counts";

  const auto unreasoned = app->promote("digits", "3", " ", true, "ann");
  ASSERT_FALSE(unreasoned);
  EXPECT_EQ(unreasoned.error().code, ErrorCode::invalid_input);
  ASSERT_TRUE(app->promote("digits", "3", "urgent", true, "ann"));
  EXPECT_EQ((*store().incumbent("digits"))->kind, "override");

  const auto back = app->rollback("digits", "worse than thought", "ann");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(*back, "2");
  EXPECT_EQ(*app->rollback("digits", "further", "ann"), "1");
  EXPECT_EQ(app->rollback("digits", "further", "ann").error().code, ErrorCode::conflict);
  EXPECT_TRUE(store().verify_audit());
}

TEST_F(Daemon, UnknownThingsAreNotFound) {
  with_incumbent();
  EXPECT_EQ(app->promote("digits", "99", "", false, "ann").error().code, ErrorCode::not_found);
  EXPECT_EQ(app->evaluate("letters", "1", "ann").error().code, ErrorCode::not_found);
  EXPECT_EQ(app->cancel(4711, "ann").error().code, ErrorCode::not_found);
  EXPECT_EQ(app->label_region("r-000000000000", "ambiguous", "", "ann").error().code, ErrorCode::not_found);
}

TEST_F(Daemon, EvaluateMakesANewJobAndKeepsTheOld) {
  with_incumbent();
  const auto first = job("one")->id;
  const auto again = app->evaluate("digits", "1", "ann");
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_GT(*again, first);
  ASSERT_TRUE(comes_true([&] { return job("one")->id == *again && is_final(job("one")->state); }));
  EXPECT_EQ((*store().job(first))->state, JobState::done);
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
  ASSERT_TRUE(app->cancel(id, "ann"));
  EXPECT_EQ(job("one")->state, JobState::cancelled);
  EXPECT_EQ(app->cancel(id, "ann").error().code, ErrorCode::conflict);
  stop();
  start();
  ASSERT_TRUE(comes_true([&] { return app->live().status().ready; }));
  EXPECT_EQ(job("one")->id, id);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(Daemon, ALabelJudgesAgainWithoutRunningAnything) {
  with_incumbent();
  auto bad = answer("2", "two", one());
  spoil(bad);
  give(bad);
  shelf.put("2", "two");
  ASSERT_TRUE(judged("two"));
  ASSERT_EQ(verdict("two")->verdict.state, VerdictState::fail);
  const auto region = verdict("two")->verdict.findings.front().region;
  const auto ran = runs();
  const auto labelled = app->label_region(region, "ambiguous", "a smudge", "ann");
  ASSERT_TRUE(labelled) << labelled.error().describe();
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.ok(); }));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  ASSERT_TRUE(app->label_region(region, "", "it is one after all", "ann"));
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.state == VerdictState::fail; }));
  EXPECT_EQ(runs(), ran);
  EXPECT_EQ(store().regions("digits")->size(), 1U) << "judging again finds no new regions";
}

TEST_F(Daemon, WaiverCoversUntilItExpires) {
  with_incumbent();
  auto bad = answer("2", "two", one());
  spoil(bad);
  give(bad);
  shelf.put("2", "two");
  ASSERT_TRUE(judged("two"));
  Waiver waiver;
  waiver.model = "digits";
  waiver.finding = verdict("two")->verdict.findings.front().region;
  waiver.reason = "known and harmless";
  waiver.approved_by = "ann";
  waiver.expires = clock.now() + std::chrono::hours(24 * 365);
  EXPECT_EQ(app->add_waiver(waiver, "ann").error().code, ErrorCode::invalid_input) << "longer than allowed";
  waiver.expires = clock.now() + std::chrono::hours(1);
  const auto id = app->add_waiver(waiver, "ann");
  ASSERT_TRUE(id) << id.error().describe();
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.ok(); }));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  clock.advance(std::chrono::hours(1));
  ASSERT_TRUE(comes_true([&] { return verdict("two")->verdict.state == VerdictState::fail; }));
  ASSERT_TRUE(comes_true([&] { return !verdict_file("2").value("ok", true); }));
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
  EXPECT_TRUE(store().versions("letters")->empty());
  load = [this] {
    auto next = config;
    next.models["letters"] = digits_settings();
    next.models["letters"].name = "letters";
    return Result<Config>(next);
  };
  boost::asio::post(app->io(), [this] { app->reload(); });
  ASSERT_TRUE(comes_true([&] { return !store().versions("letters")->empty(); }));
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
