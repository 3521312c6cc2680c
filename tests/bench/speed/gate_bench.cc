// The floor of a gate: one model's forward passes over the test split and the probe set, by the same engine and from
// the same caches, and nothing else: no search, no check, no report. Reads the configuration and the cache that
// tests/bench/speed/gate.py has left behind a cold gate.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "config/config.h"
#include "core/base/progress.h"
#include "core/base/sha256.h"
#include "core/evaluate/evaluator.h"
#include "core/gate/stations.h"

namespace defuse {
namespace {
namespace fs = std::filesystem;

fs::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

Result<JobSpec> job_of(const fs::path& folder) {
  TRY(config, load_config(folder / "defused.yaml"));
  if (config.models.empty()) return fail(ErrorCode::invalid_input, "the configuration names no model");
  JobSpec job;
  job.settings = config.models.begin()->second;
  job.worker = config.worker;
  job.cache = folder / "cache";
  job.candidate.path = from_environment("DEFUSED_SPEED_CANDIDATE");
  TRY(digest, sha256_file(job.candidate.path));
  job.candidate.digest = Digest(std::move(digest));
  return job;
}

// Everything up to the passes, which are timed by the caller.
struct Prepared {
  NoProgress progress;
  std::optional<StageContext> context;
  std::optional<Splits> splits;
  std::optional<Generator> generator;
  std::optional<ProbeSet> probes;
  std::optional<LazyImages> images;
  std::optional<TorchModel> model;
};

Result<void> prepare(const JobSpec& job, Prepared& out) {
  out.context.emplace(StageContext{job, StationCache(job.cache), out.progress, {}});
  TRY(splits, open_splits(*out.context));
  out.splits.emplace(std::move(splits));
  TRY(generator, generator_of(*out.splits, *out.context));
  out.generator.emplace(std::move(generator));
  TRY(probes, probes_of(*out.generator, *out.splits, *out.context));
  out.probes.emplace(std::move(probes));
  out.images.emplace(*out.probes, *out.generator, *out.context);
  TRY_OK(out.images->get());
  TRY(model, TorchModel::load(job.candidate.path, job.settings.input, {.threads = job.worker.threads}));
  out.model.emplace(std::move(model));
  return {};
}

Result<void> pass(const JobSpec& job, Prepared& out) {
  TRY_OK(evaluate(*out.model, "floor", out.splits->test, out.splits->class_count(), out.progress));
  TRY(images, out.images->get());
  TRY_OK(evaluate_probes(*out.model, "floor", *images, out.splits->test, out.splits->train, job.worker.threads,
                         out.progress));
  return {};
}

void forward_passes(benchmark::State& state) {
  auto job = job_of(from_environment("DEFUSED_SPEED_GATE"));
  Prepared prepared;
  auto ready = job ? prepare(*job, prepared) : tl::unexpected<Error>(job.error());
  if (!ready) {
    state.SkipWithError(ready.error().describe().c_str());
    return;
  }
  for (auto _ : state) {
    if (const auto passed = pass(*job, prepared); !passed) state.SkipWithError(passed.error().describe().c_str());
  }
  const auto& images = **prepared.images->get();
  state.counters["seeds"] = static_cast<double>(prepared.probes->seeds.size());
  state.counters["generated"] = static_cast<double>(images.size());
  state.counters["kept"] = images.kept() ? 1 : 0;
}
BENCHMARK(forward_passes)->Name("gate/forward_passes")->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace defuse
