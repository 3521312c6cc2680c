// pages-store REGISTRY STATE: a registry with one line of 1,000 versions and 20 small ones, and a store as such a life
// would leave it: everything judged, 10,000 regions with scores on the last 12 versions, jobs, waivers, people's words,
// audit rows. All through the Store itself, so that pages are timed on what the daemon would have written.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/registry/filesystem_source.h"
#include "core/registry/identify.h"
#include "core/store/store.h"
#include "tests/bench/pages/report.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

constexpr int kVersions = 1000, kSmallModels = 20, kSmallVersions = 5;
constexpr int kRegions = 10'000, kScoredVersions = 12;
constexpr int kJobs = 2000, kWaivers = 300, kAuditRows = 5000, kLabelled = 2000;

// Time as it would have passed: an hour from one thing to the next, up to now.
class PassingClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void pass(std::chrono::milliseconds time) { now_ += time; }

 private:
  TimePoint now_ = SystemClock().now() - std::chrono::hours(24 * 49);
};

template <class T>
auto must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "pages-store: %s\n", result.error().describe().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void write_version(const fs::path& folder) {
  fs::create_directories(folder);
  std::ofstream(folder / "model.pt") << folder.string();
  std::ofstream(folder / "READY");
}

RegionId region_id(int index) {
  char text[32];
  std::snprintf(text, sizeof text, "r-%012x", static_cast<unsigned>(index));
  return RegionId(std::string(text));
}

Finding finding_of(const std::string& check, const std::string& name, double value, Decision decision) {
  Finding finding;
  finding.id = check + "/" + name;
  finding.check = check;
  finding.subject = name;
  finding.decision = decision;
  finding.value = value;
  finding.incumbent_value = 0.97;
  finding.limit = 0.02;
  finding.lower = value / 2;
  finding.upper = value;
  finding.n = 1000;
  finding.p = finding.p_adjusted = 0.01;
  finding.sentence = "On 42 of 250 images of " + name +
                     " (16.8 %) the old model was right and the new one is wrong; the limit is 10 %.";
  return finding;
}

Verdict verdict_of(int index) {
  Verdict verdict;
  const bool fails = index % 3 == 0;
  verdict.state = fails ? VerdictState::fail : VerdictState::pass;
  verdict.reason = fails ? "Must not be promoted. negative_flips: too many images break." : "May be promoted.";
  verdict.reasons = {verdict.reason};
  for (const char* check :
       {"contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions", "spotlight"})
    verdict.checks.push_back({check, CheckMode::block, verdict.state, verdict.reason});
  verdict.findings.push_back(finding_of("accuracy", "overall", 0.95 + 0.0001 * (index % 300), Decision::ok));
  verdict.findings.push_back(finding_of("negative_flips", "overall", 0.001 * (index % 20), Decision::ok));
  for (int k = 0; k < 10; ++k) {
    const auto name = "class/" + std::to_string(k);
    verdict.findings.push_back(finding_of("accuracy", name, 0.95, Decision::ok));
    verdict.findings.push_back(
        finding_of("negative_flips", name, 0.02, fails && k == 7 ? Decision::violation : Decision::ok));
  }
  return verdict;
}

NewRegion region_of(int index, int version) {
  constexpr RegionStatus kStatus[] = {RegionStatus::new_bug, RegionStatus::worse, RegionStatus::inherited,
                                      RegionStatus::fixed, RegionStatus::suspected};
  NewRegion made;
  auto& region = made.region;
  region.id = region_id(index);
  region.status = kStatus[(index + version) % 5];
  region.space = Space::codes;
  region.evidence = RegionEvidence::both;
  region.center.assign(32, 0.25F);
  region.radius = 2;
  region.label = index % 10;
  region.predicted_as = (index + 1) % 10;
  region.confirm.seeds = 20 + index % 60;
  region.confirm.candidate_error = 0.01 * (index % 97);
  region.confirm.candidate_interval = {0.1, 0.9};
  for (std::uint32_t seed = 0; seed < 60; ++seed) region.members.push_back({seed * 7, 0.5});
  for (int i = 0; i < 12; ++i) {
    RegionSample sample;
    sample.kind = i % 2 == 0 ? ImageKind::real : ImageKind::generated;
    sample.index = static_cast<std::uint32_t>(i);
    sample.candidate_predicted = region.predicted_as;
    sample.incumbent_predicted = region.label;
    sample.picture = picture_name(region.label, i);
    region.samples.push_back(std::move(sample));
  }
  region.sentence =
      "Images that look like these are now read as another class: of 31 held-back images the new model gets 29 wrong.";
  return made;
}

// Where its report lies, relative to the state folder.
fs::path judge(Store& store, PassingClock& clock, const Candidate& version, int index,
               const std::vector<NewRegion>& regions, const std::string& waiver) {
  const auto name = version.model + "/" + version.version;
  const auto id =
      must(store.jobs.enqueue(version.model, version.version, version.digest, 0, {"daemon", "job.queued", name}));
  must(store.jobs.move(id, JobState::running, {}));
  clock.pass(std::chrono::minutes(1));
  VerdictRow row;
  row.model = version.model;
  row.version = version.version;
  row.digest = version.digest;
  row.created = clock.now();
  row.verdict = verdict_of(index);
  for (auto& finding : row.verdict.findings)
    if (finding.decision == Decision::violation) finding.waiver = waiver;
  row.report = "reports/" + name + "/" + std::to_string(id);
  must(store.verdicts.finish_job(id, JobState::done, row, regions));
  return row.report;
}

std::string waive(Store& store, PassingClock& clock, int index) {
  Waiver waiver;
  waiver.model = ModelName(index % 5 == 4 ? "small-0" + std::to_string(1 + index % 9) : "digits");
  waiver.finding = index % 2 == 0 ? region_id(index).str() : "negative_flips/class/" + std::to_string(index % 10);
  if (index % 3 == 0) waiver.versions = {std::to_string(900 + index % 100)};
  waiver.reason = "known, and repaired in the next release";
  waiver.ticket = "ML-" + std::to_string(index);
  waiver.approved_by = "ann";
  waiver.created = clock.now();
  waiver.expires = clock.now() + std::chrono::hours(24 * (1 + index % 90));
  return must(store.waivers.add(waiver, "ann"));
}

void people(Store& store, PassingClock& clock) {
  for (int i = 0; i < kWaivers; ++i) {
    const auto id = waive(store, clock, i);
    if (i % 6 == 0) must(store.waivers.remove(id, "bob"));
    clock.pass(std::chrono::minutes(5));
  }
  for (int i = 0; i < kLabelled; ++i) {
    must(store.regions.label(region_id(i), "confirmed", "ann", ""));
    if (i % 2 == 0) must(store.regions.label(region_id(i), i % 4 == 0 ? "confirmed" : "ambiguous", "bob", ""));
  }
}

int fill(const fs::path& registry, const fs::path& state) {
  for (int i = 1; i <= kVersions; ++i) write_version(registry / "digits" / std::to_string(i));
  for (int m = 1; m <= kSmallModels; ++m)
    for (int i = 1; i <= kSmallVersions; ++i)
      write_version(registry / ("small-" + std::string(m < 10 ? "0" : "") + std::to_string(m)) / std::to_string(i));
  PassingClock clock;
  const SystemClock today;
  FilesystemSource source(registry, Readiness::automatic, std::chrono::milliseconds(0), today);
  const auto snapshot = must(source.poll());
  auto store = must(Store::open(state / "defused.db", Store::Mode::read_write, clock));
  int index = 0;
  std::string waiver;
  std::vector<Candidate> known;
  for (const auto& entry : snapshot.entries) {
    auto version = must(identify(entry, today));
    version.seen_at = clock.now();
    must(store->versions.put(version, entry.fingerprint));
    clock.pass(std::chrono::hours(1));
    const int number = std::atoi(version.version.str().c_str());
    const bool scored = version.model == "digits" && number > kVersions - kScoredVersions;
    std::vector<NewRegion> regions;
    for (int i = 0; scored && i < kRegions; ++i) regions.push_back(region_of(i, number));
    if (version.model == "digits" && number % 100 == 1) waiver = waive(*store, clock, 45);
    const auto report = judge(*store, clock, version, index++, regions, waiver);
    if (version.model == "digits" && number == kVersions) {
      std::vector<Region> shown;
      for (std::size_t i = 0; i < 100; ++i) shown.push_back(regions[i].region);
      write_documents(state / report, shown);
    }
    if (version.version == "1" || (version.model == "digits" && number % 250 == 0))
      must(store->promotions.promote(version.model, version.version, version.digest,
                                     number % 500 == 0 ? PromotionKind::override_verdict : PromotionKind::promote,
                                     "ann", "needed today"));
    known.push_back(std::move(version));
  }
  people(*store, clock);
  for (int i = 0; must(store->jobs.page(0, 1)).total < kJobs; ++i) {
    const auto& version = known[static_cast<std::size_t>(i) % known.size()];
    const auto id = must(
        store->jobs.enqueue(version.model, version.version, version.digest, 0, {"ann", "evaluate", version.version}));
    must(store->jobs.move(id, JobState::cancelled, {}));
  }
  while (must(store->audit.rows(0, 1)).front().id < kAuditRows) must(store->audit.add({"ann", "look", "digits"}));
  std::printf("%d versions, %d regions, %d jobs\n", index, kRegions, kJobs);
  return 0;
}

}  // namespace
}  // namespace defuse

int main(int argc, char** argv) {
  if (argc == 3) return defuse::fill(argv[1], argv[2]);
  std::fprintf(stderr, "usage: pages-store REGISTRY STATE\n");
  return 2;
}
