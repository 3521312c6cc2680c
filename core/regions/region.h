// A found region: a ball in one space (VAE codes, or a model's last hidden layer) among images of one true class,
// frozen on the discovery half and measured on the confirmation half. Plain values; written to results and reports,
// kept by the store.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/names.h"
#include "core/evidence/evaluation.h"
#include "core/regions/kinds.h"
#include "core/stats/four_counts.h"

namespace defuse {

enum class RegionStatus {
  new_bug,    // candidate fails, incumbent did not; confirmed beyond the limit
  worse,      // both fail, the candidate confirmedly more
  inherited,  // both fail about as often
  fixed,      // incumbent failed, candidate does not
  suspected,  // found on the discovery half, not confirmed
};
std::string_view to_string(RegionStatus status);
Result<RegionStatus> region_status_from(std::string_view text);

struct Interval {
  double lower = 0;
  double upper = 1;
};

// What one half of the seeds says about a region. Seeds are the unit: a seed with perturbations counts by its mean.
struct RegionScore {
  std::int64_t seeds = 0;      // members with at least one usable observation
  FourCounts real;             // on the members' real images
  FourCounts generated;        // on their plausible perturbations, pooled (for display; tests use seeds)
  double candidate_error = 0;  // mean over seeds
  double incumbent_error = 0;
  Interval candidate_interval;  // 95 %, Wilson on seeds, for display
  Interval incumbent_interval;
  double net_flip_rate = 0;  // mean over seeds of (b_j - c_j) / n_j
  double net_lower = -1;     // one-sided lower bound of it at the family's level (confirmation half only)
  double p_raw = 1;          // exact sign-flip test of no difference, one-sided
  double p_adjusted = 1;     // Holm over the regions confirmed in this gate
};

struct RegionMember {
  std::uint32_t seed = 0;  // into ProbeSet::seeds
  double distance = 0;     // from the centre
};

// One image of a region, shown to people and kept as a frozen test.
struct RegionSample {
  ImageKind kind = ImageKind::real;
  Split split = Split::test;
  std::uint32_t index = 0;  // of the seed image in its split
  int draw = -1;            // perturbation number; -1 for a real image
  std::int32_t candidate_predicted = -1;
  std::int32_t incumbent_predicted = -1;
  std::string picture;  // file name in the result folder; empty if none was drawn
};

// A real seed image near a region's middle.
struct RegionNeighbour {
  RegionSample image;
  std::int32_t label = 0;
  double distance = 0;  // from the middle of the region's members, in its space
};

// What real images lie near a region, so that a person can judge whether its bug is known in the training data
// (novelty.h).
struct RegionNovelty {
  std::vector<RegionNeighbour> nearest;        // of any label, nearest first
  std::vector<RegionNeighbour> nearest_wrong;  // training images that the candidate gets wrong
  std::vector<double>
      pair_distances;  // of random pairs of training images: 5, 25, 50, 75 and 95 %; empty with fewer than two
  double farther_pairs =
      0;  // share of those pairs that lie farther apart than the nearest of `nearest_wrong`; 0 without one
};

struct Region {
  RegionId id;  // "r-" and 12 hex; kept across releases while it is the same bug
  RegionStatus status = RegionStatus::suspected;
  Space space = Space::codes;
  RegionEvidence evidence = RegionEvidence::real;
  RegionShape shape = RegionShape::ball;
  Measure measure = Measure::flips;  // what net_flip_rate and net_lower of a regression count
  std::vector<float> center;         // [d] in that space; a half-space's direction w
  double radius = 0;                 // a half-space is w . x >= radius
  std::int32_t label = 0;            // true class of its members
  std::int32_t predicted_as = -1;    // the candidate's commonest wrong answer there
  double predicted_as_share = 0;     // share of the wrong answers that are it
  bool regression = false;           // found by the gate's question, confirmed or not; not written to results
  int component = -1;                // mixture component that most of its error codes belong to; -1 if none
  RegionScore discover;
  RegionScore confirm;
  std::vector<RegionMember> members;  // both halves, nearest first
  std::vector<std::uint32_t> draws;   // seed * draws + draw of the generated images inside, where the region is one of
                                      // generated images by themselves; empty otherwise, and not written to results
  std::vector<RegionSample> samples;  // at most a few dozen: errors first, nearest the centre
  std::optional<RegionNovelty>
      novelty;  // where the candidate fails; nothing for other regions and in rows stored before it was looked at
  std::string frozen;  // file in the result folder with the images of its frozen test (.npy); empty if none
  std::vector<std::uint32_t> frozen_cluster;  // seed each frozen image came from: the unit when the test is run again
  std::string sentence;                       // for a person
};

}  // namespace defuse
