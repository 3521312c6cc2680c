// The documents and pictures that a gate leaves beside its report, for the newest version of the large store: as many
// points, flips and regions as a page shows at most.
#pragma once
#include <filesystem>
#include <vector>

#include "core/regions/region.h"

namespace defuse {

// Name of the picture of a region's sample; regions of one class share theirs.
std::string picture_name(std::int32_t label, int sample);

// Ends the program where it cannot be written.
void write_documents(const std::filesystem::path& folder, const std::vector<Region>& regions);

}  // namespace defuse
