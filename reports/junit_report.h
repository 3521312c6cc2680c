// The report as JUnit XML, for the test pages of CI systems: one case for the verdict, one per check, finding and
// region. Names hold no measured number, so a case keeps its name from version to version. What blocks is a failure,
// what could not be measured or decided an error, what a waiver covers is skipped, and the suite is green only for the
// verdict `pass`. Pure.
#pragma once
#include <string>

#include "reports/wording.h"

namespace defuse {

inline constexpr std::size_t kMaxJunitBytes = 5'000'000;

std::string junit_report(const Report& report, const Waivers& waivers = {});

}  // namespace defuse
