#include "core/regions/region.h"

#include <array>

namespace defuse {
namespace {
constexpr std::array kStatuses{RegionStatus::new_bug, RegionStatus::worse, RegionStatus::inherited, RegionStatus::fixed,
                               RegionStatus::suspected};
}  // namespace

std::string_view to_string(RegionStatus status) {
  switch (status) {
    case RegionStatus::new_bug:
      return "new";
    case RegionStatus::worse:
      return "worse";
    case RegionStatus::inherited:
      return "inherited";
    case RegionStatus::fixed:
      return "fixed";
    case RegionStatus::suspected:
      return "suspected";
  }
  return "suspected";
}

Result<RegionStatus> region_status_from(std::string_view text) {
  for (const RegionStatus status : kStatuses)
    if (to_string(status) == text) return status;
  return fail(ErrorCode::invalid_input,
              "'" + std::string(text) + "' is no region status (new, worse, inherited, fixed, suspected)");
}

}  // namespace defuse
