// Which images of a region are kept as its frozen test: those that a later candidate must answer again. Called when
// pictures are drawn and by the gate benchmark, so that what is measured is what is kept. Reads no image. Pure;
// thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/evidence/evaluation.h"
#include "core/regions/region.h"

namespace defuse {

struct FrozenImage {
  std::uint32_t seed = 0;
  int draw = -1;  // -1 is the real image
  bool operator==(const FrozenImage&) const = default;
};

// By member: the perturbations that lie in the region, in order. For a region of seeds these are all plausible ones;
// for one of generated images by themselves only those inside, since a seed's others may be answered as well as ever.
std::vector<std::vector<int>> draws_inside(const Region& region, const ProbeSet& probes);

// Members right or wrong: for another candidate nothing was searched, and a test made of failures only would be one of
// hard images. Only the kind of images that showed the bug: the others would dilute it. Every seed's first image comes
// before any seed's second, since seeds are what the test counts. `incumbent` may be null. `pixels`: of one image,
// which bounds their number. Empty if nobody is inside.
std::vector<FrozenImage> choose_frozen(const Region& region, const ProbeSet& probes, const ProbeEvaluation& candidate,
                                       const ProbeEvaluation* incumbent, std::size_t pixels);

}  // namespace defuse
