// Model-free statistics of every image of a probe set: real seed images and decoded perturbations. Called once, when
// the set is built.
#pragma once
#include <cstdint>

#include "core/evaluate/dataset.h"
#include "core/evaluate/evaluation.h"
#include "core/ml/generator.h"
#include "core/pipeline/progress.h"
#include "core/pipeline/settings.h"
#include "core/result.h"

namespace defuse {

// Fills probes.statistics from probes.seeds.
Result<void> measure_seed_images(const Dataset& test, const Dataset& train, int threads, ProbeSet& probes);
// Fills probes.draw_statistics; everything else of `probes` must be complete.
Result<void> measure_draws(const Generator& generator, const ImageShape& shape, const RegionSettings& settings,
                           std::uint64_t seed, int threads, ProbeSet& probes, Progress& progress);

}  // namespace defuse
