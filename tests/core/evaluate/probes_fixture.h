// A probe set small enough to check by hand, for the tests of what is made of one: 60 test and 200 training images of
// four classes, and a generator whose code is the image itself.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "core/base/progress.h"
#include "core/data/dataset.h"
#include "core/evaluate/evaluator.h"
#include "core/generator/generator.h"
#include "core/torch/model.h"
#include "tests/support/temp_tree.h"
#include "tests/support/torch_models.h"

namespace defuse {

inline const ImageShape kShape{1, 8, 6};
inline constexpr int kClasses = 4;

inline RegionSettings small_settings() {
  RegionSettings settings;
  settings.draws = 3;
  settings.train_seeds = 40;
  settings.neighbours = 5;
  settings.agreement = 0.8;
  settings.noise_scale = 0.25;
  return settings;
}

class CountingProgress final : public Progress {
 public:
  void report(std::string_view, double fraction) override {
    EXPECT_GE(fraction, last);
    EXPECT_LE(fraction, 1);
    last = fraction;
    ++reports;
  }
  bool stop_requested() const override { return reports >= stop_after; }
  double last = 0;
  int reports = 0;
  int stop_after = 1 << 30;
};

// The generator's code is the image, so every number can be checked by hand.
class ProbesTest : public ::testing::Test {
 protected:
  ProbesTest()
      : test_(testing::banded_images(kShape, kClasses, 60, 1)),
        train_(testing::banded_images(kShape, kClasses, 200, 2)) {
    testing::save_identity_pair(tree_ / "encoder.pt", tree_ / "decoder.pt", kShape);
  }

  Generator generator() {
    auto pair = Generator::load_pair(tree_ / "encoder.pt", tree_ / "decoder.pt", kShape, 2);
    if (!pair) throw std::runtime_error(pair.error().describe());
    return std::move(*pair);
  }
  ProbeSet build(const RegionSettings& settings = small_settings(), std::uint64_t seed = 1, int threads = 2) {
    auto probes = build_probe_set(generator(), test_, train_, settings, seed, threads, progress_);
    if (!probes) throw std::runtime_error(probes.error().describe());
    return std::move(*probes);
  }
  TorchModel model(testing::ModelKind kind) {
    testing::save_model(tree_ / "m/1/model.pt", kind, kShape, kClasses);
    return load();
  }
  TorchModel band_model() {
    testing::save_linear_model(tree_ / "m/1/model.pt", testing::band_weights(kShape, kClasses));
    return load();
  }
  TorchModel load() {
    InputSettings input;
    input.shape = kShape;
    auto loaded = TorchModel::load(tree_ / "m/1/model.pt", input, {2, "cpu"});
    if (!loaded) throw std::runtime_error(loaded.error().describe());
    return std::move(*loaded);
  }

  testing::TempTree tree_;
  Dataset test_;
  Dataset train_;
  CountingProgress progress_;
};

}  // namespace defuse
