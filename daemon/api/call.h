// What a handler is given, and the helpers that all of them share. Handlers of the API are declared in handlers.h,
// pages of the dashboard in daemon/dashboard/pages.h; daemon/http/routes.cc says which address is whose. One call, one
// thread.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/regions/votes.h"
#include "daemon/api/api.h"
#include "daemon/api/read_model.h"
#include "daemon/api/standing_lookup.h"
#include "daemon/state/tokens.h"

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
  ModelName model() const { return ModelName(at("model")); }
  Version version() const { return Version(at("version")); }
  RegionId region() const { return RegionId(at("region")); }
  std::string who() const { return token ? token->name : "anonymous"; }
};

using Answer = Result<ApiResponse>;  // an Error becomes problem+json by status_map

ApiResponse json_response(const Json& body, int status = 200);
Json time_or_null(const std::optional<TimePoint>& time);
Json text_or_null(const std::string& text);
std::string version_url(const ModelName& model, const Version& version);

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
Json version_json(const ModelFacts& facts, const Version& version, const Standing& standing);

}  // namespace defuse::http
