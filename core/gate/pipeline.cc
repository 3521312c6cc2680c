#include "core/gate/pipeline.h"

#include <algorithm>
#include <chrono>
#include <future>

#include "core/gate/map_station.h"
#include "core/gate/pictures.h"
#include "core/gate/region_station.h"
#include "core/gate/siblings.h"
#include "core/gate/stations.h"
#include "core/regions/identity.h"
#include "core/slices/spotlight_search.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

// What the stations found so far. Optional means "could not be made", and the reason stands beside it.
struct Findings {
  ContractFacts contract;
  std::optional<Evaluation> candidate;
  std::optional<Evaluation> incumbent;
  std::string incumbent_problem;
  std::optional<Comparison> comparison;
  std::optional<NoiseFloor> noise_floor;
  std::optional<Generator> generator;
  std::optional<ProbeSet> probes;
  std::optional<ProbeEvaluation> candidate_answers;
  std::optional<ProbeEvaluation> incumbent_answers;
  std::optional<GeneratorHealth> health;
  std::optional<std::vector<Region>> regions;
  std::string regions_problem = "the candidate could not be run";
  std::optional<SpotlightSearch> spotlights;
  std::string spotlights_problem = "the candidate could not be run";
  std::vector<KnownRegion> known_regions;
  std::vector<RegionSample> flips;
  std::optional<VersionMap> map;
};

std::int64_t blocking_statistical(std::span<const std::unique_ptr<Check>> checks) {
  return std::max<std::int64_t>(1, std::count_if(checks.begin(), checks.end(), [](const auto& check) {
                                  return check->info().statistical && check->mode() == CheckMode::block;
                                }));
}

// Station 2a: does the candidate keep its contract, and what does it answer on the test split? What goes wrong with the
// model itself is a fact for the contract check; only what goes wrong around it is an error.
Result<void> try_candidate(LazyModel& model, const Splits& splits, StageContext& context, Findings& found) {
  auto& facts = found.contract;
  facts.classes_expected = splits.class_count();
  facts.classes = splits.classes;
  facts.labels = context.job.candidate_labels;
  std::error_code ignored;
  const auto size = fs::file_size(context.job.candidate.path, ignored);
  facts.size_bytes = ignored ? 0 : size;
  auto loaded = [&] {
    StationTimer timer(context, "load");
    return model.get();
  }();
  if (!loaded) {
    // The file is gone or another one: nothing can be said about the version that was asked for.
    if (loaded.error().code == ErrorCode::unavailable || loaded.error().code == ErrorCode::io ||
        loaded.error().code == ErrorCode::not_found)
      return tl::unexpected(loaded.error());
    facts.load_error = loaded.error().describe();
    return {};
  }
  facts.loaded = true;
  {
    StationTimer timer(context, "contract");
    inspect(**loaded, splits.test, facts);
  }
  if (!facts.ran) return {};
  auto evaluation = evaluation_of(model, splits, "evaluate", context);
  if (!evaluation) {
    if (evaluation.error().code != ErrorCode::invalid_input) return tl::unexpected(evaluation.error());
    facts.run_error = evaluation.error().describe();
    return {};
  }
  facts.images = static_cast<std::int64_t>(evaluation->size());
  facts.not_finite = std::count(evaluation->predicted.begin(), evaluation->predicted.end(), -1);
  found.candidate = std::move(*evaluation);
  return {};
}

// Station 2b: the incumbent on the same images. One that cannot be run any more makes every comparison an error, never
// a pass.
Result<void> recall_incumbent(LazyModel& model, const Splits& splits, double alpha, StageContext& context,
                              Findings& found) {
  auto evaluation = evaluation_of(model, splits, "evaluate_incumbent", context);
  if (!evaluation) {
    if (evaluation.error().code == ErrorCode::cancelled || evaluation.error().code == ErrorCode::exhausted)
      return tl::unexpected(evaluation.error());
    found.incumbent_problem = "the incumbent could not be run: " + evaluation.error().describe();
    return {};
  }
  TRY(comparison,
      compare(splits.test.labels(), evaluation->predicted, found.candidate->predicted, splits.class_count()));
  TRY(floor, floor_of(*evaluation, splits, alpha, context));
  if (floor && floor->made()) place_flips(*floor, comparison);
  found.noise_floor = std::move(floor);
  found.incumbent = std::move(*evaluation);
  found.comparison = std::move(comparison);
  return {};
}

struct TimedSpotlights {
  Result<SpotlightSearch> search;
  double seconds = 0;
};

// Station 3 asked of the candidate's own last hidden layer and of losses. It is one thread's work and needs nothing of
// the search for regions, so it goes on beside that; where no thread is to be had, it is done when it is asked for.
std::future<TimedSpotlights> start_spotlights(const SpotlightSettings& wanted, double alpha, const ProbeSet& probes,
                                              const ProbeEvaluation& candidate, const ProbeEvaluation& incumbent) {
  SpotlightSearchSettings search{.alpha = alpha, .spotlight = {}};
  search.spotlight.spotlights = wanted.spotlights;
  search.spotlight.share = wanted.share;
  return std::async(std::launch::async | std::launch::deferred,
                    [search, &probes, &candidate, &incumbent]() -> TimedSpotlights {
                      const auto started = std::chrono::steady_clock::now();
                      auto found = search_spotlights(probes, candidate, incumbent, search);
                      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
                      return {std::move(found), taken.count()};
                    });
}

// A search that cannot be made is a fact for the check.
void take_spotlights(std::future<TimedSpotlights> running, StageContext& context, Findings& found) {
  auto done = running.get();
  context.times.push_back({"spotlight", done.seconds, context.times.back().peak_memory, false});
  if (done.search)
    found.spotlights = std::move(*done.search);
  else
    found.spotlights_problem = done.search.error().message;
}

// Stations 2c and 3: generated images, both models' answers on them, and the regions and groups where the candidate
// fails or got worse.
Result<void> find_regions(LazyModel& candidate, LazyModel* incumbent, const Splits& splits, double alpha,
                          StageContext& context, Findings& found) {
  const auto& settings = context.job.settings;
  TRY(generator, generator_of(splits, context));
  TRY(probes, probes_of(generator, splits, context));
  LazyImages images(probes, generator, context);
  TRY(candidate_answers, answers_of(candidate, images, splits, "answers", context));
  std::optional<ProbeEvaluation> incumbent_answers;
  if (incumbent != nullptr && found.incumbent) {
    TRY(answers, answers_of(*incumbent, images, splits, "answers_incumbent", context));
    incumbent_answers = std::move(answers);
  }
  TRY(health, judge_generator(generator, probes, incumbent_answers ? *incumbent_answers : candidate_answers,
                              settings.generator));
  const auto& wanted = settings.checks.misclassification_regions;
  std::future<TimedSpotlights> spotlights;
  if (settings.checks.spotlight.mode != CheckMode::off && incumbent_answers)
    spotlights = start_spotlights(settings.checks.spotlight, alpha, probes, candidate_answers, *incumbent_answers);
  auto search = search_settings(wanted, alpha, context.job.worker.threads);
  if (found.noise_floor && incumbent_answers)
    TRY_OK(search_siblings(*found.noise_floor, images, *incumbent_answers, health.usable, splits, context, search));
  {
    StationTimer timer(context, "regions");
    const RegionPair pair{probes, candidate_answers, incumbent_answers ? &*incumbent_answers : nullptr, health.usable,
                          static_cast<int>(splits.class_count())};
    TRY(regions, regions_between(pair, wanted, search, settings.seed));
    if (found.noise_floor) place_regions(*found.noise_floor, regions, search);
    assign_ids(context.job.model, probes.digest, /*earlier=*/{}, regions);
    found.regions = std::move(regions);
  }
  if (spotlights.valid()) take_spotlights(std::move(spotlights), context, found);
  found.generator = std::move(generator);
  found.probes = std::move(probes);
  found.candidate_answers = std::move(candidate_answers);
  found.incumbent_answers = std::move(incumbent_answers);
  found.health = std::move(health);
  return {};
}

// Station 4b: each check sees all of it and says what it concludes.
std::vector<CheckResult> run_checks(std::span<const std::unique_ptr<Check>> checks, const Splits& splits, double alpha,
                                    const StageContext& context, const Findings& found) {
  const auto pointer = [](const auto& optional) { return optional ? &*optional : nullptr; };
  const CheckInput input{
      .contract = &found.contract,
      .test_labels = splits.test.labels(),
      .classes = splits.classes,
      .candidate = pointer(found.candidate),
      .incumbent = pointer(found.incumbent),
      .incumbent_problem = found.incumbent_problem,
      .comparison = pointer(found.comparison),
      .regions = pointer(found.regions),
      .regions_problem = found.regions_problem,
      .spotlights = pointer(found.spotlights),
      .spotlights_problem = found.spotlights_problem,
      .generator = pointer(found.health),
      .probes = pointer(found.probes),
      .noise_floor = pointer(found.noise_floor),
      .known_regions = found.candidate || context.job.known_regions.empty() ? &found.known_regions : nullptr,
      .alpha = alpha,
      .confidence_alpha = context.job.settings.alpha};
  std::vector<CheckResult> results;
  for (const auto& check : checks) results.push_back(check->run(input));
  return results;
}

// Station 5a: the probe set as a picture, with what the models make of it. Nothing depends on it, so a map that cannot
// be made is left out; only being stopped is an error.
Result<void> draw_latent_map(const Splits& splits, const fs::path& folder, StageContext& context, Findings& found) {
  if (!found.probes || !found.candidate_answers) return {};
  const auto stored = map_of(*found.probes, splits, context);
  if (!stored && stored.error().code == ErrorCode::cancelled) return tl::unexpected(stored.error());
  if (!stored) return {};
  auto map = version_map(stored->map, *found.probes, *found.candidate_answers,
                         found.incumbent_answers ? &*found.incumbent_answers : nullptr,
                         found.regions.value_or(std::vector<Region>()));
  TRY(drawn, draw_map(*stored, std::move(map), folder));
  found.map = std::move(drawn);
  return {};
}

double accuracy(const Evaluation& evaluation, std::span<const std::int32_t> labels) {
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += evaluation.predicted[i] == labels[i];
  return labels.empty() ? 0 : static_cast<double>(right) / static_cast<double>(labels.size());
}

// Error rates of the candidate side by side, on x, D(mean) and plausible D(mean + noise): only what the last adds to
// the one before is the search's doing (methods, Defuse 3.3).
void note_error_rates(const Findings& found, WorkerResult& result) {
  if (!found.probes || !found.candidate_answers) return;
  const auto& probes = *found.probes;
  const auto& answers = *found.candidate_answers;
  double real = 0, reconstructed = 0, perturbed = 0, seeds = 0, kept = 0;
  const auto draws = static_cast<std::size_t>(probes.draws);
  for (std::size_t s = 0; s < probes.seeds.size(); ++s) {
    const auto& seed = probes.seeds[s];
    if (seed.split != Split::test) continue;
    seeds += 1;
    real += answers.real[s] != seed.label;
    reconstructed += answers.reconstructed[s] != seed.label;
    for (std::size_t q = s * draws; q < (s + 1) * draws; ++q) {
      if (!probes.plausible[q]) continue;
      kept += 1;
      perturbed += answers.perturbed[q] != seed.label;
    }
  }
  if (seeds > 0) result.error_real = real / seeds;
  if (seeds > 0) result.error_reconstructed = reconstructed / seeds;
  if (kept > 0) result.error_perturbed = perturbed / kept;
}

WorkerResult assemble(const JobSpec& job, const Splits& splits, StageContext& context, Findings found,
                      std::vector<CheckResult> checks) {
  WorkerResult result;
  result.job = job.id;
  result.model = job.model;
  result.candidate = job.candidate;
  result.incumbent = job.incumbent;
  result.code_version = kCodeVersion;
  result.classes = splits.classes;
  result.test_digest = splits.test.digest();
  result.test_images = static_cast<std::int64_t>(splits.test.size());
  if (found.probes) {
    result.probe_digest = found.probes->digest;
    result.seeds = static_cast<std::int64_t>(found.probes->seeds.size());
    result.draws = found.probes->draws;
  }
  if (found.candidate) result.candidate_accuracy = accuracy(*found.candidate, splits.test.labels());
  if (found.incumbent) result.incumbent_accuracy = accuracy(*found.incumbent, splits.test.labels());
  note_error_rates(found, result);
  if (found.candidate) {
    const std::span<const std::int32_t> before =
        found.incumbent ? std::span<const std::int32_t>(found.incumbent->predicted) : std::span<const std::int32_t>();
    if (auto counts = confusion(splits.test.labels(), before, found.candidate->predicted, splits.class_count()))
      result.confusion = std::move(*counts);
  }
  result.comparison = std::move(found.comparison);
  result.flips = std::move(found.flips);
  result.map = std::move(found.map);
  result.generator = std::move(found.health);
  result.noise_floor = std::move(found.noise_floor);
  result.contract = std::move(found.contract);
  result.checks = std::move(checks);
  if (found.regions) result.regions = std::move(*found.regions);
  result.stations = std::move(context.times);
  result.machine = describe_machine(job.worker.threads);
  return result;
}

}  // namespace

Result<WorkerResult> run_pipeline(const JobSpec& job, std::span<const std::unique_ptr<Check>> checks,
                                  const fs::path& folder, Progress& progress) {
  StageContext context{job, StationCache(job.cache), progress, {}};
  Findings found;

  TRY(splits, open_splits(context));  // 1  data, checked and mapped
  const double alpha =
      level_of(job.settings, job.history, splits.test.digest()) / static_cast<double>(blocking_statistical(checks));
  LazyModel candidate(job.candidate, context);
  TRY_OK(try_candidate(candidate, splits, context, found));  // 2a contract, logits, embeddings
  std::optional<LazyModel> incumbent;
  if (job.incumbent) incumbent.emplace(*job.incumbent, context);
  if (found.candidate) {
    if (incumbent) TRY_OK(recall_incumbent(*incumbent, splits, alpha, context, found));  // 2b from the cache, mostly
    LazyModel* old = found.incumbent ? &*incumbent : nullptr;
    if (job.settings.checks.misclassification_regions.mode != CheckMode::off) {
      const auto searched = find_regions(candidate, old, splits, alpha, context, found);  // 2c probes, 3 regions
      if (!searched) {
        if (searched.error().code == ErrorCode::cancelled || searched.error().code == ErrorCode::exhausted)
          return tl::unexpected(searched.error());
        found.regions_problem = searched.error().describe();
      }
    }
    if (!found.candidate_answers || !found.incumbent_answers)
      found.spotlights_problem = job.settings.checks.misclassification_regions.mode == CheckMode::off
                                     ? "it needs the seed images of misclassification_regions, and that check is off"
                                     : found.regions_problem;
    found.known_regions = known_regions_of(candidate, old, splits, context);  // 4a frozen tests
    // 2d  Once more, after all that: a model that tires, or answers well in large batches only, is found out.
    TRY(tried, candidate.get());
    ask_again(*tried, splits.test, *found.candidate, found.contract);
  }
  auto results = run_checks(checks, splits, alpha, context, found);  // 4b
  TRY_OK(draw_latent_map(splits, folder, context, found));           // 5a read, mostly
  {
    StationTimer timer(context, "pictures");  // 5  what people look at
    if (found.regions && found.candidate_answers) {
      const PictureInput input{splits, *found.probes, *found.generator, *found.candidate_answers,
                               found.incumbent_answers ? &*found.incumbent_answers : nullptr};
      TRY_OK(draw_regions(*found.regions, input, context, folder));
    }
    if (found.comparison) {
      TRY(flips, draw_flips(*found.comparison, *found.candidate, *found.incumbent, splits, folder));
      found.flips = std::move(flips);
    }
  }
  return assemble(job, splits, context, std::move(found), std::move(results));
}

}  // namespace defuse
