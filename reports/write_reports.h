// Writes everything a judged version leaves for people and pipelines. Called by the daemon and by `defusectl evaluate`,
// once per verdict. Each file appears whole or not at all. Not thread-safe for one folder.
#pragma once
#include <filesystem>

#include "reports/wording.h"

namespace defuse {

// report.json, report.html, report.md, report.junit.xml and report.sarif; page.json and map.json for the dashboard; and
// beside them the pictures that the result names. Waivers are those in force for this model, so that reports can say
// until when something is waived, by whom and why.
Result<void> write_reports(const Report& report, const std::filesystem::path& folder, const Waivers& waivers = {});

// What a pipeline needs to know, in at most 64 KiB when indented by two: for <state>/verdicts/<model>/<version>.json.
// Findings that are within their limit are left out; `findings_left_out` counts what did not fit.
inline constexpr std::size_t kMaxVerdictDocument = 64 << 10;
Json verdict_document(const Report& report);

}  // namespace defuse
