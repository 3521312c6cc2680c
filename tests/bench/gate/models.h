// The honest models of a source: one pool for tuning, one for final figures, with disjoint seeds. Each is trained once
// and kept as TorchScript under a name that hashes recipe and data. Not thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/gate/sources.h"
#include "tests/support/small_cnn.h"

namespace defuse::bench {

struct ModelFile {
  std::string name;  // "final-3-epoch"
  std::filesystem::path path;
  std::string digest;
};

struct ModelPool {
  std::vector<ModelFile> regular;
  std::vector<ModelFile> weak;  // of 25 to 35 % of the data: incumbents that a planted candidate can beat
};

// A 64-bit seed for whatever has this name.
std::uint64_t seed_of(std::string_view name);
// The same for what is drawn in a pool. Raise kFinalDraw whenever the final figures have been looked at and the search
// was changed afterwards: a pool that has taught something is a tuning pool.
inline constexpr std::uint64_t kFinalDraw = 2;
std::uint64_t seed_in(std::string_view pool, std::string_view name);

// Trains what is missing, one model after the other, and tells on stderr which.
Result<ModelPool> train_pool(const Source& source, const std::string& pool);

// One more model of the pool's kind on other data. `data_key` says what `data` is.
Result<ModelFile> train_model(const Source& source, const testing::TrainingSet& data, const std::string& data_key,
                              const testing::CnnRecipe& recipe, const std::string& name);

// What a planted-by-training candidate is trained with: another seed of the plain recipe.
testing::CnnRecipe plain_recipe(const Source& source, std::uint64_t seed);

}  // namespace defuse::bench
