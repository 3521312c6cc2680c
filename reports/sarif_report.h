// The report as SARIF 2.1.0, for code scanning pages. A region or finding is recognised across versions by its
// fingerprint, a waiver is an external suppression, and every result points at the policy file, since a model has no
// lines. Pure function.
#pragma once
#include "reports/wording.h"

namespace defuse {

inline constexpr std::size_t kMaxSarifBytes = 5'000'000;
inline constexpr std::size_t kMaxSarifResults = 5'000;  // of a run, what GitHub keeps

Json sarif_report(const Report& report, const Waivers& waivers = {});

}  // namespace defuse
