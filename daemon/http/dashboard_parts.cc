#include "daemon/http/dashboard_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/http/page.h"

namespace defuse::http {
namespace {

std::string badge_of(const Standing& standing) {
  if (standing.verdict) return std::string(to_string(*standing.verdict));
  switch (standing.kind) {
    case Standing::Kind::settling:
      return "settling";
    case Standing::Kind::not_judged:
      return standing.job ? std::string(to_string(standing.job->state)) : "waiting";
    default:
      return "unknown";
  }
}

const Finding* overall_accuracy(const Standing& standing) {
  if (!standing.judged) return nullptr;
  for (const auto& finding : standing.judged->verdict.findings)
    if (finding.check == "accuracy" && finding.subject == "overall") return &finding;
  return nullptr;
}

std::string progress_words(const JobRow& job) {
  if (job.state != JobState::running) return "";
  const auto ends = station_ends(job);
  return fmt::format("{:.0f} %", 100 * job.progress) + (ends ? ", until about " + minute_of(*ends) : "");
}

}  // namespace

std::string minute_of(TimePoint time) {
  auto text = to_rfc3339(time);  // 2026-03-01T12:00:00.000Z
  text.resize(std::min<std::size_t>(text.size(), 16));
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text + " UTC";
}

std::string percent(double value) { return std::isnan(value) ? "" : fmt::format("{:.2f} %", 100 * value); }

std::string number(double value) { return std::isnan(value) ? "" : fmt::format("{:.4g}", value); }

Json version_row(const std::string& model, const std::string& version, const Standing& standing) {
  const auto* accuracy = overall_accuracy(standing);
  return {{"model", model},
          {"version", version},
          {"badge", badge_of(standing)},
          {"reason", standing.reason},
          {"incumbent", standing.is_incumbent},
          {"accuracy", accuracy ? percent(accuracy->value) : ""},
          {"judged_at", standing.judged ? minute_of(standing.judged->created) : ""},
          {"against", standing.judged ? standing.judged->incumbent_version : ""}};
}

Json job_row(const JobRow& job) {
  return {{"id", job.id},
          {"correction", job.kind == JobKind::correction},
          {"model", job.model},
          {"version", job.version},
          {"state", to_string(job.state)},
          {"attempt", job.attempt},
          {"station", job.station},
          {"progress", progress_words(job)},
          {"created", minute_of(job.created)},
          {"error", job.error}};
}

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
