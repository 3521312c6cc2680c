// Station 2: a version's answers on the test split and on the probe set, and the facts of its contract.
// Works in batches, so memory is bounded by the batch, not by the data.
#pragma once
#include "core/base/progress.h"
#include "core/data/dataset.h"
#include "core/evaluate/generated_images.h"
#include "core/evidence/evaluation.h"
#include "core/evidence/generator_health.h"
#include "core/generator/generator.h"
#include "core/torch/model.h"

namespace defuse {

// Runs the whole split. model_digest is written into the answer.
Result<Evaluation> evaluate(const TorchModel& model, const std::string& model_digest, const Dataset& data,
                            std::int64_t classes, Progress& progress);

// Loads nothing and judges nothing: shape on a small batch, determinism (the same 64 images twice, and in batches of 1
// and 64), latency of one image. `facts` comes with what loading already told; what is learned is filled in. Never
// fails: a model that throws is a fact (run_error).
ContractFacts inspect(const TorchModel& model, const Dataset& data, ContractFacts facts);

// Asks for the images of that trial once more, after the model was asked for everything else, in one batch, and counts
// those whose answer is not the one that `answered` holds as not deterministic. Differences that rounding explains do
// not count.
ContractFacts ask_again(const TorchModel& model, const Dataset& data, const Evaluation& answered, ContractFacts facts);

// The fixed probe set of a model line: test images and up to settings.train_seeds training images as seeds (chosen by
// seeded hash), halves by content hash, codes, plausibility of every perturbation by k nearest training codes (at most
// 20,000 of them).
Result<ProbeSet> build_probe_set(const Generator& generator, const Dataset& test, const Dataset& train,
                                 const RegionSettings& settings, std::uint64_t seed, int threads, Progress& progress);

// The codes of draws first_draw…first_draw+count-1 of one seed: move_of_draw of its code, then noise from the
// counter-based stream keyed by (seed, split and index of the seed image, draw): ProbeSet carries no content hash.
// A label without a class mean moves away from the origin. out: [count, latent]
void perturbed_codes(const ProbeSet& probes, const RegionSettings& settings, std::uint64_t seed, std::size_t seed_index,
                     int first_draw, int count, Matrix& out);

// One model's answers on the whole probe set, over `threads` threads (0 = one per core).
Result<ProbeEvaluation> evaluate_probes(const Classifier& model, const std::string& model_digest,
                                        const GeneratedImages& images, const Dataset& test, const Dataset& train,
                                        int threads, Progress& progress);

// Whether generated images may count (GeneratorSettings' limits), from the incumbent's (or, without one, the
// candidate's) answers on them and the reconstruction error on the test split.
Result<GeneratorHealth> judge_generator(const Generator& generator, const ProbeSet& probes,
                                        const ProbeEvaluation& answers, const GeneratorSettings& settings);

}  // namespace defuse
