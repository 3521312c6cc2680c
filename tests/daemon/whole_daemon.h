// The whole daemon but its sockets and its models: real store, real reports, a registry in memory, and shell scripts
// for workers. For the tests that let one run.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/wire/documents.h"
#include "daemon/app.h"
#include "tests/daemon/support.h"
#include "tests/daemon/supported.h"

namespace defuse {

using std::chrono::milliseconds;
inline constexpr const char* kRegion = "r-aaaaaaaaaaaa";

// A registry in memory. Thread-safe: the daemon polls from its own thread.
struct Shelf {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, std::string> content;  // what each version holds
  struct Papers {
    std::string manifest;
    std::string signature;
  };
  std::map<std::pair<std::string, std::string>, Papers> papers;  // of versions that have any
  std::set<std::pair<std::string, std::string>> changing;
  std::string problem;

  void put(const Version& version, const std::string& bytes, const ModelName& model = "digits") {
    const std::lock_guard lock(mutex);
    content[{model, version}] = bytes;
  }
  void remove(const Version& version) {
    const std::lock_guard lock(mutex);
    content.erase({"digits", version});
  }
  Result<RegistrySnapshot> poll() {
    const std::lock_guard lock(mutex);
    if (!problem.empty()) return fail(ErrorCode::unavailable, problem);
    RegistrySnapshot snapshot;
    for (const auto& [key, bytes] : content) {
      RegistryEntry entry;
      entry.model = ModelName(key.first);
      entry.version = Version(key.second);
      entry.artifact = "/registry/" + key.first + "/" + key.second + "/model.pt";
      entry.state = changing.contains(key) ? EntryState::settling : EntryState::ready;
      entry.fingerprint = "f-" + bytes;
      if (const auto with = papers.find(key); with != papers.end())
        entry.fingerprint += sha256_hex(with->second.manifest + with->second.signature);
      snapshot.entries.push_back(entry);
    }
    return snapshot;
  }
  Result<Candidate> identify(const RegistryEntry& entry, TimePoint now) {
    const std::lock_guard lock(mutex);
    const auto& bytes = content.at({entry.model, entry.version});
    if (bytes == "corrupt") return fail(ErrorCode::corrupt, "manifest.json promises another sha256");
    Candidate candidate{entry.model, entry.version, Digest(sha256_hex(bytes)), entry.artifact, {}, "", now};
    if (const auto with = papers.find({entry.model, entry.version}); with != papers.end()) {
      candidate.manifest = with->second.manifest;
      candidate.manifest_signature = with->second.signature;
    }
    return candidate;
  }
};

class ShelfSource final : public RegistrySource {
 public:
  explicit ShelfSource(Shelf& shelf) : shelf_(shelf) {}
  Result<RegistrySnapshot> poll() override { return shelf_.poll(); }

 private:
  Shelf& shelf_;
};

inline ModelSettings digits_settings() {
  ModelSettings settings;
  settings.name = "digits";
  settings.classes = {"0", "1"};
  settings.input.shape = {1, 8, 8};
  settings.data.train = IdxSource{"/data/train-images", "/data/train-labels"};
  settings.data.test = IdxSource{"/data/test-images", "/data/test-labels"};
  return settings;
}

// The script copies the folder `give` as its result, with its own job's number in place of 999.
inline constexpr const char* kWorker =
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
    config.worker.retries = 1;
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
  Digest digest(const std::string& bytes) { return Digest(sha256_hex(bytes)); }
  std::optional<VerdictRow> verdict(const std::string& bytes) {
    return *store().verdicts.latest("digits", digest(bytes));
  }
  std::optional<JobRow> job(const std::string& bytes) { return *store().jobs.last_gate("digits", digest(bytes)); }
  Json verdict_file(const Version& version) {
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
  WorkerResult answer(const Version& version, const std::string& bytes,
                      const std::optional<ArtifactRef>& incumbent = std::nullopt) {
    WorkerResult result;
    result.job = 999;
    result.model = ModelName("digits");
    result.candidate = {Version(version), Digest(digest(bytes)), "/registry/digits/" + version + "/model.pt"};
    result.incumbent = incumbent;
    result.classes = {"0", "1"};
    result.probe_digest = "p1";
    result.generator = GeneratorHealth{};
    result.generator->usable = true;
    for (const auto& name : required_checks(digits_settings())) {
      CheckResult check;
      check.check = name;
      check.mode = CheckMode::block;
      const bool compared = incumbent || name == "contract";  // the others have nothing to compare with
      check.state = compared ? VerdictState::pass : VerdictState::inconclusive;
      check.no_incumbent = !compared;
      check.reason = compared ? name + " is well" : "there is no incumbent";
      result.checks.push_back(check);
    }
    result.stations = {{"evaluate", 1.0, 0, false}};
    test::support(result);
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
    finding.region = RegionId(kRegion);
    finding.decision = Decision::violation;
    finding.sentence = std::string("Region ") + kRegion + " is bad.";
    check.findings = {finding};
    Region region;
    region.id = RegionId(kRegion);
    region.status = RegionStatus::new_bug;
    region.space = Space::codes;
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
    const auto promoted = app->actions().promote("digits", "1", "first", PromotionKind::promote, "ann");
    ASSERT_TRUE(promoted) << promoted.error().describe();
  }
  // Version 2 judged against it, and failed over one region.
  void with_failed_two() {
    auto bad = answer("2", "two", one());
    spoil(bad);
    give(bad);
    shelf.put("2", "two");
    ASSERT_TRUE(judged("two"));
    ASSERT_EQ(verdict("two")->verdict.state, VerdictState::fail);
  }
  ArtifactRef one() { return {Version("1"), Digest(digest("one")), "/registry/digits/1/model.pt"}; }
};

}  // namespace defuse
