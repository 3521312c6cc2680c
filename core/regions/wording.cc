#include "core/regions/wording.h"

#include "core/base/figures.h"

namespace defuse {
namespace {

std::string what_it_says(const Region& region) {
  if (region.predicted_as < 0) return "now get no valid answer";
  return "are now read as " + std::to_string(region.predicted_as);
}

std::int64_t candidate_wrong(const FourCounts& c) { return c.negative_flips + c.both_wrong; }
std::int64_t incumbent_wrong(const FourCounts& c) { return c.positive_flips + c.both_wrong; }

// "of 24 held-back images the new model gets 22 wrong, the old one 1"
std::string evidence(const Region& region, bool has_incumbent) {
  const RegionScore& score = region.confirm;
  if (region.evidence == RegionEvidence::real) {
    std::string text = "of " + std::to_string(score.real.total()) + " held-back images the new model gets " +
                       std::to_string(candidate_wrong(score.real)) + " wrong";
    if (has_incumbent) text += ", the old one " + std::to_string(incumbent_wrong(score.real));
    return text;
  }
  std::string text = "of " + std::to_string(score.generated.total()) + " generated variations of " +
                     std::to_string(score.seeds) + " held-back images the new model gets " +
                     percent(score.candidate_error, 0) + " wrong";
  if (has_incumbent) text += ", the old one " + percent(score.incumbent_error, 0);
  return text;
}

}  // namespace

std::string describe_region(const Region& region, bool has_incumbent, std::int64_t min_support) {
  const std::string these = "Images of class " + std::to_string(region.label) + " that look like these ";
  const std::string counted = evidence(region, has_incumbent) + ".";
  if (!has_incumbent) {
    return these + "may be a weak spot: " + evidence(region, has_incumbent) +
           "; there is no model in production yet to compare with.";
  }
  switch (region.status) {
    case RegionStatus::new_bug:
      return these + what_it_says(region) + ": " + counted;
    case RegionStatus::worse:
      return these + "were a weak spot before and are worse now: " + counted;
    case RegionStatus::inherited:
      return these + "are a weak spot of both models: " + counted;
    case RegionStatus::fixed:
      return these + "are read better than before: " + counted;
    case RegionStatus::suspected:
      break;
  }
  if (region.confirm.seeds < min_support) {
    return these + "may have become worse, but only " + std::to_string(region.confirm.seeds) +
           " held-back images are similar, too few to decide: " + counted;
  }
  return these + "may have changed, but the held-back images do not confirm it: " + counted;
}

}  // namespace defuse
