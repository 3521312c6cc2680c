// A region keeps its id across releases while it is the same bug. Pure functions.
#pragma once
#include <string>
#include <vector>

#include "core/base/names.h"
#include "core/regions/region.h"

namespace defuse {

// What is remembered of an earlier region: enough to recognise it, whatever space it was found in.
struct RegionFingerprint {
  RegionId id;
  std::int32_t label = 0;
  std::int32_t predicted_as = -1;
  std::vector<std::uint32_t> members;  // seed indices of ProbeSet, valid only for this probe digest
  std::string probe_digest;
};

// "r-" and 12 hex of SHA-256 over model line, probe set, label, prediction and members.
RegionId new_region_id(const std::string& model, const std::string& probe_digest, const Region& region);

// Gives every region an id: that of the earlier region which is the same bug, or a new one. The same bug has the same
// label; and, with the same probe set, at least 30 % of the smaller one's members shared (overlap coefficient) and the
// same predicted class, or 50 % shared whatever it is predicted as. Two of one gate never share an id (the better match
// keeps it).
void assign_ids(const std::string& model, const std::string& probe_digest,
                const std::vector<RegionFingerprint>& earlier, std::vector<Region>& regions);

}  // namespace defuse
