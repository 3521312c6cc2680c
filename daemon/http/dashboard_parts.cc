#include "daemon/http/dashboard_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/http/page.h"

namespace defuse::http {

std::string minute_of(TimePoint time) {
  auto text = to_rfc3339(time);  // 2026-03-01T12:00:00.000Z
  text.resize(std::min<std::size_t>(text.size(), 16));
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text + " UTC";
}

std::string percent(double value) { return std::isnan(value) ? "" : fmt::format("{:.2f} %", 100 * value); }

std::string number(double value) { return std::isnan(value) ? "" : fmt::format("{:.4g}", value); }

Answer html(std::string_view name, const Json& data, int status) {
  TRY(page, render_page(name, data));
  ApiResponse response;
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.body = std::move(page);
  return response;
}

void allow_script(ApiResponse& page) {
  page.headers.emplace_back("Content-Security-Policy",
                            "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
                            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

}  // namespace defuse::http
