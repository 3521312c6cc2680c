// What the dashboard's pages share: figures as people read them, and a page from its template. Internal to daemon/http.
#pragma once
#include <string>
#include <string_view>

#include "daemon/http/api_call.h"

namespace defuse::http {

std::string minute_of(TimePoint time);  // "2026-03-01 12:00 UTC"
std::string percent(double value);      // of a share; empty for none
std::string number(double value);       // empty for none

Json version_row(const std::string& model, const std::string& version, const Standing& standing);
Json job_row(const JobRow& job);

// Of version and standing: what a failed one can be mended by, and its corrections so far; null where there is neither.
Result<Json> mending_of(const Standing& standing, Store& store);

void allow_script(ApiResponse& page);  // one of ours; all other pages may run none

Answer html(std::string_view template_name, const Json& data, int status = 200);

}  // namespace defuse::http
