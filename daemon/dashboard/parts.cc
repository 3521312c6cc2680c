#include "daemon/dashboard/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/figures.h"
#include "daemon/dashboard/page.h"

namespace defuse::http {
namespace {

const Finding* overall_accuracy(const Standing& standing) {
  if (!standing.judged) return nullptr;
  for (const auto& finding : standing.judged->verdict.findings)
    if (finding.check == "accuracy" && finding.subject == "overall") return &finding;
  return nullptr;
}

}  // namespace

std::string minute_of(TimePoint time) {
  auto text = to_rfc3339(time);  // 2026-03-01T12:00:00.000Z
  text.resize(std::min<std::size_t>(text.size(), 16));
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text + " UTC";
}

std::string percent(double value) { return std::isnan(value) ? "" : defuse::percent(value, 2); }

std::string number(double value) {
  if (std::isnan(value)) return "";
  const bool long_count = std::abs(value) >= 1e4 && std::abs(value) < 1e15;  // bytes, say
  return fmt::format(fmt::runtime(long_count ? "{:.0f}" : "{:.4g}"), value);
}

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

Json version_row(const ModelName& model, const Version& version, const Standing& standing) {
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
  const bool running = job.state == JobState::running;
  const auto ends = station_ends(job);
  return {
      {"id", job.id},
      {"correction", job.kind == JobKind::repair},
      {"model", job.model},
      {"version", job.version},
      {"state", to_string(job.state)},
      {"attempt", job.attempt},
      {"station", job.station},
      {"running", running},
      {"share", fmt::format("{:.3f}", job.progress)},
      {"progress",
       running ? fmt::format("{:.0f} %", 100 * job.progress) + (ends ? ", until about " + minute_of(*ends) : "") : ""},
      {"created", minute_of(job.created)},
      {"finished", job.finished ? minute_of(*job.finished) : ""},
      {"error", job.error}};
}

Json sample_rows(const RegionRow& row) {
  const auto class_text = [](std::int32_t label) { return label < 0 ? "" : std::to_string(label); };
  Json list = Json::array();
  for (std::size_t i = 0; i < row.region.samples.size(); ++i) {
    const auto& sample = row.region.samples[i];
    if (sample.picture.empty()) continue;
    list.push_back({{"url", "/v1/regions/" + row.id + "/samples/" + std::to_string(i) + ".png"},
                    {"kind", sample.kind},
                    {"candidate", class_text(sample.candidate_predicted)},
                    {"incumbent", class_text(sample.incumbent_predicted)}});
  }
  return list;
}

Json people_say(const RegionRow& row, const std::vector<LabelRow>& words) {
  Json said = Json::array();
  for (const auto& word : words)
    said.push_back({{"label", word.label.empty() ? "(taken back)" : word.label},
                    {"who", word.who},
                    {"note", word.note},
                    {"at", minute_of(word.at)}});
  const auto counted = tally_of(words);
  return {{"id", row.id},
          {"label", std::to_string(row.label)},
          {"says", to_string(row.human_label)},
          {"voters", counted.voters},
          {"has_votes", counted.voters > 0},
          {"agreement", fmt::format("{:.0f} %", 100 * counted.agreement)},
          {"undecided", counted.voters > 1 && counted.label.empty()},
          {"has_words", !said.empty()},
          {"words", std::move(said)}};
}

Json waiver_form(const Call& call, const ModelName& model, const std::string& finding) {
  constexpr std::int64_t kUsual = 14;
  const auto days = std::max<std::int64_t>(1, call.read.config()->http.max_waiver.count() / 24);
  return {{"model", model}, {"finding", finding}, {"most_days", days}, {"days", std::min(days, kUsual)}};
}

std::string asked(const Call& call, const char* name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

std::size_t number_asked(const Call& call, const char* name) {
  const std::string wanted = asked(call, name);
  const bool number =
      !wanted.empty() && wanted.size() <= 6 && wanted.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::stoul(wanted) : 0;
}

Json pager(std::size_t page, std::size_t per_page, std::size_t shown, std::size_t total, const std::string& query) {
  const auto link = [&](std::size_t to) { return "?page=" + std::to_string(to) + query; };
  const std::size_t last = total == 0 ? 0 : (total - 1) / per_page;
  return {{"from", page * per_page + 1},
          {"to", page * per_page + shown},
          {"total", total},
          {"earlier", page > 0 ? link(std::min(page - 1, last)) : ""},
          {"later", page < last ? link(page + 1) : ""},
          {"last", page + 1 < last ? link(last) : ""}};
}

Answer html_with_scripts(std::string_view name, const Json& data) {
  auto page = html(name, data);
  if (page)
    page->headers.emplace_back("Content-Security-Policy",
                               "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
                               "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  return page;
}

Answer html(std::string_view name, const Json& data, int status) {
  TRY(page, render_page(name, data));
  ApiResponse response;
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.body = std::move(page);
  return response;
}

}  // namespace defuse::http
