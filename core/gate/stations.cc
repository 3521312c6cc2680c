#include "core/gate/stations.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/cache/cache_file.h"
#include "core/cache/npy_array.h"
#include "core/evidence/predictions.h"
#include "core/gate/kept.h"
#include "core/gate/keys.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<std::vector<std::string>> class_names_of(const ModelSettings& settings, const Dataset& test,
                                                const Dataset& train) {
  if (!settings.classes.empty()) return settings.classes;
  if (!test.class_names().empty()) {
    if (test.class_names() != train.class_names())
      return fail(ErrorCode::invalid_input,
                  "the image folders of the train and test split hold different classes; name them under `classes`");
    return test.class_names();
  }
  std::int32_t largest = 0;
  for (const Dataset* split : {&test, &train})
    for (const auto label : split->labels()) largest = std::max(largest, label);
  std::vector<std::string> names;
  for (std::int32_t c = 0; c <= largest; ++c) names.push_back(std::to_string(c));
  return names;
}

// How models of one structure were found to run fastest on this machine. Says nothing about results, so an entry that
// is missing, damaged or cannot be written only costs the time to find it again.
std::string key_of_tuning(const StageContext& context, const TorchModel& model) {
  return tuning_key(model.structure(), context.job.settings.input, context.job.worker);
}

std::optional<Tuning> known_tuning(const StageContext& context, const TorchModel& model) {
  if (model.structure().empty()) return std::nullopt;
  const auto entry = context.cache.entry("tuning", key_of_tuning(context, model));
  const auto text = read_file(entry / "tuning.json", 1 << 12);
  if (!text) return std::nullopt;
  const auto tuning = tuning_from_json(*text);
  if (!tuning) return std::nullopt;
  mark_used(entry);
  return *tuning;
}

void keep_tuning(const StageContext& context, const TorchModel& model) {
  if (model.structure().empty()) return;
  const auto kept = context.cache.put("tuning", key_of_tuning(context, model), [&](const fs::path& folder) {
    return write_atomically(folder / "tuning.json", to_json_text(model.tuning()));
  });

  harmless(kept, "it is found again");
}

}  // namespace

StationTimer::StationTimer(StageContext& context, std::string station)
    : context_(context), station_(std::move(station)), started_(now_seconds()) {
  context_.progress.report(station_, 0);
}

StationTimer::~StationTimer() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  context_.times.push_back(
      {station_, now_seconds() - started_, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024, cached});
}

bool stops_the_gate(const Error& error) {
  return error.code == ErrorCode::cancelled || error.code == ErrorCode::exhausted;
}

Result<Splits> open_splits(StageContext& context) {
  StationTimer timer(context, "data");
  const auto& settings = context.job.settings;
  auto test = while_doing("while opening the test split",
                          open_dataset(settings.data.test, settings.input, settings.classes, context.job.cache));
  if (!test) return tl::unexpected(test.error());
  auto train = while_doing("while opening the train split",
                           open_dataset(settings.data.train, settings.input, settings.classes, context.job.cache));
  if (!train) return tl::unexpected(train.error());
  TRY(classes, class_names_of(settings, *test, *train));
  return Splits{std::move(*test), std::move(*train), std::move(classes)};
}

Result<const TorchModel*> LazyModel::get() {
  if (!model_) {
    auto loaded = TorchModel::load(artifact_.path, context_.job.settings.input,
                                   {context_.job.worker.threads, context_.job.worker.device, artifact_.digest});
    if (!loaded) return tl::unexpected(loaded.error());
    model_.emplace(std::move(*loaded));
    if (const auto tuning = known_tuning(context_, *model_)) model_->suggest(*tuning);
  }
  return &*model_;
}

LazyModel::~LazyModel() {
  if (model_ && model_->tuned()) keep_tuning(context_, *model_);
}

Result<Evaluation> evaluation_of(LazyModel& model, const Splits& splits, const std::string& station,
                                 StageContext& context) {
  StationTimer timer(context, station);
  const auto key = evaluation_key(model.digest(), splits.test.digest(), splits.class_count(),
                                  context.job.settings.input, context.job.worker);
  const auto make = [&]() -> Result<Evaluation> {
    TRY(ready, model.get());
    TRY(made, evaluate(*ready, model.digest(), splits.test, splits.class_count(), context.progress));
    TRY_OK(splits.test.unchanged());  // before anything is kept under its digest
    return made;
  };
  return context.cache.get<Evaluation>(
      "evaluation", key, [&](const fs::path& folder) { return load_evaluation(folder, model.digest(), splits.test); },
      make, save_evaluation, timer.cached);
}

Result<Generator> generator_of(const Splits& splits, StageContext& context) {
  StationTimer timer(context, "generator");
  const auto& settings = context.job.settings.generator;
  const auto& shape = context.job.settings.input.shape;
  const int threads = context.job.worker.threads;
  if (settings.kind == GeneratorKind::torchscript)
    return Generator::load_pair(settings.encoder, settings.decoder, shape, threads);

  const auto key = generator_key(splits.train.digest(), settings, context.job.settings.seed);
  return context.cache.get<Generator>(
      "generator", key, [&](const fs::path& folder) { return Generator::load(folder, shape, threads); },
      [&] {
        return Generator::train(splits.train, settings, context.job.settings.seed, threads, context.progress,
                                {training_folder(context.job.cache) / key});
      },
      [](const Generator& generator, const fs::path& folder) { return generator.save(folder); }, timer.cached);
}

Result<ProbeSet> probes_of(const Generator& generator, const Splits& splits, StageContext& context) {
  StationTimer timer(context, "probes");
  const auto& settings = context.job.settings.checks.misclassification_regions;
  const auto seed = context.job.settings.seed;
  const auto key = probes_key(generator.digest(), splits.test.digest(), splits.train.digest(), settings, seed);
  const auto make = [&] {
    return build_probe_set(generator, splits.test, splits.train, settings, seed, context.job.worker.threads,
                           context.progress);
  };
  return context.cache.get<ProbeSet>(
      "probes", key, [&](const fs::path& folder) { return load_probe_set(folder, generator.digest(), settings.draws); },
      make, save_probe_set, timer.cached);
}

namespace {

Result<GeneratedImages> generated_images(const ProbeSet& probes, const Generator& generator, StageContext& context) {
  StationTimer timer(context, "generated_images");
  const auto& settings = context.job.settings;
  const auto& shape = settings.input.shape;
  TRY(images, GeneratedImages::of(probes, generator, shape, settings.checks.misclassification_regions, settings.seed));
  const std::uint64_t bytes = images.size() * images.pixels() * sizeof(float);
  if (images.size() == 0 || bytes > context.job.cache_size / 4) return images;
  const auto extent = [](std::int64_t side) { return static_cast<std::size_t>(side); };
  const auto map = [&](const fs::path& folder) -> Result<GeneratedImages> {
    TRY(mapped, map_npy(folder / "images.npy", 4));
    TRY_OK(images.read_from(std::move(mapped.file), mapped.offset));
    return images;
  };
  const auto make = [&]() -> Result<GeneratedImages> { return images; };
  const auto save = [&](const GeneratedImages& value, const fs::path& folder) -> Result<void> {
    TRY(file, NpyWriter::create(folder / "images.npy",
                                {value.size(), extent(shape.channels), extent(shape.height), extent(shape.width)}));
    const auto report = [&](std::size_t done) -> Result<void> {
      context.progress.report("generated_images", static_cast<double>(done) / static_cast<double>(value.size()));
      if (context.progress.stop_requested()) return fail(ErrorCode::cancelled, "decoding the probe set was stopped");
      return {};
    };
    TRY_OK(value.decode_all(
        context.job.worker.threads, [&](std::span<const float> pixels) { return file.write(pixels); }, report));
    return file.finish();
  };
  const auto key = generated_images_key(probes.digest);
  TRY(found, context.cache.get<GeneratedImages>("generated", key, map, make, save, timer.cached));
  // Only now is there a file to read what was just written from.
  return found.kept() ? found : map(context.cache.entry("generated", key));
}

}  // namespace

Result<const GeneratedImages*> LazyImages::get() {
  if (!images_) {
    TRY(made, generated_images(probes_, generator_, context_));
    images_.emplace(std::move(made));
  }
  return &*images_;
}

Result<ProbeEvaluation> answers_of(LazyModel& model, LazyImages& images, const Splits& splits,
                                   const std::string& station, StageContext& context) {
  const ProbeSet& probes = images.probes();
  const auto key = answers_key(model.digest(), probes.digest, context.job.settings.input, context.job.worker);
  // A station of its own, so before this one's time begins.
  if (!context.cache.holds("answers", key)) TRY_OK(images.get());
  StationTimer timer(context, station);
  const auto make = [&]() -> Result<ProbeEvaluation> {
    TRY(ready, model.get());
    TRY(whole, images.get());
    return evaluate_probes(*ready, model.digest(), *whole, splits.test, splits.train, context.job.worker.threads,
                           context.progress);
  };
  return context.cache.get<ProbeEvaluation>(
      "answers", key, [&](const fs::path& folder) { return load_answers(folder, model.digest(), probes); }, make,
      save_answers, timer.cached);
}

}  // namespace defuse
