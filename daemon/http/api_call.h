// What one API handler is given, and the helpers that every handler shares. Internal to daemon/http: handlers live in
// the api_*.cc files, the route table in api.cc. One call, one thread.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/regions/votes.h"
#include "daemon/http/api.h"
#include "daemon/http/standing.h"

namespace defuse::http {

struct Call {
  const ApiRequest& request;
  ReadModel& read;
  Actions& actions;
  std::map<std::string, std::string> parameters;  // of the path, decoded; names and ids are valid ones
  std::map<std::string, std::string> query;
  std::optional<TokenInfo> token;
  bool may_read = false;  // for details on pages that anybody may ask for

  const std::string& at(const char* name) const { return parameters.at(name); }
  std::string who() const { return token ? token->name : "anonymous"; }
};

using Answer = Result<ApiResponse>;  // an Error becomes problem+json by status_map

ApiResponse json_response(const Json& body, int status = 200);
Json time_or_null(const std::optional<TimePoint>& time);
Json text_or_null(const std::string& text);
std::string version_url(const std::string& model, const std::string& version);

// ?limit=, 1 to 1000; `fallback` if absent.
Result<std::size_t> limit_of(const Call& call, std::size_t fallback);
// ?offset=, 0 if absent; not beside ?before=.
Result<std::size_t> offset_of(const Call& call);
// The body as an object whose keys are all among `allowed`: a misspelt "override" must not be ignored.
Result<Json> body_of(const Call& call, const std::vector<std::string>& allowed);
// The model, or not_found.
Result<ModelFacts> known_model(const Call& call, Store& store);

Json finding_list(const Verdict& verdict, bool violations_only);
Json job_json(const JobRow& job);
Tally tally_of(const std::vector<LabelRow>& words);
Json version_json(const ModelFacts& facts, const std::string& version, const Standing& standing);

// -- handlers
Answer livez(const Call&);
Answer readyz(const Call&);
Answer metrics(const Call&);
Answer models(const Call&);
Answer model(const Call&);
Answer versions(const Call&);
Answer version(const Call&);
Answer verdict(const Call&);
Answer gate(const Call&);
Answer report(const Call&);
Answer report_file(const Call&);
Answer regions(const Call&);
Answer region(const Call&);
Answer region_sample(const Call&);
Answer region_neighbour(const Call&);
Answer evaluate(const Call&);
Answer promote(const Call&);
Answer rollback(const Call&);
Answer label_region(const Call&);
Answer waivers(const Call&);
Answer add_waiver(const Call&);
Answer remove_waiver(const Call&);
Answer correct(const Call&);
Answer correction(const Call&);
Answer correction_picture(const Call&);
Answer correction_manifest(const Call&);
Answer correction_model(const Call&);
Answer jobs(const Call&);
Answer job(const Call&);
Answer cancel_job(const Call&);
Answer events(const Call&);
Answer audit(const Call&);
Answer openapi(const Call&);
Answer page_home(const Call&);
Answer page_model(const Call&);
Answer page_version(const Call&);
Answer page_regions(const Call&);
Answer page_region(const Call&);
Answer page_correction(const Call&);
Answer page_queue(const Call&);
Answer page_model_queue(const Call&);
Answer page_jobs(const Call&);
Answer page_waivers(const Call&);
Answer page_waiver_new(const Call&);
Answer page_audit(const Call&);
Answer page_script(const Call&);
Answer page_part_script(const Call&);
Answer page_icon(const Call&);
Answer page_style(const Call&);

}  // namespace defuse::http
