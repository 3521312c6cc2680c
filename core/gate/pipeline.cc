// The whole method on one page: `run_pipeline` at the end names the stations top to bottom. Each is a function that
// takes what came before and returns a plain value, which no later one changes.
#include "core/gate/pipeline.h"

#include <algorithm>
#include <chrono>
#include <future>

#include "core/gate/keys.h"
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

// A thing, or why there is none. That is a fact for the checks, unlike an Error, which ends the gate without a result.
template <class T>
using OrReason = tl::expected<T, std::string>;

tl::unexpected<std::string> none(std::string reason) { return tl::unexpected<std::string>(std::move(reason)); }

template <class T>
const T* pointer(const std::optional<T>& value) {
  return value ? &*value : nullptr;
}
template <class T>
const T* pointer(const OrReason<T>& value) {
  return value ? &*value : nullptr;
}
template <class T>
std::string reason(const OrReason<T>& value) {
  return value ? std::string() : value.error();
}

// This candidate's level, for one of the blocking checks that share it.
double level_of_a_check(const JobSpec& job, std::span<const std::unique_ptr<Check>> checks, const Splits& splits) {
  const auto sharing = std::count_if(checks.begin(), checks.end(), [](const auto& check) {
    return check->info().statistical && check->mode() == CheckMode::block;
  });
  return level_of(job.settings, job.history, splits.test.digest()) /
         static_cast<double>(std::max<std::ptrdiff_t>(1, sharing));
}

// -- 2a: does the candidate keep its contract, and what does it answer on the test split?

struct Trial {
  ContractFacts contract;
  std::optional<Evaluation> evaluation;  // none: the contract says why
};

// What goes wrong with the model itself is a fact for the contract check; only what goes wrong around it is an error.
Result<Trial> try_candidate(LazyModel& model, const Splits& splits, StageContext& context) {
  Trial trial;
  auto& facts = trial.contract;
  facts.classes_expected = splits.class_count();
  facts.classes = splits.classes;
  facts.labels = context.job.candidate_labels;
  std::error_code unknown;  // a file that is not there cannot be loaded either, and that is told below
  const auto size = fs::file_size(context.job.candidate.path, unknown);
  facts.size_bytes = unknown ? 0 : size;
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
    return trial;
  }
  facts.loaded = true;
  {
    StationTimer timer(context, "contract");
    facts = inspect(**loaded, splits.test, std::move(facts));
  }
  if (!facts.ran) return trial;
  auto evaluation = evaluation_of(model, splits, "evaluate", context);
  if (!evaluation) {
    if (evaluation.error().code != ErrorCode::invalid_input) return tl::unexpected(evaluation.error());
    facts.run_error = evaluation.error().describe();
    return trial;
  }
  facts.images = static_cast<std::int64_t>(evaluation->size());
  facts.not_finite = std::count(evaluation->predicted.begin(), evaluation->predicted.end(), -1);
  trial.evaluation = std::move(*evaluation);
  return trial;
}

// -- 2b: the incumbent on the same images

struct Baseline {
  Evaluation evaluation;
  Comparison comparison;
  std::optional<NoiseFloor> noise_floor;  // none configured: nullopt
};

// One that cannot be run any more makes every comparison an error, never a pass. The reason is empty where there is
// nothing to compare: no incumbent, or no answers of the candidate.
Result<OrReason<Baseline>> recall_incumbent(std::optional<LazyModel>& model, const Trial& trial, const Splits& splits,
                                            double alpha, StageContext& context) {
  if (!model || !trial.evaluation) return OrReason<Baseline>(none(""));
  auto evaluation = evaluation_of(*model, splits, "evaluate_incumbent", context);
  if (!evaluation) {
    if (stops_the_gate(evaluation.error())) return tl::unexpected(evaluation.error());
    return OrReason<Baseline>(none("the incumbent could not be run: " + evaluation.error().describe()));
  }
  TRY(comparison,
      compare(splits.test.labels(), evaluation->predicted, trial.evaluation->predicted, splits.class_count()));
  TRY(floor, floor_of(*evaluation, splits, alpha, context));
  if (floor && floor->made()) floor = with_flips_placed(std::move(*floor), comparison);
  return OrReason<Baseline>(Baseline{std::move(*evaluation), std::move(comparison), std::move(floor)});
}

// -- 2c and 3: real and generated images, both models' answers on them, and where the candidate fails or got worse

struct RegionSearch {
  Generator generator;
  ProbeSet probes;
  ProbeEvaluation candidate;
  std::optional<ProbeEvaluation> incumbent;
  GeneratorHealth health;
  std::vector<Region> regions;
  OrReason<SpotlightSearch> spotlights;
  std::optional<NoiseFloor> noise_floor;
};

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

OrReason<SpotlightSearch> end_spotlights(std::future<TimedSpotlights> running, StageContext& context) {
  if (!running.valid()) return none("there is no incumbent to compare with");
  auto done = running.get();
  context.times.push_back({"spotlight", done.seconds, context.times.back().peak_memory, false});
  if (!done.search) return none(done.search.error().message);
  return std::move(*done.search);
}

Result<RegionSearch> search(LazyModel& candidate, LazyModel* incumbent, const std::optional<NoiseFloor>& counted,
                            const Splits& splits, double alpha, StageContext& context) {
  const auto& settings = context.job.settings;
  const auto& wanted = settings.checks.misclassification_regions;
  TRY(generator, generator_of(splits, context));
  TRY(probes, probes_of(generator, splits, context));
  LazyImages images(probes, generator, context);
  TRY(answers, answers_of(candidate, images, splits, "answers", context));
  std::optional<ProbeEvaluation> before;
  if (incumbent != nullptr) {
    TRY(incumbent_answers, answers_of(*incumbent, images, splits, "answers_incumbent", context));
    before = std::move(incumbent_answers);
  }
  TRY(health, judge_generator(generator, probes, before ? *before : answers, settings.generator));
  std::future<TimedSpotlights> spotlights;
  if (settings.checks.spotlight.mode != CheckMode::off && before)
    spotlights = start_spotlights(settings.checks.spotlight, alpha, probes, answers, *before);
  const auto configured = search_settings(wanted, alpha, context.job.worker.threads);
  auto floor = counted;
  if (floor && before) {
    TRY(searched, search_siblings(std::move(*floor), images, *before, health.usable, splits, context, configured));
    floor = std::move(searched);
  }
  const auto limits = floor ? within(*floor, configured) : configured;
  auto regions = [&]() -> Result<std::vector<Region>> {
    StationTimer timer(context, "regions");
    const RegionPair pair{probes, answers, pointer(before), health.usable, static_cast<int>(splits.class_count())};
    TRY(found, regions_between(pair, wanted, limits, settings.seed));
    if (floor) floor = with_regions_placed(std::move(*floor), found, limits);
    assign_ids(context.job.model, probes.digest, /*earlier=*/{}, found);
    return found;
  }();
  if (!regions) return tl::unexpected(std::move(regions.error()));
  auto groups = end_spotlights(std::move(spotlights), context);
  return RegionSearch{std::move(generator), std::move(probes),   std::move(answers), std::move(before),
                      std::move(health),    std::move(*regions), std::move(groups),  std::move(floor)};
}

// A search that could not be made is a fact for the checks that need it.
Result<OrReason<RegionSearch>> find_regions(LazyModel& candidate, std::optional<LazyModel>& incumbent,
                                            const Trial& trial, const OrReason<Baseline>& baseline,
                                            const Splits& splits, double alpha, StageContext& context) {
  if (!trial.evaluation) return OrReason<RegionSearch>(none("the candidate could not be run"));
  if (context.job.settings.checks.misclassification_regions.mode == CheckMode::off)
    return OrReason<RegionSearch>(none("it needs the seed images of misclassification_regions, and that check is off"));
  auto found = search(candidate, baseline ? &*incumbent : nullptr, baseline ? baseline->noise_floor : std::nullopt,
                      splits, alpha, context);
  if (found) return OrReason<RegionSearch>(std::move(*found));
  if (stops_the_gate(found.error())) return tl::unexpected(found.error());
  return OrReason<RegionSearch>(none(found.error().describe()));
}

// The baseline's, with what the search added to it.
const NoiseFloor* noise_floor_of(const OrReason<Baseline>& baseline, const OrReason<RegionSearch>& search) {
  if (search && search->noise_floor) return &*search->noise_floor;
  return baseline ? pointer(baseline->noise_floor) : nullptr;
}

// -- 4: each check sees all of it and says what it concludes

std::vector<CheckResult> run_checks(std::span<const std::unique_ptr<Check>> checks, const CheckInput& input) {
  std::vector<CheckResult> results;
  for (const auto& check : checks) results.push_back(check->run(input));
  return results;
}

// -- 5: what people look at

// The probe set as a picture, with what the models make of it. Nothing depends on it, so a map that cannot be made is
// left out; only being stopped is an error.
Result<std::optional<VersionMap>> draw_latent_map(const OrReason<RegionSearch>& search, const Splits& splits,
                                                  const fs::path& folder, StageContext& context) {
  if (!search) return std::optional<VersionMap>();
  const auto stored = map_of(search->probes, splits, context);
  if (!stored && stored.error().code == ErrorCode::cancelled) return tl::unexpected(stored.error());
  if (!stored) return std::optional<VersionMap>();
  auto map = version_map(stored->map, search->probes, search->candidate, pointer(search->incumbent), search->regions);
  TRY(drawn, draw_map(*stored, std::move(map), folder));
  return std::optional(std::move(drawn));
}

struct Pictures {
  std::vector<Region> regions;  // those of the search, with their samples
  std::vector<RegionSample> flips;
};

Result<Pictures> draw_pictures(const Trial& trial, const OrReason<Baseline>& baseline,
                               const OrReason<RegionSearch>& search, const Splits& splits, const fs::path& folder,
                               StageContext& context) {
  StationTimer timer(context, "pictures");
  Pictures pictures;
  if (search) {
    const PictureInput input{splits, search->probes, search->generator, search->candidate, pointer(search->incumbent)};
    TRY(drawn, draw_regions(search->regions, input, context, folder));
    pictures.regions = std::move(drawn);
  }
  if (baseline) {
    TRY(flips, draw_flips(baseline->comparison, *trial.evaluation, baseline->evaluation, splits, folder));
    pictures.flips = std::move(flips);
  }
  return pictures;
}

// -- 6: the result

std::optional<double> accuracy(const Evaluation* evaluation, std::span<const std::int32_t> labels) {
  if (evaluation == nullptr) return std::nullopt;
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += evaluation->predicted[i] == labels[i];
  return labels.empty() ? 0 : static_cast<double>(right) / static_cast<double>(labels.size());
}

struct ErrorRates {
  double real = kNone, reconstructed = kNone, perturbed = kNone;
};

// Of the candidate side by side, on x, D(mean) and plausible D(mean + noise): only what the last adds to the one before
// is the search's doing (methods, Defuse 3.3).
ErrorRates error_rates(const OrReason<RegionSearch>& search) {
  if (!search) return {};
  const auto& probes = search->probes;
  const auto& answers = search->candidate;
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
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : kNone; };
  return {share(real, seeds), share(reconstructed, seeds), share(perturbed, kept)};
}

std::optional<Confusion> confusion_of(const Trial& trial, const OrReason<Baseline>& baseline, const Splits& splits) {
  if (!trial.evaluation) return std::nullopt;
  const auto before =
      baseline ? std::span<const std::int32_t>(baseline->evaluation.predicted) : std::span<const std::int32_t>();
  auto counts = confusion(splits.test.labels(), before, trial.evaluation->predicted, splits.class_count());
  return counts ? std::optional(std::move(*counts)) : std::nullopt;
}

template <class T>
std::optional<T> copy(const T* value) {
  return value != nullptr ? std::optional<T>(*value) : std::nullopt;
}

}  // namespace

Result<WorkerResult> run_pipeline(const JobSpec& job, std::span<const std::unique_ptr<Check>> checks,
                                  const fs::path& folder, Progress& progress) {
  StageContext context{job, StationCache(job.cache), progress, {}};

  TRY(splits, open_splits(context));  // 1  data, checked and mapped
  const double alpha = level_of_a_check(job, checks, splits);
  LazyModel candidate(job.candidate, context);
  std::optional<LazyModel> incumbent;
  if (job.incumbent) incumbent.emplace(*job.incumbent, context);

  TRY(trial, try_candidate(candidate, splits, context));                                     // 2a logits
  TRY(baseline, recall_incumbent(incumbent, trial, splits, alpha, context));                 // 2b paired counts
  TRY(search, find_regions(candidate, incumbent, trial, baseline, splits, alpha, context));  // 2c, 3 regions
  const bool runs = trial.evaluation.has_value();
  const auto known =
      runs ? known_regions_of(candidate, baseline ? &*incumbent : nullptr, splits, context)  // 4a frozen tests
           : std::vector<KnownRegion>();
  if (runs) {  // 2d  once more: a model that tires, or answers well in large batches only, is found out
    TRY(tried, candidate.get());
    trial.contract = ask_again(*tried, splits.test, *trial.evaluation, std::move(trial.contract));
  }
  const auto* floor = noise_floor_of(baseline, search);
  auto concluded = run_checks(checks, {.contract = &trial.contract,  // 4b
                                       .test_labels = splits.test.labels(),
                                       .classes = splits.classes,
                                       .candidate = pointer(trial.evaluation),
                                       .incumbent = baseline ? &baseline->evaluation : nullptr,
                                       .incumbent_problem = reason(baseline),
                                       .comparison = baseline ? &baseline->comparison : nullptr,
                                       .regions = search ? &search->regions : nullptr,
                                       .regions_problem = reason(search),
                                       .spotlights = search ? pointer(search->spotlights) : nullptr,
                                       .spotlights_problem = search ? reason(search->spotlights) : reason(search),
                                       .generator = search ? &search->health : nullptr,
                                       .probes = search ? &search->probes : nullptr,
                                       .noise_floor = floor,
                                       .known_regions = runs || job.known_regions.empty() ? &known : nullptr,
                                       .alpha = alpha,
                                       .confidence_alpha = job.settings.alpha});
  TRY(map, draw_latent_map(search, splits, folder, context));                      // 5a
  TRY(pictures, draw_pictures(trial, baseline, search, splits, folder, context));  // 5b

  const auto rates = error_rates(search);
  return WorkerResult{.job = job.id,  // 6
                      .model = job.model,
                      .candidate = job.candidate,
                      .incumbent = job.incumbent,
                      .code_version = kCodeVersion,
                      .classes = splits.classes,
                      .test_digest = splits.test.digest(),
                      .probe_digest = search ? search->probes.digest : std::string(),
                      .test_images = static_cast<std::int64_t>(splits.test.size()),
                      .seeds = search ? static_cast<std::int64_t>(search->probes.seeds.size()) : 0,
                      .draws = search ? search->probes.draws : 0,
                      .candidate_accuracy = accuracy(pointer(trial.evaluation), splits.test.labels()),
                      .incumbent_accuracy = accuracy(baseline ? &baseline->evaluation : nullptr, splits.test.labels()),
                      .comparison = copy(baseline ? &baseline->comparison : nullptr),
                      .confusion = confusion_of(trial, baseline, splits),
                      .map = std::move(map),
                      .flips = std::move(pictures.flips),
                      .generator = copy(search ? &search->health : nullptr),
                      .noise_floor = copy(floor),
                      .contract = std::move(trial.contract),
                      .checks = std::move(concluded),
                      .regions = std::move(pictures.regions),
                      .stations = std::move(context.times),
                      .error_real = rates.real,
                      .error_reconstructed = rates.reconstructed,
                      .error_perturbed = rates.perturbed,
                      .machine = describe_machine(job.worker.threads)};
}

}  // namespace defuse
