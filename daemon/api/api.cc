#include "daemon/api/api.h"

#include <algorithm>

#include "core/base/json.h"
#include "daemon/api/status_map.h"

namespace defuse {

void add_security_headers(ApiResponse& response) {
  const auto given = [&](const char* name) {
    return std::any_of(response.headers.begin(), response.headers.end(),
                       [&](const auto& header) { return header.first == name; });
  };
  const auto add = [&](const char* name, const char* value) {
    if (!given(name)) response.headers.emplace_back(name, value);
  };
  add("Content-Security-Policy",
      "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'");
  add("X-Content-Type-Options", "nosniff");
  add("X-Frame-Options", "DENY");
  add("Referrer-Policy", "no-referrer");
  add("Cross-Origin-Resource-Policy", "same-origin");
  add("Cross-Origin-Opener-Policy", "same-origin");
  add("Permissions-Policy",
      "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()");
  add("Cache-Control", "no-store");
}

ApiResponse problem_response(int status, const std::string& detail) {
  ApiResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body =
      dump_json({{"type", "about:blank"}, {"title", status_title(status)}, {"status", status}, {"detail", detail}}) +
      "\n";
  add_security_headers(response);
  return response;
}

}  // namespace defuse
