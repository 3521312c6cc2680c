#include "tests/bench/gate/world.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/sha256.h"
#include "core/cache/npy_array.h"
#include "core/evaluate/evaluator.h"
#include "core/torch/thread_team.h"
#include "tests/support/decoded_probes.h"

namespace defuse::bench {
namespace fs = std::filesystem;
namespace {

constexpr const char* kAnswersVersion = "answers-1";  // raise when the same inputs would give other entries
constexpr const char* kAttributesVersion = "attributes-2";

// A generated image's place among the answers: reconstruction of seed `row`, or perturbation `row` of all.
struct Place {
  bool reconstructed = true;
  std::size_t row = 0;
};

// Decodes every reconstruction and plausible perturbation once, block by block, in the order of the seeds.
Result<void> for_generated(const ProbeSet& probes, const Generator& generator, const RegionSettings& settings,
                           std::uint64_t seed, std::size_t pixels,
                           const std::function<Result<void>(std::span<const float>, std::span<const Place>)>& use) {
  const std::size_t block = block_size(pixels, 128);
  const auto draws = static_cast<std::size_t>(probes.draws);
  Matrix codes(0, probes.codes.cols), code;
  std::vector<Place> places;
  std::vector<float> images;
  const auto flush = [&]() -> Result<void> {
    codes.rows = places.size();
    if (codes.rows == 0) return {};
    images.resize(codes.rows * pixels);
    TRY_OK(generator.decode(codes, images));
    TRY_OK(use(images, places));
    codes.data.clear();
    places.clear();
    return {};
  };
  const auto add = [&](std::span<const float> values, Place place) -> Result<void> {
    codes.data.insert(codes.data.end(), values.begin(), values.end());
    places.push_back(place);
    return places.size() < block ? Result<void>{} : flush();
  };
  for (std::size_t s = 0; s < probes.seeds.size(); ++s) {
    if (s >= probes.perturbed) break;
    TRY_OK(add(probes.codes.row(s), {true, s}));
    for (std::size_t q = 0; q < draws; ++q) {
      if (probes.plausible[s * draws + q] == 0) continue;
      perturbed_codes(probes, settings, seed, s, static_cast<int>(q), 1, code);
      TRY_OK(add(code.row(0), {false, s * draws + q}));
    }
  }
  return flush();
}

// Real seed images, block by block.
Result<void> for_real(
    const ProbeSet& probes, const Splits& splits,
    const std::function<Result<void>(std::span<const float>, std::size_t first, std::size_t n)>& use) {
  const auto pixels = static_cast<std::size_t>(splits.test.shape().pixels());
  const std::size_t block = block_size(pixels, 128);
  std::vector<float> images(std::min(block, probes.seeds.size()) * pixels);
  for (std::size_t first = 0; first < probes.seeds.size(); first += block) {
    const std::size_t n = std::min(block, probes.seeds.size() - first);
    const auto own = std::span(images).first(n * pixels);
    for (std::size_t i = 0; i < n; ++i) {
      const Seed& seed = probes.seeds[first + i];
      (seed.split == Split::test ? splits.test : splits.train).read(seed.index, 1, own.subspan(i * pixels, pixels));
    }
    TRY_OK(use(own, first, n));
  }
  return {};
}

Result<void> save_table(const AttributeTable& table, const std::string& name, const fs::path& folder) {
  TRY_OK(save_npy(folder / (name + ".npy"), table.values));
  return save_npy(folder / (name + "_hash.npy"), table.hashes);
}

Result<AttributeTable> load_table(const std::string& name, const fs::path& folder) {
  TRY(values, load_npy(folder / (name + ".npy")));
  TRY(hashes, load_npy_int32(folder / (name + "_hash.npy")));
  if (values.rows != hashes.size() || values.cols != kAttributes)
    return fail(ErrorCode::corrupt, name + ".npy does not fit its hashes");
  return AttributeTable{std::move(values), std::move(hashes)};
}

Result<BaseAnswers> load_answers(const fs::path& folder, const std::string& digest, const ProbeSet& probes) {
  BaseAnswers out;
  out.model_digest = digest;
  TRY(real, load_npy(folder / "real.npy"));
  TRY(reconstructed, load_npy(folder / "reconstructed.npy"));
  TRY(perturbed, load_npy(folder / "perturbed.npy"));
  TRY(embeddings, load_npy(folder / "embeddings.npy"));
  if (real.rows != probes.seeds.size() || reconstructed.rows != real.rows || perturbed.rows != probes.plausible.size())
    return fail(ErrorCode::corrupt, folder.string() + " is of another probe set");
  out.real = std::move(real);
  out.reconstructed = std::move(reconstructed);
  out.perturbed = std::move(perturbed);
  out.embeddings = std::move(embeddings);
  return out;
}

Result<void> save_answers(const BaseAnswers& answers, const fs::path& folder) {
  TRY_OK(save_npy(folder / "real.npy", answers.real));
  TRY_OK(save_npy(folder / "reconstructed.npy", answers.reconstructed));
  TRY_OK(save_npy(folder / "perturbed.npy", answers.perturbed));
  return save_npy(folder / "embeddings.npy", answers.embeddings);
}

// Raw answers of several models in one pass.
class Collector {
 public:
  Collector(const ProbeSet& probes, const Splits& splits, std::vector<TorchModel> models)
      : probes_(probes), splits_(splits), models_(std::move(models)), answers_(models_.size()) {}

  Result<std::vector<BaseAnswers>> collect(const Generator& generator, const RegionSettings& settings,
                                           std::uint64_t seed) {
    TRY_OK(for_real(probes_, splits_, [&](std::span<const float> images, std::size_t first, std::size_t n) {
      return real(images, first, n);
    }));
    TRY_OK(for_generated(
        probes_, generator, settings, seed, static_cast<std::size_t>(splits_.test.shape().pixels()),
        [&](std::span<const float> images, std::span<const Place> places) { return generated(images, places); }));
    return std::move(answers_);
  }

 private:
  Result<void> real(std::span<const float> images, std::size_t first, std::size_t n) {
    const std::size_t seeds = probes_.seeds.size();
    for (std::size_t m = 0; m < models_.size(); ++m) {
      TRY(output, models_[m].run(images, n, /*want_embeddings=*/true));
      BaseAnswers& own = answers_[m];
      if (own.real.empty()) {
        const auto classes = output.logits.cols;
        own.real = Matrix(seeds, classes);
        own.reconstructed = Matrix(seeds, classes);
        own.perturbed = Matrix(probes_.plausible.size(), classes);
        std::fill(own.reconstructed.data.begin(), own.reconstructed.data.end(),
                  std::numeric_limits<float>::quiet_NaN());
        std::fill(own.perturbed.data.begin(), own.perturbed.data.end(), std::numeric_limits<float>::quiet_NaN());
        if (!output.embeddings.empty()) own.embeddings = Matrix(seeds, output.embeddings.cols);
      }
      std::copy(output.logits.data.begin(), output.logits.data.end(), own.real.row(first).data());
      if (!own.embeddings.empty())
        std::copy(output.embeddings.data.begin(), output.embeddings.data.end(), own.embeddings.row(first).data());
    }
    return {};
  }

  Result<void> generated(std::span<const float> images, std::span<const Place> places) {
    for (std::size_t m = 0; m < models_.size(); ++m) {
      TRY(output, models_[m].run(images, places.size(), /*want_embeddings=*/false));
      for (std::size_t i = 0; i < places.size(); ++i) {
        Matrix& target = places[i].reconstructed ? answers_[m].reconstructed : answers_[m].perturbed;
        std::copy(output.logits.row(i).begin(), output.logits.row(i).end(), target.row(places[i].row).begin());
      }
    }
    return {};
  }

  const ProbeSet& probes_;
  const Splits& splits_;
  std::vector<TorchModel> models_;
  std::vector<BaseAnswers> answers_;
};

}  // namespace

Result<std::unique_ptr<World>> World::open(const Source& source, int threads) {
  JobSpec job;
  job.model = ModelName("bench-" + source.name);
  job.settings.name = job.model;
  job.settings.classes = source.classes;
  job.settings.input = source.input;
  job.settings.data = source.data;
  job.worker.threads = threads;
  job.cache = source.folder / "cache";
  std::unique_ptr<World> world(new World(std::move(job)));
  TRY(splits, open_splits(world->context_));
  world->splits_.emplace(std::move(splits));
  std::cerr << source.name << ": generator and probe set … " << std::flush;
  TRY(generator, generator_of(*world->splits_, world->context_));
  world->generator_.emplace(std::move(generator));
  TRY(probes, probes_of(*world->generator_, *world->splits_, world->context_));
  world->probes_.emplace(std::move(probes));
  TRY_OK(world->measure_probes());
  double seconds = 0;
  for (const auto& station : world->context_.times) seconds += station.seconds;
  std::cerr << static_cast<int>(seconds) << " s, " << world->probes_->seeds.size() << " seeds, "
            << static_cast<int>(100 * world->probes_->plausible_share) << " % plausible\n";
  return world;
}

Result<ProbeAttributes> World::measure_images() {
  const auto& shape = splits_->test.shape();
  const auto blank = [](std::size_t n) { return AttributeTable{Matrix(n, kAttributes), std::vector<std::int32_t>(n)}; };
  const std::size_t seeds = probes_->seeds.size();
  ProbeAttributes out{blank(seeds), blank(seeds), blank(probes_->plausible.size())};
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  TRY_OK(for_real(*probes_, *splits_, [&](std::span<const float> images, std::size_t first, std::size_t n) {
    measure_into(images, n, shape, first, out.real);
    return Result<void>{};
  }));
  TRY_OK(for_generated(*probes_, *generator_, settings().checks.misclassification_regions, settings().seed, pixels,
                       [&](std::span<const float> images, std::span<const Place> places) {
                         for (std::size_t i = 0; i < places.size(); ++i)
                           measure_into(images.subspan(i * pixels, pixels), 1, shape, places[i].row,
                                        places[i].reconstructed ? out.reconstructed : out.perturbed);
                         return Result<void>{};
                       }));
  return out;
}

Result<void> World::measure_probes() {
  bool cached = false;
  const auto load = [&](const fs::path& folder) -> Result<ProbeAttributes> {
    TRY(real, load_table("real", folder));
    TRY(reconstructed, load_table("reconstructed", folder));
    TRY(perturbed, load_table("perturbed", folder));
    if (real.hashes.size() != probes_->seeds.size() || perturbed.hashes.size() != probes_->plausible.size())
      return fail(ErrorCode::corrupt, folder.string() + " is of another probe set");
    return ProbeAttributes{std::move(real), std::move(reconstructed), std::move(perturbed)};
  };
  const auto save = [](const ProbeAttributes& value, const fs::path& folder) -> Result<void> {
    TRY_OK(save_table(value.real, "real", folder));
    TRY_OK(save_table(value.reconstructed, "reconstructed", folder));
    return save_table(value.perturbed, "perturbed", folder);
  };
  const auto key = Sha256().field(kAttributesVersion).field(probes_->digest).hex();
  TRY(measured, context_.cache.get<ProbeAttributes>(
                    "bench_attributes", key, load, [&] { return measure_images(); }, save, cached));
  attributes_ = std::move(measured);
  return {};
}

Result<TorchModel> World::load(const ModelFile& model) const {
  return TorchModel::load(model.path, settings().input, {job_.worker.threads, job_.worker.device});
}

std::string World::key_of(const ModelFile& model) const {
  return Sha256().field(kAnswersVersion).field(probes_->digest).field(model.digest).hex();
}

Result<void> World::prepare(std::span<const ModelFile> models) {
  std::vector<ModelFile> missing;
  for (const auto& model : models) {
    if (answers_.count(model.digest) != 0) continue;
    auto loaded = load_answers(context_.cache.entry("bench_answers", key_of(model)), model.digest, *probes_);
    if (loaded) {
      answers_.emplace(model.digest, std::move(*loaded));
    } else {
      missing.push_back(model);
    }
  }
  if (missing.empty()) return {};
  std::cerr << job_.model << ": asking " << missing.size() << " models about the probe set … " << std::flush;
  std::vector<TorchModel> loaded;
  for (const auto& model : missing) {
    TRY(ready, load(model));
    loaded.push_back(std::move(ready));
  }
  Collector collector(*probes_, *splits_, std::move(loaded));
  TRY(collected, collector.collect(*generator_, settings().checks.misclassification_regions, settings().seed));
  for (std::size_t i = 0; i < missing.size(); ++i) {
    bool cached = false;
    collected[i].model_digest = missing[i].digest;
    const auto digest = missing[i].digest;
    TRY(kept, context_.cache.get<BaseAnswers>(
                  "bench_answers", key_of(missing[i]),
                  [&](const fs::path& folder) { return load_answers(folder, digest, *probes_); },
                  [&]() -> Result<BaseAnswers> { return std::move(collected[i]); }, save_answers, cached));
    answers_.emplace(digest, std::move(kept));
  }
  std::cerr << "done\n";
  return {};
}

Result<const BaseAnswers*> World::answers(const ModelFile& model) {
  TRY_OK(prepare(std::span(&model, 1)));
  return &answers_.at(model.digest);
}

Result<GeneratorHealth> World::health(const ModelFile& incumbent) {
  if (const auto known = health_.find(incumbent.digest); known != health_.end()) return known->second;
  TRY(base, answers(incumbent));
  const auto own = compose(*probes_, *base, attributes_, {}, {});
  TRY(judged, judge_generator(*generator_, *probes_, own, settings().generator));
  health_.emplace(incumbent.digest, judged);
  return judged;
}

Result<ProbeEvaluation> World::evaluate_planted(const ModelFile& model, std::vector<Rule> rules) {
  TRY(inner, load(model));
  const PlantedClassifier planted(inner, splits_->test.shape(), std::move(rules));
  return testing::decode_and_evaluate(planted, model.digest, *probes_, *generator_, splits_->test, splits_->train,
                                      settings().checks.misclassification_regions, settings().seed, progress_);
}

}  // namespace defuse::bench
