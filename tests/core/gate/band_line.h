// A line of models whose classes are bright bands, with a generator that loses nothing: a whole gate takes a blink.
// Shared by the tests that run whole pipelines.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "checks/all_checks.h"
#include "core/base/sha256.h"
#include "core/gate/pipeline.h"
#include "tests/support/digits.h"
#include "tests/support/temp_tree.h"
#include "tests/support/torch_models.h"

namespace defuse::testing {

inline constexpr int kClasses = 3;
inline const ImageShape kShape{1, 9, 8};

class BandLine : public ::testing::Test {
 protected:
  BandLine() {
    tree_.folder("data").folder("result");
    write_split("train", 600, 1);
    write_split("test", 600, 2);
    save_identity_pair(tree_ / "encoder.pt", tree_ / "decoder.pt", kShape);
    save_linear_model(tree_ / "old.pt", band_weights(kShape, kClasses));
    save_linear_model(tree_ / "new.pt", scaled(band_weights(kShape, kClasses), 2.0f));
    auto& settings = job_.settings;
    settings.name = "bands";
    job_.model = ModelName(settings.name);
    settings.input = {.shape = kShape, .scale = 255, .mean = {}, .std = {}};
    settings.data = {idx("train"), idx("test")};
    settings.generator.kind = GeneratorKind::torchscript;
    settings.generator.encoder = tree_ / "encoder.pt";
    settings.generator.decoder = tree_ / "decoder.pt";
    settings.checks.misclassification_regions.draws = 2;
    settings.checks.misclassification_regions.noise_scale = 0.02;
    job_.worker.threads = 1;
    job_.cache = tree_ / "cache";
    job_.candidate = artifact("2", "new.pt");
    job_.incumbent = artifact("1", "old.pt");
  }

  static Matrix scaled(Matrix weights, float factor) {
    for (float& w : weights.data) w *= factor;
    return weights;
  }

  void write_split(const std::string& name, std::size_t n, std::uint64_t seed) {
    const auto data = banded_images(kShape, kClasses, n, seed);
    TrainingSet set{.shape = kShape, .images = all_images(data), .labels = {}};
    set.labels.assign(data.labels().begin(), data.labels().end());
    ASSERT_TRUE(write_idx(set, tree_ / "data", name));
  }

  IdxSource idx(const std::string& name) const {
    return {tree_ / "data" / (name + "-images-idx3-ubyte"), tree_ / "data" / (name + "-labels-idx1-ubyte")};
  }

  ArtifactRef artifact(const std::string& version, const std::string& file) const {
    return {Version(version), Digest(sha256_file(tree_ / file).value_or("?")), tree_ / file};
  }

  Result<WorkerResult> run() {
    const auto checks = make_checks(job_.settings.checks);
    NoProgress progress;
    return run_pipeline(job_, checks, tree_ / "result", progress);
  }

  std::map<std::string, VerdictState> states(const WorkerResult& result) {
    std::map<std::string, VerdictState> by_check;
    for (const auto& check : result.checks) by_check[check.check] = check.state;
    return by_check;
  }

  TempTree tree_;
  JobSpec job_;
};

}  // namespace defuse::testing
