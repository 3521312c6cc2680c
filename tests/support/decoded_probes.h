// One model's answers on a whole probe set where nobody keeps the generated images: they are decoded on the way.
// For tests and benchmarks that ask one model once.
#pragma once
#include <cstdint>
#include <string>

#include "core/evaluate/evaluator.h"
#include "core/evaluate/generated_images.h"

namespace defuse::testing {

inline Result<ProbeEvaluation> decode_and_evaluate(const Classifier& model, const std::string& model_digest,
                                                   const ProbeSet& probes, const Generator& generator,
                                                   const Dataset& test, const Dataset& train,
                                                   const RegionSettings& settings, std::uint64_t seed,
                                                   Progress& progress) {
  TRY(images, GeneratedImages::of(probes, generator, test.shape(), settings, seed));
  return evaluate_probes(model, model_digest, images, test, train, /*threads=*/0, progress);
}

}  // namespace defuse::testing
