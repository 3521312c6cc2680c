// What the API and the dashboard ask about a correction. Internal to daemon/http.
#pragma once
#include "core/repair/repair.h"
#include "daemon/api/call.h"

namespace defuse::http {

// The job in the path; `not_found` if there is none, or if it is a gate.
Result<JobRow> repair_job(const Call& call);

// What a job that is done left; `not_found` once newer ones have taken its place.
Result<RepairResult> repair_result(const Call& call, const JobRow& job);

}  // namespace defuse::http
