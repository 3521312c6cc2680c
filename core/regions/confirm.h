// Measures frozen regions: scores on either half, the tests on the confirmation half, and the status that follows; and
// what both searches say of a region in the same way. Called by the region searches only. Pure; deterministic.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "core/regions/observations.h"
#include "core/regions/scan.h"

namespace defuse {

enum class Question {
  worse,  // where did it get worse: net flip rate
  fails,  // where does the candidate fail: its error
  fixed,  // where did it get better: minus the net flip rate
};

// A ball that was chosen on the discovery half and may not change any more.
struct FrozenRegion {
  Question question = Question::worse;
  ImageKind evidence = ImageKind::real;
  std::size_t space = 0;  // into RegionSearchInput::spaces
  std::int32_t label = 0;
  ScanBall ball;
};

// What the candidate does in a class away from any region: the discovery half's mean errors, for `fails`.
struct ClassBase {
  double candidate_error = 0;
  double incumbent_error = 0;
};

struct SearchView {
  const RegionSearchInput& input;
  const RegionSearchSettings& settings;
  const Observations& observations;
};

inline constexpr double kDisplayZ = 1.959963984540054;  // 95 %, two-sided
// An incumbent that fails at most this often in a region did not have the bug; above it the candidate made one worse.
inline constexpr double kIncumbentKnew = 0.10;
// Of what was not confirmed, only what the held-back images at least repeat is worth a person's time.
inline constexpr double kRepeats = 0.05;

// The commonest of the wrong answers (class -> how many images) and its share; the lowest class of several.
void name_commonest(const std::map<std::int32_t, std::int64_t>& wrong, Region& region);
// The mixture component most of the members' error codes belong to; it only names the region.
void set_component(const SearchView& view, Region& region);

// The frozen region as a Region: members of both halves, scores without tests, prediction, mixture component.
Region measure_region(const SearchView& view, const FrozenRegion& frozen);

// Tests one question's family together (Holm, and bounds at alpha / family) and sets p, bounds and status of `regions`,
// which are the measured `frozen`, index for index. `bases` is by [evidence][class].
void confirm_family(const SearchView& view, const std::vector<FrozenRegion>& frozen,
                    const std::vector<std::vector<ClassBase>>& bases, std::vector<Region>& regions);

}  // namespace defuse
