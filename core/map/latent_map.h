// A picture of the latent space: some of the probe set's seeds laid out in the plane, by principal components and by
// t-SNE, so that a person sees where errors and regions lie. It depends on the probe set and a seed alone, so it is
// made once a line; what a version answers is added afterwards. Nothing is decided by it. Pure; deterministic.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/evidence/evaluation.h"
#include "core/numerics/tsne.h"
#include "core/regions/region.h"

namespace defuse {

inline constexpr std::size_t kMapSeeds = 1'500;  // what a page draws at once, and t-SNE lays out in about a second

struct LatentMap {
  std::vector<std::uint32_t> seeds;  // into ProbeSet::seeds, ascending
  std::vector<float> pca;            // [n, 2]
  std::vector<float> tsne;           // [n, 2]; empty if it could not be made
  std::string tsne_problem;          // why not; empty if it was
  double pca_share = 0;              // of the codes' variance that lies along the two axes
};

// At most `most` seeds, every label in proportion and with one at least while there is room; fixed by `seed`.
// Ascending.
std::vector<std::uint32_t> choose_shown(const ProbeSet& probes, std::size_t most, std::uint64_t seed);

// `invalid_input` for a probe set without two different finite codes. A t-SNE that cannot be made, or that `go_on`
// ends, is a fact in the map.
Result<LatentMap> latent_map(const ProbeSet& probes, std::size_t most, std::uint64_t seed, const Spread& spread,
                             const std::function<bool()>& go_on);

// One seed of the map and what was made of it.
struct MapPoint {
  float pca_x = 0, pca_y = 0;
  float tsne_x = 0, tsne_y = 0;  // 0 where the map has no t-SNE
  Split split = Split::test;
  std::uint32_t index = 0;  // of the image in its split
  std::int32_t label = 0;
  std::int32_t candidate = -1;  // predicted on the real image
  std::int32_t incumbent = -1;  // -1 without one
  std::int32_t region = -1;     // the first, so the worst, region it is a member of; -1 for none
};

// A version's map, as its result carries it.
struct VersionMap {
  std::vector<MapPoint> points;
  double pca_share = 0;
  bool tsne = false;
  std::string tsne_problem;
  std::int64_t seeds = 0;  // of the probe set, of which the points are some
  std::string sprite;      // file beside the result: the points' images, in rows of `columns`; empty if none
  std::int64_t columns = 0;
  std::int64_t tile_width = 0;  // pixels
  std::int64_t tile_height = 0;
};

// The points of `map` with both models' answers; `incumbent` may be null.
VersionMap version_map(const LatentMap& map, const ProbeSet& probes, const ProbeEvaluation& candidate,
                       const ProbeEvaluation* incumbent, const std::vector<Region>& regions);

}  // namespace defuse
