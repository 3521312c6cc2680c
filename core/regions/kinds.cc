#include "core/regions/kinds.h"

namespace defuse {

std::string_view to_string(ImageKind kind) { return kind == ImageKind::real ? "real" : "generated"; }

std::string_view to_string(RegionEvidence evidence) {
  switch (evidence) {
    case RegionEvidence::real:
      return "real";
    case RegionEvidence::generated:
      return "generated";
    case RegionEvidence::both:
      return "both";
  }
  return "both";
}

std::string_view to_string(Space space) {
  switch (space) {
    case Space::codes:
      return "codes";
    case Space::candidate_embedding:
      return "candidate_embedding";
    case Space::incumbent_embedding:
      return "incumbent_embedding";
    case Space::image_statistics:
      return "image_statistics";
  }
  return "codes";
}

std::string_view to_string(RegionShape shape) { return shape == RegionShape::ball ? "ball" : "half_space"; }

std::string_view to_string(Measure measure) { return measure == Measure::flips ? "flips" : "clear_flips"; }

}  // namespace defuse
