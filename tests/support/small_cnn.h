// A small convolutional classifier that is really trained, then written as TorchScript: what tests, the demo and
// benchmarks gate. Two convolutions, one hidden layer. Deterministic for a seed on one machine; single-threaded.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/settings/settings.h"

namespace defuse::testing {

struct TrainingSet {
  ImageShape shape;
  std::vector<float> images;         // [n, C, H, W] in [0,1]
  std::vector<std::int32_t> labels;  // [n]
  std::size_t size() const { return labels.size(); }
};

struct CnnRecipe {
  int classes = 10;
  int epochs = 10;
  int width = 16;  // channels of the first convolution; the second has twice as many
  double learning_rate = 2e-3;
  bool decay = false;  // learning rate falls linearly to nothing, so that retrains end up alike
  std::uint64_t seed = 1;
  std::uint64_t order_seed = 0;  // of the order of the data; 0 = seed
};

// Trains on `data` and saves a scripted module whose forward takes images in [0,1] and gives logits.
Result<void> train_and_save(const TrainingSet& data, const CnnRecipe& recipe, const std::filesystem::path& file);

}  // namespace defuse::testing
