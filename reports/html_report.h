// The report as one HTML page that needs nothing else: no script, no network, pictures inside. Verdict and reasons come
// first, then what to do, the regions and broken images as picture grids, and the numbers last. Reads pictures from
// report.pictures; everything from a registry or a worker is escaped. Thread-safe.
#pragma once
#include <string>

#include "reports/wording.h"

namespace defuse {

inline constexpr std::size_t kMaxHtmlBytes = 2'000'000;  // never more; what does not fit is counted on the page

std::string html_report(const Report& report, const Waivers& waivers = {});

}  // namespace defuse
