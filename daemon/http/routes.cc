#include "daemon/http/routes.h"

#include <algorithm>

#include "core/base/ascii.h"
#include "core/base/base64.h"
#include "core/base/url.h"
#include "daemon/api/call.h"
#include "daemon/api/handlers.h"
#include "daemon/api/status_map.h"
#include "daemon/dashboard/pages.h"

namespace defuse {
namespace http {
namespace {

enum class Access { open, read, operate };
enum class Kind { api, page };

struct Route {
  const char* method;
  const char* pattern;
  Access access;
  Kind kind;
  Answer (*run)(const Call&);
};

constexpr Route kRoutes[] = {
    {"GET", "/livez", Access::open, Kind::api, livez},
    {"GET", "/readyz", Access::open, Kind::api, readyz},
    {"GET", "/healthz", Access::open, Kind::api, livez},
    {"GET", "/metrics", Access::read, Kind::api, metrics},
    {"GET", "/v1/models", Access::read, Kind::api, models},
    {"GET", "/v1/models/{model}", Access::read, Kind::api, model},
    {"GET", "/v1/models/{model}/versions", Access::read, Kind::api, versions},
    {"GET", "/v1/models/{model}/versions/{version}", Access::read, Kind::api, version},
    {"GET", "/v1/models/{model}/versions/{version}/verdict", Access::read, Kind::api, verdict},
    {"GET", "/v1/models/{model}/versions/{version}/gate", Access::read, Kind::api, gate},
    {"POST", "/v1/models/{model}/versions/{version}/gate", Access::read, Kind::api, gate},
    {"GET", "/v1/models/{model}/versions/{version}/report", Access::read, Kind::page, report},
    {"GET", "/v1/models/{model}/versions/{version}/{picture}.png", Access::read, Kind::page, report_file},
    {"POST", "/v1/models/{model}/versions/{version}/evaluate", Access::operate, Kind::api, evaluate},
    {"POST", "/v1/models/{model}/versions/{version}/correct", Access::operate, Kind::api, correct},
    {"POST", "/v1/models/{model}/versions/{version}/promote", Access::operate, Kind::api, promote},
    {"POST", "/v1/models/{model}/rollback", Access::operate, Kind::api, rollback},
    {"GET", "/v1/models/{model}/regions", Access::read, Kind::api, regions},
    {"GET", "/v1/regions/{region}", Access::read, Kind::api, region},
    {"GET", "/v1/regions/{region}/samples/{sample}.png", Access::read, Kind::page, region_sample},
    {"GET", "/v1/regions/{region}/nearest/{sample}.png", Access::read, Kind::page, region_neighbour},
    {"PUT", "/v1/regions/{region}/label", Access::operate, Kind::api, label_region},
    {"GET", "/v1/waivers", Access::read, Kind::api, waivers},
    {"POST", "/v1/waivers", Access::operate, Kind::api, add_waiver},
    {"DELETE", "/v1/waivers/{waiver}", Access::operate, Kind::api, remove_waiver},
    {"GET", "/v1/jobs", Access::read, Kind::api, jobs},
    {"GET", "/v1/jobs/{job}", Access::read, Kind::api, job},
    {"DELETE", "/v1/jobs/{job}", Access::operate, Kind::api, cancel_job},
    {"GET", "/v1/jobs/{job}/correction", Access::read, Kind::api, correction},
    {"GET", "/v1/jobs/{job}/correction.svg", Access::read, Kind::page, repair_picture},
    {"GET", "/v1/jobs/{job}/correction/manifest.json", Access::read, Kind::api, repair_manifest},
    {"GET", "/v1/jobs/{job}/correction/model.pt", Access::operate, Kind::api, repair_model},
    {"GET", "/v1/events", Access::read, Kind::api, events},
    {"GET", "/v1/audit", Access::read, Kind::api, audit},
    {"GET", "/v1/openapi.json", Access::open, Kind::api, openapi},
    {"GET", "/", Access::read, Kind::page, page_home},
    {"GET", "/models/{model}", Access::read, Kind::page, page_model},
    {"GET", "/models/{model}/regions", Access::read, Kind::page, page_regions},
    {"GET", "/models/{model}/queue", Access::read, Kind::page, page_model_queue},
    {"GET", "/models/{model}/versions/{version}", Access::read, Kind::page, page_version},
    {"GET", "/regions/{region}", Access::read, Kind::page, page_region},
    {"GET", "/corrections/{job}", Access::read, Kind::page, page_repair},
    {"GET", "/queue", Access::read, Kind::page, page_queue},
    {"GET", "/jobs", Access::read, Kind::page, page_jobs},
    {"GET", "/waivers", Access::read, Kind::page, page_waivers},
    {"GET", "/waivers/new", Access::read, Kind::page, page_waiver_new},
    {"GET", "/audit", Access::read, Kind::page, page_audit},
    {"GET", "/assets/dashboard.css", Access::open, Kind::page, page_style},
    {"GET", "/assets/dashboard.js", Access::open, Kind::page, page_script},
    {"GET", "/assets/{script}.js", Access::open, Kind::page, page_part_script},
    {"GET", "/assets/icon.svg", Access::open, Kind::page, page_icon},
};

// "{name}" takes a whole segment, "{name}.png" one with that ending, anything else must be equal.
bool matches(std::string_view pattern, const std::vector<std::string>& segments,
             std::map<std::string, std::string>& parameters) {
  pattern.remove_prefix(1);
  parameters.clear();
  std::size_t i = 0;
  while (!pattern.empty()) {
    const auto slash = pattern.find('/');
    const auto part = pattern.substr(0, slash);
    if (i == segments.size()) return false;
    const std::string& segment = segments[i++];
    if (part.front() == '{') {
      const auto close = part.find('}');
      const auto ending = part.substr(close + 1);
      if (segment.size() <= ending.size() || !std::string_view(segment).ends_with(ending)) return false;
      parameters.emplace(part.substr(1, close - 1), segment.substr(0, segment.size() - ending.size()));
    } else if (part != segment) {
      return false;
    }
    pattern.remove_prefix(slash == std::string_view::npos ? pattern.size() : slash + 1);
  }
  return i == segments.size();
}

// Names that no part of the system could have given are not looked up anywhere.
Result<void> check_parameters(const std::map<std::string, std::string>& parameters) {
  for (const auto& [name, value] : parameters) {
    const bool number = name == "job" || name == "sample";
    const bool fine =
        number ? !value.empty() && value.size() <= 18 && value.find_first_not_of("0123456789") == std::string::npos
               : is_valid_name(value);
    if (!fine) return fail(ErrorCode::not_found, "there is no " + name + " of that name");
  }
  return {};
}

std::string header(const ApiRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

// Browsers cannot send a bearer token by themselves, so reading (never acting: a browser would send it to any page's
// request) also takes it as the password of Basic authentication.
std::string token_text(const ApiRequest& request, Access access) {
  const std::string value = header(request, "authorization");
  const auto space = value.find(' ');
  if (space == std::string::npos) return "";
  const std::string scheme = lower_ascii(value.substr(0, space));
  if (scheme == "bearer") return value.substr(space + 1);
  if (scheme != "basic" || access == Access::operate) return "";
  const auto pair = base64_decoded(std::string_view(value).substr(space + 1));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  return colon == std::string::npos ? "" : pair->substr(colon + 1);
}

// Nothing when allowed.
std::optional<ApiResponse> refuse(const Route& route, Call& call, const TokenBook& tokens) {
  const auto text = token_text(call.request, route.access);
  if (!text.empty()) call.token = tokens.find(text);
  const auto expired = call.token && call.token->expired(call.read.clock().now()) ? call.token : std::nullopt;
  if (expired) call.token.reset();
  call.may_read = call.request.loopback || call.token;
  const bool needed = route.access == Access::operate || (route.access == Access::read && !call.request.loopback);
  if (!needed) return std::nullopt;
  if (!call.token) {
    const auto problem = tokens.problem();
    auto response = problem_response(
        401, !problem.empty() ? "no token can be accepted: " + problem
             : expired        ? "token '" + expired->name + "' expired at " + to_rfc3339(*expired->expires)
             : text.empty()   ? "this needs a token: Authorization: Bearer dfs_… (see `defusectl token create`)"
                              : "this token is not known here");
    response.headers.emplace_back("WWW-Authenticate",
                                  route.kind == Kind::page ? "Basic realm=\"defused\", charset=\"UTF-8\""
                                  : text.empty()           ? "Bearer realm=\"defused\""
                                                           : "Bearer realm=\"defused\", error=\"invalid_token\"");
    return response;
  }
  if (route.access == Access::operate && call.token->scope != Scope::operate) {
    auto response =
        problem_response(403, "token '" + call.token->name + "' may read only; this needs the scope operate");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"defused\", error=\"insufficient_scope\"");
    return response;
  }
  return std::nullopt;
}

ApiResponse error_response(const Error& error) {
  auto response = problem_response(http_status(error.code), error.describe());
  if (response.status == 503) response.headers.emplace_back("Retry-After", "5");
  return response;
}

// A page on another site that points its own name at 127.0.0.1 reaches us with that name in Host.
bool host_allowed(const ApiRequest& request) {
  const auto found = request.headers.find("host");
  if (!request.loopback || found == request.headers.end()) return true;
  return is_loopback_host(host_of_header(found->second));
}

bool reads_only(const ApiRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

// Pages of other sites may link here and no more. Acting needs a token in a header that no browser sends by itself, so
// this is a second lock; on loopback, where reading needs no token, it is the first beside the Host header. Browsers
// say where a request comes from; tools send neither header and are not meant.
std::optional<ApiResponse> refuse_other_sites(const ApiRequest& request) {
  const auto site = header(request, "sec-fetch-site");
  if (!site.empty()) {
    const bool link = reads_only(request) && header(request, "sec-fetch-mode") == "navigate" &&
                      header(request, "sec-fetch-dest") == "document";
    if (site == "same-origin" || site == "none" || link) return std::nullopt;
    return problem_response(403, "pages of other sites may link here, but not ask or act (Sec-Fetch-Site)");
  }
  if (!request.headers.contains("origin")) return std::nullopt;
  const auto origin = header(request, "origin");
  const auto scheme = origin.find("://");
  if (scheme != std::string::npos && lower_ascii(origin.substr(scheme + 3)) == lower_ascii(header(request, "host")))
    return std::nullopt;
  return problem_response(403, "pages of other sites may link here, but not ask or act (Origin)");
}

// What a form of another site can send without asking first is anything but this.
bool body_is_json(const ApiRequest& request) {
  if (request.body.empty()) return true;
  const auto type = header(request, "content-type");
  auto essence = lower_ascii(type.substr(0, type.find(';')));
  while (!essence.empty() && essence.back() == ' ') essence.pop_back();
  return essence == "application/json";
}

ApiResponse wrong_method(const std::vector<const Route*>& routes) {
  std::string allow;
  for (const auto* route : routes) {
    if (!allow.empty()) allow += ", ";
    allow += route->method;
    if (std::string_view(route->method) == "GET") allow += ", HEAD";
  }
  auto response = problem_response(405, "this path takes " + allow);
  response.headers.emplace_back("Allow", allow);
  return response;
}

ApiResponse dispatch(const ApiRequest& request, ReadModel& read, Actions& actions, const TokenBook& tokens) {
  if (request.path.size() > kMaxPathBytes) return problem_response(414, "the address is too long");
  if (!host_allowed(request)) return problem_response(421, "this server answers to its own name only (Host header)");
  if (request.body.size() > kMaxBodyBytes)
    return problem_response(413, "a request's body may have at most " + std::to_string(kMaxBodyBytes) + " bytes");
  if (auto refused = refuse_other_sites(request)) return std::move(*refused);
  const auto segments = split_path(request.path);
  if (!segments) return error_response(segments.error());
  auto query = parse_query(request.query);
  if (!query) return error_response(query.error());

  Call call{request, read, actions, {}, std::move(*query), {}, false};
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::vector<const Route*> same_path;
  const Route* route = nullptr;
  for (const auto& candidate : kRoutes) {
    std::map<std::string, std::string> parameters;
    if (!matches(candidate.pattern, *segments, parameters)) continue;
    same_path.push_back(&candidate);
    if (candidate.method != method) continue;
    route = &candidate;
    call.parameters = std::move(parameters);
    break;
  }
  if (same_path.empty()) return problem_response(404, "there is nothing at this path");
  if (route == nullptr) return wrong_method(same_path);
  if (auto refused = refuse(*route, call, tokens)) return std::move(*refused);
  if (!body_is_json(request)) return problem_response(415, "a body must come as Content-Type: application/json");
  if (const auto fine = check_parameters(call.parameters); !fine) return error_response(fine.error());
  auto answer = route->run(call);
  return answer ? std::move(*answer) : error_response(answer.error());
}

}  // namespace
}  // namespace http

ApiResponse handle(const ApiRequest& request, ReadModel& read, Actions& actions, const TokenBook& tokens) {
  auto response = http::dispatch(request, read, actions, tokens);
  add_security_headers(response);
  return response;
}

std::vector<std::pair<std::string, std::string>> api_routes() {
  std::vector<std::pair<std::string, std::string>> routes;
  for (const auto& route : http::kRoutes) routes.emplace_back(route.method, route.pattern);
  return routes;
}

}  // namespace defuse
