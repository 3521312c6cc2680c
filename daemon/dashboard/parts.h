// What the dashboard's pages share: figures as people read them, and a page from its template. Internal to daemon/http.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/call.h"

namespace defuse::http {

std::string minute_of(TimePoint time);  // "2026-03-01 12:00 UTC"
std::string percent(double value);      // of a share; empty for none
std::string number(double value);       // empty for none

std::string badge_of(const Standing& standing);  // its verdict, or why there is none
Json version_row(const ModelName& model, const Version& version, const Standing& standing);
Json job_row(const JobRow& job);
Json sample_rows(const RegionRow& row);                                     // the pictures that were drawn of it
Json people_say(const RegionRow& row, const std::vector<LabelRow>& words);  // for dashboard_words.mustache
Json waiver_row(const WaiverRow& row, TimePoint now);
Json waiver_form(const Call& call, const ModelName& model, const std::string& finding);
// Of version and standing: what a failed one can be repaired by, and its repairs so far; null where there is neither.
Result<Json> repairs_of(const Standing& standing, Store& store);

// ?name= as a number from 0; anything else that one may find there is 0.
std::size_t number_asked(const Call& call, const char* name);
inline std::size_t page_of(const Call& call) { return number_asked(call, "page"); }
// ?name=, or nothing.
std::string asked(const Call& call, const char* name);
// Links to the pages before and after this one; `query` is the rest of it, "&show=new" or nothing.
Json pager(std::size_t page, std::size_t per_page, std::size_t shown, std::size_t total, const std::string& query = "");

Answer html(std::string_view template_name, const Json& data, int status = 200);
// As html, for pages whose scripts read or change something of this server's.
Answer html_with_scripts(std::string_view template_name, const Json& data);

}  // namespace defuse::http
