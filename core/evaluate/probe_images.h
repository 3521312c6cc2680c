// The images of a probe set: real seed images and decoded perturbations. Each is measured by model-free statistics, and
// a perturbation whose image is no longer one of its class is dropped. Called once, when the set is built.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/evidence/evaluation.h"
#include "core/generator/generator.h"
#include "core/settings/settings.h"

namespace defuse {

// Fills probes.statistics from probes.seeds.
Result<void> measure_seed_images(const Dataset& test, const Dataset& train, int threads, ProbeSet& probes);

// Whether codes [n, latent], each of the draw at rows[i], lie among codes of that draw's class: 1 or 0 for each. Any
// thread may call it.
using AmongItsClass = std::function<std::vector<std::uint8_t>(const Matrix& codes, std::span<const std::size_t> rows)>;

// Decodes every draw whose code is plausible, codes its image again, and keeps the draw plausible only if that code,
// too, lies among its class; measures what is kept into probes.draw_statistics. A decoder may draw from a plausible
// code an image of another class, on which every right model would be called wrong. Everything else of `probes` must
// be complete.
// `report` is told how many seeds are done; its error ends the work.
Result<void> settle_draws(const Generator& generator, const ImageShape& shape, const RegionSettings& settings,
                          std::uint64_t seed, int threads, const AmongItsClass& among_its_class,
                          const std::function<Result<void>(std::size_t done)>& report, ProbeSet& probes);

// Root mean squared error per pixel of D(mean) over the test images among the seeds. `invalid_input` if there is none.
Result<double> reconstruction_error(const Generator& generator, const ProbeSet& probes, const Dataset& test);

}  // namespace defuse
