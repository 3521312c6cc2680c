// One tuning of a TorchScript module: stochastic gradient descent with momentum from the weights that it has.
//   L = CE(training batch) + lambda CE(region batch) [+ gamma mean_i (alpha + beta 1(teacher right on x_i)) D_i]
//   D_i: logits  |phi(x_i) - phi_old(x_i)|^2 / 2        kl  tau^2 KL(softmax(phi/tau) || softmax(phi_old/tau))
// over the training batch. (tau^2: without it the term is too small to act; methods "graceful", 2.1.)
// Dropout acts as in training, where the module has it; batch norm keeps its statistics unless told otherwise; the
// optimiser begins anew. Several may run at once, each on one thread; the result depends on the order of the batches
// alone, except that dropout draws from Torch's one generator: such modules are to be tuned one after another.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/data/dataset.h"
#include "core/repair/repair.h"
#include "core/repair/samples.h"
#include "core/settings/settings.h"
#include "core/verdict/job.h"

namespace defuse {

// Images that are held in memory, with what they show.
struct LabelledImages {
  std::vector<float> pixels;    // [n, C, H, W] in [0,1]
  std::vector<Sample> samples;  // [n]
  std::size_t size() const { return samples.size(); }
};

// What the incumbent says of the training images that are used.
struct Teacher {
  Matrix logits;                     // [rows, classes]
  std::vector<std::int32_t> row_of;  // by training image; -1 = not used
};

struct TuningPlan {
  double lambda = 0;
  bool on_training = true;                  // false: the samples' loss alone, with weight 1
  const LabelledImages* samples = nullptr;  // none where lambda is 0
  Distillation distillation = Distillation::none;
  const Teacher* teacher = nullptr;  // required with distillation
};

// Training images in the order in which they are used, `batch` at a time; the same for every plan.
std::vector<std::uint32_t> training_order(std::span<const std::uint32_t> images, const RepairSettings& settings);

// `invalid_input` for a module that has no weights to tune (says how to export it), whose forward pass cannot be
// differentiated or whose loss stops being a number; `unavailable` if the file is no longer what its digest says.
// `stop` is asked before each step: `cancelled`.
Result<void> fine_tune(const ArtifactRef& artifact, const InputSettings& input, bool gives_probabilities,
                       const Dataset& train, std::span<const std::uint32_t> order, const TuningPlan& plan,
                       const RepairSettings& settings, const std::function<bool(int step)>& stop,
                       const std::filesystem::path& out);

// Whether it calls dropout, which draws random numbers.
Result<bool> has_dropout(const ArtifactRef& artifact);

}  // namespace defuse
