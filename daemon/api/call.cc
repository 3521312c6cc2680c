#include "daemon/api/call.h"

#include <algorithm>
#include <charconv>

#include "core/base/url.h"

namespace defuse::http {

ApiResponse json_response(const Json& body, int status) {
  ApiResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = dump_json(body) + "\n";
  return response;
}

Json time_or_null(const std::optional<TimePoint>& time) { return time ? Json(to_rfc3339(*time)) : Json(); }
Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string version_url(const ModelName& model, const Version& version) {
  return "/v1/models/" + percent_encode(model) + "/versions/" + percent_encode(version);
}

Result<std::size_t> limit_of(const Call& call, std::size_t fallback) {
  const auto given = call.query.find("limit");
  if (given == call.query.end()) return fallback;
  std::size_t limit = 0;
  const auto* end = given->second.data() + given->second.size();
  const auto parsed = std::from_chars(given->second.data(), end, limit);
  if (parsed.ec != std::errc{} || parsed.ptr != end || limit < 1 || limit > 1000)
    return fail(ErrorCode::invalid_input, "limit: expected a number from 1 to 1000");
  return limit;
}

Result<std::size_t> offset_of(const Call& call) {
  const auto given = call.query.find("offset");
  if (given == call.query.end()) return 0;
  std::size_t offset = 0;
  const auto* end = given->second.data() + given->second.size();
  const auto parsed = std::from_chars(given->second.data(), end, offset);
  if (parsed.ec != std::errc{} || parsed.ptr != end || offset > INT32_MAX)
    return fail(ErrorCode::invalid_input, "offset: expected a number from 0");
  if (call.query.contains("before"))
    return fail(ErrorCode::invalid_input, "offset: not together with before; take one of the two");
  return offset;
}

Result<Json> body_of(const Call& call, const std::vector<std::string>& allowed) {
  if (call.request.body.empty()) return Json::object();
  TRY(body, parse_json(call.request.body, "body"));
  if (!body.is_object()) return fail(ErrorCode::invalid_input, "body: expected a JSON object");
  for (const auto& item : body.items())
    if (std::find(allowed.begin(), allowed.end(), item.key()) == allowed.end())
      return fail(ErrorCode::invalid_input, "body: unknown field '" + item.key() + "'");
  return body;
}

Result<ModelFacts> known_model(const Call& call, Store& store) {
  TRY(facts, model_facts(call.model(), call.read, store));
  if (!facts.known) return fail(ErrorCode::not_found, "no model named " + call.model());
  return facts;
}

}  // namespace defuse::http
