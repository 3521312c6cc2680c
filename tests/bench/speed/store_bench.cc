// What tests/bench/speed/daemon.py times of the store against its number of rows: the questions that the HTTP API asks,
// and the write that ends a job, each on $DEFUSED_SPEED_DATA/store_<rows>.db as the Python side filled it.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/store/store.h"

namespace defuse {
namespace {

const ModelName kModel("digits");

Result<std::unique_ptr<Store>> open_store(std::int64_t rows, Store::Mode mode) {
  static const SystemClock clock;
  const char* folder = std::getenv("DEFUSED_SPEED_DATA");
  if (folder == nullptr) return fail(ErrorCode::not_found, "DEFUSED_SPEED_DATA is not set");
  return Store::open(std::string(folder) + "/store_" + std::to_string(rows) + ".db", mode, clock);
}

// Versions are named 0 to rows-1; a multiplier that has no factor in common with powers of ten visits them all.
Version some_version(std::int64_t turn, std::int64_t rows) { return Version(std::to_string(turn * 7919 % rows)); }

template <class Ask>
void time_reads(benchmark::State& state, std::int64_t rows, Ask&& ask) {
  const auto store = open_store(rows, Store::Mode::read_only);
  if (!store) return state.SkipWithError(store.error().describe().c_str());
  std::int64_t turn = 0;
  for (auto _ : state)
    if (const Result<void> answered = ask(**store, turn++); !answered)
      return state.SkipWithError(answered.error().describe().c_str());
}

// All that GET …/gate reads of a version that was judged (daemon/api/standing_lookup.cc).
void gate(benchmark::State& state, std::int64_t rows) {
  time_reads(state, rows, [&](Store& store, std::int64_t turn) -> Result<void> {
    TRY(incumbent, store.promotions.incumbent(kModel));
    TRY(waivers, store.waivers.of(kModel));
    TRY(version, store.versions.current(kModel, some_version(turn, rows)));
    if (!version) return fail(ErrorCode::not_found, "the store was filled otherwise");
    TRY(job, store.jobs.last_gate(kModel, version->digest));
    TRY(verdict, store.verdicts.latest(kModel, version->digest));
    benchmark::DoNotOptimize(incumbent);
    benchmark::DoNotOptimize(waivers);
    benchmark::DoNotOptimize(job);
    if (!verdict) return fail(ErrorCode::not_found, "the store was filled otherwise");
    return {};
  });
}

void versions(benchmark::State& state, std::int64_t rows) {
  time_reads(state, rows, [&](Store& store, std::int64_t) -> Result<void> {
    TRY(list, store.versions.of(kModel));
    benchmark::DoNotOptimize(list.data());
    return {};
  });
}

void regions(benchmark::State& state, std::int64_t rows) {
  time_reads(state, rows, [&](Store& store, std::int64_t) -> Result<void> {
    TRY(list, store.regions.of(kModel));
    benchmark::DoNotOptimize(list.data());
    return {};
  });
}

// The last transaction of a job: its state, its verdict with findings, the audit row; synced to disk.
void insert(benchmark::State& state, std::int64_t rows) {
  const auto store = open_store(rows, Store::Mode::read_write);
  if (!store) return state.SkipWithError(store.error().describe().c_str());
  const auto write = [&](const std::string& name) -> Result<void> {
    Candidate candidate;
    candidate.model = kModel;
    candidate.version = Version(name);
    candidate.digest = Digest("digest of " + name);
    TRY_OK((*store)->versions.put(candidate, "fingerprint"));
    TRY(id, (*store)->jobs.enqueue(kModel, candidate.version, candidate.digest, 0, {"bench", "job.queued", name}));
    TRY_OK((*store)->jobs.move(id, JobState::running, {}));
    VerdictRow row;
    row.model = kModel;
    row.version = candidate.version;
    row.digest = candidate.digest;
    row.verdict.state = VerdictState::fail;
    row.verdict.reason = "class 7 breaks";
    Finding finding;
    finding.id = "negative_flips/class/7";
    finding.check = "negative_flips";
    finding.subject = "class 7";
    finding.sentence = "12 images of class 7 break.";
    row.verdict.findings.assign(5, finding);
    return (*store)->verdicts.finish_job(id, JobState::done, row, {});
  };
  const auto run = std::to_string((*store)->jobs.newest(1).value_or(std::vector<JobRow>(1)).front().id);
  int turn = 0;
  for (auto _ : state)
    if (const auto done = write("new-" + run + "-" + std::to_string(turn++)); !done)
      return state.SkipWithError(done.error().describe().c_str());
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const std::int64_t rows : {1'000, 10'000, 100'000, 1'000'000}) {
    const auto add = [&](const char* what, void (*time)(benchmark::State&, std::int64_t)) {
      benchmark::RegisterBenchmark(("store/" + std::string(what) + "_" + std::to_string(rows)).c_str(), time, rows)
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime();
    };
    add("gate", gate);
    add("versions", versions);
    add("regions", regions);
    add("insert", insert);
  }
  return true;
}();

}  // namespace
}  // namespace defuse
