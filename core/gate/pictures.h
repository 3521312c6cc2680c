// Chooses and draws what people look at: samples of each region, the broken images, and the frozen test images of
// confirmed bugs. Writes PNG and .npy files into the result folder and their names into the structs. Called by
// pipeline.cc, last.
#pragma once
#include <filesystem>
#include <vector>

#include "core/gate/stations.h"

namespace defuse {

struct PictureInput {
  const Splits& splits;
  const ProbeSet& probes;
  const Generator& generator;
  const ProbeEvaluation& candidate;
  const ProbeEvaluation* incumbent;  // null if there is none
};

// The regions with what people look at: up to 8 real and 8 generated samples of each region, failures nearest the
// centre first; the real images nearest to those where the candidate fails (novelty.h); and, for confirmed bugs, the
// frozen test.
Result<std::vector<Region>> draw_regions(std::vector<Region> regions, const PictureInput& input,
                                         const StageContext& context, const std::filesystem::path& folder);

// The first 60 images that the incumbent gets right and the candidate breaks.
Result<std::vector<RegionSample>> draw_flips(const Comparison& comparison, const Evaluation& candidate,
                                             const Evaluation& incumbent, const Splits& splits,
                                             const std::filesystem::path& folder);

}  // namespace defuse
