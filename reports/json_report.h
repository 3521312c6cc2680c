// The report as JSON, which is the truth that every other rendering repeats. Schema: reports/schema/report-v1.json.
// The same inputs give the same bytes, but for what stands under the key "run": times, memory, machine and job number.
// Paths of artifacts are never written. Pure function; thread-safe.
#pragma once
#include "reports/wording.h"

namespace defuse {

Json report_json(const Report& report, const Waivers& waivers = {});

}  // namespace defuse
