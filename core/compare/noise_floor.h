// How far two equally good versions of one line differ: the noise floor. Siblings (versions that are equally good by
// the user's word) are compared with the incumbent exactly as a candidate is, and what sets them apart becomes the
// limit for the candidate. Called by the siblings station, which measures; read by checks and reports. Knows no model
// and no file. Pure; thread-safe.
//   Under exchangeability a further equally good version exceeds the largest of n siblings' values with chance 1/(n+1):
//   little for the few siblings there are. So limits are predictive bounds: Student's t with a prior that counts as a
//   few siblings (noise_floor.cc has the formulas), which for regions is the default limit itself.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/compare/comparison.h"
#include "core/regions/region.h"

namespace defuse {

inline constexpr double kUnmeasured = std::numeric_limits<double>::quiet_NaN();

// The same quantity with either of two versions in the candidate's place.
struct BothWays {
  double forward = kUnmeasured;   // the sibling as candidate
  double backward = kUnmeasured;  // the incumbent as candidate
};

struct SiblingValues {
  std::string version;
  std::string digest;
  std::string left_out;  // why it does not count; empty if it does
  FourCounts overall;    // the incumbent as the old model, the sibling as the new one
  std::vector<FourCounts> per_class;
  BothWays flips;        // largest lower bound of a region's net flip rate
  BothWays clear_flips;  // the same of clear flips
};

// What the siblings say about one quantity, and where the candidate lies.
struct NoiseLimit {
  double default_limit = kUnmeasured;  // what holds without siblings; NaN if nothing does
  double limit = kUnmeasured;          // what holds; NaN if nothing does
  double mean = kUnmeasured;           // of the siblings' values, both ways
  double largest = kUnmeasured;
  double candidate = kUnmeasured;
  double p = kUnmeasured;     // chance that an equally good version reaches the candidate's value
  std::int64_t values = 0;    // siblings' values, both ways
  std::int64_t at_least = 0;  // of them, as large as the candidate's
};

struct NoiseFloor {
  std::string problem;  // why default limits hold; empty if the siblings' do
  std::int64_t counted = 0;
  std::vector<SiblingValues> siblings;
  NoiseLimit region;        // lower bound of the net flip rate of the worst region
  NoiseLimit clear_region;  // the same of clear flips
  NoiseLimit flips;         // negative flip rate
  NoiseLimit relative;      // relative negative flip rate
  std::vector<NoiseLimit> class_flips;
  bool made() const { return problem.empty(); }
};

// The largest lower bound of the net flip rate on unseen seeds, of regions with enough seeds to block that count flips
// so; 0 if none is above.
double largest_harm(const std::vector<Region>& regions, Measure measure, std::int64_t min_support);

// Why a version is not equally good, whatever its owner says: its accuracy differs significantly (exact McNemar,
// two-sided, p <= 0.01) and by more than `max_drop`. Empty if nothing speaks against it.
std::string contradicts_equality(const FourCounts& counts, double max_drop);

// The limit for regions. With no value it is `default_limit`; never outside [0.02, 0.9], which `default_limit` widens.
NoiseLimit region_limit(std::span<const BothWays> values, double default_limit, double alpha);

// The floor with flips, relative and class_flips filled from the siblings that count.
NoiseFloor with_flip_limits(NoiseFloor floor, double alpha);

// The floor, or the limit, with where the candidate lies. `values` and `alpha` are those that the limit was made with.
NoiseFloor with_flips_placed(NoiseFloor floor, const Comparison& candidate);
NoiseLimit with_region_placed(NoiseLimit limit, std::span<const BothWays> values, double candidate, double alpha);

// Chance that an equally good version breaks this many images, absolutely and relatively; NaN without a floor.
double chance_of_flips(const NoiseFloor& floor, const FourCounts& counts);
double chance_of_relative(const NoiseFloor& floor, const FourCounts& counts);

// The siblings that count, as the functions above take them.
std::vector<BothWays> flips_of(const NoiseFloor& floor);
std::vector<BothWays> clear_flips_of(const NoiseFloor& floor);

}  // namespace defuse
