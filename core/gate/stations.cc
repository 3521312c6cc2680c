#include "core/gate/stations.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/cache/cache_file.h"
#include "core/evidence/predictions.h"
#include "core/gate/keys.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<void> save_meta(const fs::path& folder, const Json& meta) {
  return write_atomically(folder / "meta.json", dump_json(meta, 2));
}

Result<Json> load_meta(const fs::path& folder) {
  TRY(text, read_file(folder / "meta.json", 1 << 20));
  return parse_json(text, (folder / "meta.json").string());
}

tl::unexpected<Error> stale(const fs::path& folder) {
  return fail(ErrorCode::corrupt, folder.string() + " does not fit what is asked of it");
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

Matrix row_of(const std::vector<float>& values) {
  Matrix row(1, values.size());
  row.data = values;
  return row;
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
  (void)context.cache.put("tuning", key_of_tuning(context, model), [&](const fs::path& folder) {
    return write_atomically(folder / "tuning.json", to_json_text(model.tuning()));
  });
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
  const auto load = [&](const fs::path& folder) -> Result<Evaluation> {
    Evaluation out;
    TRY(meta, load_meta(folder));
    JsonReader fields(meta, "meta");
    out.model_digest = fields.text("model");
    out.data_digest = fields.text("data");
    out.gave_probabilities = fields.boolean("gave_probabilities");
    TRY_OK(fields.status());
    TRY(logits, load_npy(folder / "logits.npy"));
    TRY(predicted, load_npy_int32(folder / "predicted.npy"));
    TRY(loss, load_npy(folder / "loss.npy"));
    if (predicted.size() != splits.test.size() || logits.rows != predicted.size() ||
        loss.data.size() != predicted.size())
      return stale(folder);
    // Answers of another model or on other images, or damaged ones: a comparison with them could turn anything green.
    if (out.model_digest != model.digest() || out.data_digest != splits.test.digest()) return stale(folder);
    for (std::size_t i = 0; i < predicted.size(); ++i)
      if (predicted[i] != predicted_class(logits.row(i))) return stale(folder);
    out.logits = std::move(logits);
    out.predicted = std::move(predicted);
    out.loss = std::move(loss.data);
    return out;
  };
  const auto make = [&]() -> Result<Evaluation> {
    TRY(ready, model.get());
    TRY(made, evaluate(*ready, model.digest(), splits.test, splits.class_count(), context.progress));
    TRY_OK(splits.test.unchanged());  // before anything is kept under its digest
    return made;
  };
  const auto save = [&](const Evaluation& value, const fs::path& folder) -> Result<void> {
    TRY_OK(save_npy(folder / "logits.npy", value.logits));
    TRY_OK(save_npy(folder / "predicted.npy", value.predicted));
    TRY_OK(save_npy(folder / "loss.npy", row_of(value.loss)));
    return save_meta(
        folder,
        {{"model", value.model_digest}, {"data", value.data_digest}, {"gave_probabilities", value.gave_probabilities}});
  };
  return context.cache.get<Evaluation>("evaluation", key, load, make, save, timer.cached);
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

namespace {

Result<std::vector<Seed>> seeds_from(const std::vector<std::int32_t>& flat) {
  if (flat.size() % 4 != 0) return fail(ErrorCode::corrupt, "seeds.npy has an odd length");
  std::vector<Seed> seeds;
  for (std::size_t i = 0; i < flat.size(); i += 4)
    seeds.push_back({flat[i] == 0 ? Split::test : Split::train, static_cast<std::uint32_t>(flat[i + 1]), flat[i + 2],
                     flat[i + 3] == 0 ? Half::discover : Half::confirm});
  return seeds;
}

std::vector<std::int32_t> flatten(const std::vector<Seed>& seeds) {
  std::vector<std::int32_t> flat;
  for (const auto& seed : seeds)
    flat.insert(flat.end(), {static_cast<std::int32_t>(seed.split), static_cast<std::int32_t>(seed.index), seed.label,
                             static_cast<std::int32_t>(seed.half)});
  return flat;
}

}  // namespace

Result<ProbeSet> probes_of(const Generator& generator, const Splits& splits, StageContext& context) {
  StationTimer timer(context, "probes");
  const auto& settings = context.job.settings.checks.misclassification_regions;
  const auto seed = context.job.settings.seed;
  const auto key = probes_key(generator.digest(), splits.test.digest(), splits.train.digest(), settings, seed);
  const auto load = [&](const fs::path& folder) -> Result<ProbeSet> {
    ProbeSet out;
    TRY(meta, load_meta(folder));
    JsonReader fields(meta, "meta");
    out.digest = fields.text("digest");
    out.generator_digest = fields.text("generator");
    out.data_digest = fields.text("data");
    out.draws = static_cast<int>(fields.integer("draws"));
    out.plausible_share = fields.number("plausible_share");
    out.reconstruction_error = fields.number("reconstruction_error");
    out.perturbed = static_cast<std::size_t>(fields.integer("perturbed"));
    TRY_OK(fields.status());
    TRY(flat, load_npy_int32(folder / "seeds.npy"));
    TRY(seeds, seeds_from(flat));
    TRY(codes, load_npy(folder / "codes.npy"));
    TRY(class_means, load_npy(folder / "class_means.npy"));
    TRY(plausible, load_npy_uint8(folder / "plausible.npy"));
    TRY(statistics, load_npy(folder / "statistics.npy"));
    // By far the largest of it, and read a few rows at a time.
    TRY(draw_statistics, map_npy(folder / "draw_statistics.npy", 2));
    if (statistics.rows != seeds.size() || draw_statistics.shape[0] != plausible.size() || out.perturbed > seeds.size())
      return stale(folder);
    TRY(tail_slopes, load_npy(folder / "tail_slopes.npy"));
    TRY(tail_axes, load_npy_int32(folder / "tail_axes.npy"));
    out.tails = {std::move(tail_slopes), std::move(tail_axes)};
    out.statistics = std::move(statistics);
    out.draw_statistics = StoredMatrix(std::move(draw_statistics.file), draw_statistics.offset,
                                       draw_statistics.shape[0], draw_statistics.shape[1]);
    if (codes.rows != seeds.size() || plausible.size() != seeds.size() * static_cast<std::size_t>(settings.draws) ||
        class_means.cols != codes.cols || out.generator_digest != generator.digest())
      return stale(folder);
    out.class_means = std::move(class_means);
    out.seeds = std::move(seeds);
    out.codes = std::move(codes);
    out.plausible = std::move(plausible);
    return out;
  };
  const auto make = [&] {
    return build_probe_set(generator, splits.test, splits.train, settings, seed, context.job.worker.threads,
                           context.progress);
  };
  const auto save = [](const ProbeSet& value, const fs::path& folder) -> Result<void> {
    TRY_OK(save_npy(folder / "seeds.npy", flatten(value.seeds)));
    TRY_OK(save_npy(folder / "codes.npy", value.codes));
    TRY_OK(save_npy(folder / "class_means.npy", value.class_means));
    TRY_OK(save_npy(folder / "plausible.npy", value.plausible));
    TRY_OK(save_npy(folder / "statistics.npy", value.statistics));
    TRY(draws, NpyWriter::create(folder / "draw_statistics.npy",
                                 {value.draw_statistics.rows(), value.draw_statistics.cols()}));
    TRY_OK(draws.write(value.draw_statistics.all()));
    TRY_OK(draws.finish());
    TRY_OK(save_npy(folder / "tail_slopes.npy", value.tails.slopes));
    TRY_OK(save_npy(folder / "tail_axes.npy", value.tails.axes));
    return save_meta(folder, {{"digest", value.digest},
                              {"generator", value.generator_digest},
                              {"data", value.data_digest},
                              {"draws", value.draws},
                              {"perturbed", value.perturbed},
                              {"plausible_share", value.plausible_share},
                              {"reconstruction_error", value.reconstruction_error}});
  };
  return context.cache.get<ProbeSet>("probes", key, load, make, save, timer.cached);
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
  const auto load = [&](const fs::path& folder) -> Result<ProbeEvaluation> {
    ProbeEvaluation out;
    TRY(real, load_npy_int32(folder / "real.npy"));
    TRY(reconstructed, load_npy_int32(folder / "reconstructed.npy"));
    TRY(perturbed, load_npy_int32(folder / "perturbed.npy"));
    TRY(embeddings, load_npy(folder / "embeddings.npy"));
    TRY(logits, load_npy(folder / "logits.npy"));
    TRY(real_margin, load_npy(folder / "real_margin.npy"));
    TRY(perturbed_margin, load_npy(folder / "perturbed_margin.npy"));
    if (real_margin.data.size() != real.size() || perturbed_margin.data.size() != perturbed.size() ||
        logits.rows != real.size())
      return stale(folder);
    if (real.size() != probes.seeds.size() || reconstructed.size() != real.size() ||
        perturbed.size() != probes.plausible.size())
      return stale(folder);
    for (std::size_t i = 0; i < real.size(); ++i)
      if (real[i] != predicted_class(logits.row(i))) return stale(folder);
    out.model_digest = model.digest();
    out.probe_digest = probes.digest;
    out.real = std::move(real);
    out.reconstructed = std::move(reconstructed);
    out.perturbed = std::move(perturbed);
    out.embeddings = std::move(embeddings);
    out.logits = std::move(logits);
    out.real_margin = std::move(real_margin.data);
    out.perturbed_margin = std::move(perturbed_margin.data);
    return out;
  };
  const auto make = [&]() -> Result<ProbeEvaluation> {
    TRY(ready, model.get());
    TRY(whole, images.get());
    return evaluate_probes(*ready, model.digest(), *whole, splits.test, splits.train, context.job.worker.threads,
                           context.progress);
  };
  const auto save = [](const ProbeEvaluation& value, const fs::path& folder) -> Result<void> {
    TRY_OK(save_npy(folder / "real.npy", value.real));
    TRY_OK(save_npy(folder / "reconstructed.npy", value.reconstructed));
    TRY_OK(save_npy(folder / "perturbed.npy", value.perturbed));
    TRY_OK(save_npy(folder / "logits.npy", value.logits));
    TRY_OK(save_npy(folder / "real_margin.npy", row_of(value.real_margin)));
    TRY_OK(save_npy(folder / "perturbed_margin.npy", row_of(value.perturbed_margin)));
    return save_npy(folder / "embeddings.npy", value.embeddings);
  };
  return context.cache.get<ProbeEvaluation>("answers", key, load, make, save, timer.cached);
}

}  // namespace defuse
