// A region in one sentence, for a person who never heard of how it was found. Pure.
#pragma once
#include <cstdint>
#include <string>

#include "core/regions/region.h"

namespace defuse {

// `has_incumbent`: without one the sentence says that there is nothing to compare with.
std::string describe_region(const Region& region, bool has_incumbent, std::int64_t min_support);

}  // namespace defuse
