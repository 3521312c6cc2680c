// Trains a Vae on the images of one split. Called by Generator::train. Reads the data through Dataset, batch by batch,
// so memory does not grow with it. Uses no global random state.
#pragma once
#include <cstdint>

#include "core/evaluate/dataset.h"
#include "core/ml/generator.h"
#include "core/ml/vae.h"
#include "core/pipeline/progress.h"
#include "core/pipeline/settings.h"
#include "core/result.h"

namespace defuse {

// Same seed, data, settings and machine: same weights, whatever `threads` is. `cancelled` when progress asks to stop
// (asked before every batch; the checkpoint then says where), `internal` if the bound becomes NaN or infinite,
// `invalid_input` for settings that cannot be followed.
Result<Generator::TrainingLog> train_vae(Vae& vae, const Dataset& images, const GeneratorSettings& settings,
                                         std::uint64_t seed, int threads, Progress& progress,
                                         const Generator::Checkpoint& checkpoint = {});

}  // namespace defuse
