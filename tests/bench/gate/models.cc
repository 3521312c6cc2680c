#include "tests/bench/gate/models.h"

#include <array>
#include <chrono>
#include <iostream>
#include <span>
#include <system_error>

#include "core/base/files.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "tests/support/digits.h"

namespace defuse::bench {
namespace fs = std::filesystem;
using testing::CnnRecipe;
using testing::TrainingSet;
namespace {

constexpr std::array<const char*, 5> kRecipes = {"seed", "order", "data", "epoch", "width"};
constexpr double kMostData = 0.9;

std::string digest_of(const TrainingSet& data) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(data.images))).update(std::as_bytes(std::span(data.labels)));
  return hash.hex();
}

TrainingSet share_of(const TrainingSet& data, double share, std::uint64_t seed) {
  return testing::subset(data, [&](std::size_t i) { return RandomStream(seed, /*a=*/3, i).uniform() < share; });
}

}  // namespace

std::uint64_t seed_of(std::string_view name) {
  std::uint64_t hash = 0x5851f42d4c957f2dULL;
  for (const char c : name) hash = mix64(hash ^ static_cast<unsigned char>(c));
  return hash;
}

std::uint64_t seed_in(std::string_view pool, std::string_view name) {
  return pool == "final" ? mix64(seed_of(name) ^ kFinalDraw) : seed_of(name);
}

CnnRecipe plain_recipe(const Source& source, std::uint64_t seed) {
  return {.classes = source.class_count(), .epochs = source.epochs, .decay = source.decay, .seed = seed};
}

Result<ModelFile> train_model(const Source& source, const TrainingSet& data, const std::string& data_key,
                              const CnnRecipe& recipe, const std::string& name) {
  Sha256 hash;
  hash.field(data_key).field(std::to_string(recipe.epochs)).field(std::to_string(recipe.width));
  hash.field(std::to_string(recipe.seed)).field(std::to_string(recipe.order_seed));
  hash.field(std::to_string(recipe.learning_rate)).field(std::to_string(recipe.classes));
  if (recipe.decay) hash.field("decay");
  const auto folder = source.folder / "models";
  TRY_OK(make_folder(folder));
  ModelFile model{name, folder / (name + "-" + hash.hex().substr(0, 10) + ".pt"), ""};
  std::error_code ignored;
  if (!fs::exists(model.path, ignored)) {
    std::cerr << source.name << ": training " << name << " on " << data.size() << " images … " << std::flush;
    const auto started = std::chrono::steady_clock::now();
    const auto scratch = model.path.string() + ".part";
    TRY_OK(testing::train_and_save(data, recipe, scratch));
    fs::rename(scratch, model.path, ignored);
    if (ignored) return fail(ErrorCode::io, "cannot rename " + scratch + ": " + ignored.message());
    std::cerr << std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started).count()
              << " s\n";
  }
  TRY(digest, sha256_file(model.path));
  model.digest = digest;
  return model;
}

Result<ModelPool> train_pool(const Source& source, const std::string& pool) {
  const bool final = pool == "final";
  const std::uint64_t first_seed = final ? 1000 + 1000 * kFinalDraw : 1000;
  const std::size_t regular = final ? 9 : 6;
  const auto data_digest = digest_of(source.train);
  ModelPool models;
  for (std::size_t i = 0; i < regular; ++i) {
    const std::string kind = kRecipes[i % kRecipes.size()];
    auto recipe = plain_recipe(source, first_seed + i);
    std::string key = data_digest;
    const TrainingSet* data = &source.train;
    TrainingSet part;
    if (kind == "order") {
      recipe.seed = first_seed;  // the weights that model 0 starts from
      recipe.order_seed = first_seed + i;
    } else if (kind == "data") {
      part = share_of(source.train, kMostData, first_seed + i);
      data = &part;
      key += "/0.9/" + std::to_string(first_seed + i);
    } else if (kind == "epoch") {
      recipe.epochs += 1;
    } else if (kind == "width") {
      recipe.width = 24;
    }
    TRY(model, train_model(source, *data, key, recipe, pool + "-" + std::to_string(i) + "-" + kind));
    models.regular.push_back(std::move(model));
  }
  for (const int share : {25, 35}) {
    const auto seed = first_seed + 500 + static_cast<std::uint64_t>(share);
    const auto part = share_of(source.train, share / 100.0, seed);
    const auto key = data_digest + "/" + std::to_string(share) + "/" + std::to_string(seed);
    TRY(model, train_model(source, part, key, plain_recipe(source, seed), pool + "-weak-" + std::to_string(share)));
    models.weak.push_back(std::move(model));
  }
  return models;
}

}  // namespace defuse::bench
