// The station that draws the latent space. It depends on the probe set and the line's seed alone, so it is made once a
// line and read afterwards: a warm gate does not pay for it. Called by pipeline.cc, last.
#pragma once
#include <filesystem>

#include "core/gate/stations.h"
#include "core/map/sprite.h"

namespace defuse {

struct StoredMap {
  LatentMap map;
  Sprite sprite;
};

// A map without t-SNE if that takes longer than `kMapSeconds`. `cancelled` if the worker is asked to stop.
inline constexpr double kMapSeconds = 60;
Result<StoredMap> map_of(const ProbeSet& probes, const Splits& splits, StageContext& context);

// The map of a version, its sprite written into `folder`.
Result<VersionMap> draw_map(const StoredMap& stored, VersionMap map, const std::filesystem::path& folder);

}  // namespace defuse
