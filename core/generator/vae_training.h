// Trains a Vae on the images of one split. Called by Generator::train. Reads the data through Dataset, batch by batch,
// so memory does not grow with it. Uses no global random state.
#pragma once
#include <cstdint>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/generator/generator.h"
#include "core/generator/vae.h"
#include "core/settings/settings.h"

namespace defuse {

// Same seed, data, settings and machine: same weights, whatever `threads` is. `cancelled` when progress asks to stop
// (asked before every batch; the checkpoint then says where), `internal` if the bound becomes NaN or infinite,
// `invalid_input` for settings that cannot be followed.
Result<Generator::TrainingLog> train_vae(Vae& vae, const Dataset& images, const GeneratorSettings& settings,
                                         std::uint64_t seed, int threads, Progress& progress,
                                         const Generator::Checkpoint& checkpoint = {});

}  // namespace defuse
