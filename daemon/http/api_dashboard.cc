// The dashboard: pages made on the server, readable without scripts, with nothing from another host.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/http/api_call.h"
#include "daemon/http/dashboard_parts.h"
#include "daemon/http/embedded.h"

namespace defuse::http {
namespace {

constexpr std::size_t kVersionsShown = 50;
constexpr std::size_t kRegionsShown = 25;
constexpr std::size_t kJobsShown = 15;
constexpr std::size_t kAuditShown = 50;

// Names of versions that were refused may be anything; they are shown as text, never as links.
Json problem_list(const DaemonStatus& status) {
  Json problems = Json::array();
  if (!status.registry_problem.empty()) problems.push_back("The registry cannot be read: " + status.registry_problem);
  if (!status.config_problem.empty()) problems.push_back("The last reload was refused: " + status.config_problem);
  if (!status.ready) problems.push_back("The first scan of the registry is not done yet.");
  for (const auto& entry : status.not_ready)
    problems.push_back(entry.model + (entry.version.empty() ? "" : "/" + entry.version) +
                       (entry.state == EntryState::refused ? " is refused: " : " is not complete: ") +
                       (entry.problem.empty() ? "still changing" : entry.problem));
  for (const auto& warning : status.warnings) problems.push_back(warning);
  return problems;
}

Result<Json> version_rows(const ModelFacts& facts, Store& store, std::size_t most) {
  TRY(rows, store.versions(facts.model));
  Json list = Json::array();
  for (auto row = rows.rbegin(); row != rows.rend() && list.size() < most; ++row) {
    TRY(standing, standing_of(facts, *row, store));
    list.push_back(version_row(facts.model, row->version, standing));
  }
  return list;
}

Json region_rows(const std::vector<RegionRow>& rows) {
  Json list = Json::array();
  for (const auto& row : rows) {
    list.push_back({{"id", row.id},
                    {"status", to_string(row.region.status)},
                    {"sentence", row.region.sentence},
                    {"first", row.first_version},
                    {"last", row.last_version},
                    {"label", row.human_label},
                    {"picture", !row.region.samples.empty() && !row.region.samples.front().picture.empty()}});
  }
  return list;
}

}  // namespace

Answer page_home(const Call& call) {
  TRY(store, call.read.store());
  TRY(names, store->models());
  for (const auto& [name, settings] : call.read.config()->models) names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  Json models = Json::array();
  for (const auto& name : names) {
    TRY(facts, model_facts(name, call.read, *store));
    TRY(latest, version_rows(facts, *store, 1));
    models.push_back({{"model", name},
                      {"watched", facts.watched},
                      {"incumbent", facts.incumbent ? facts.incumbent->version : ""},
                      {"latest", latest.empty() ? Json() : latest.front()}});
  }
  TRY(rows, store->jobs(kJobsShown));
  Json jobs = Json::array();
  for (const auto& row : rows) jobs.push_back(job_row(row));
  const auto status = call.read.status();
  return html("dashboard_home.mustache", {{"title", "Models"},
                                          {"program", "defused " DEFUSED_VERSION},
                                          {"problems", problem_list(status)},
                                          {"has_models", !models.empty()},
                                          {"models", std::move(models)},
                                          {"has_jobs", !jobs.empty()},
                                          {"jobs", std::move(jobs)}});
}

Answer page_model(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(versions, version_rows(facts, *store, kVersionsShown));
  RegionList newest;
  newest.newest = true;
  newest.limit = kRegionsShown;
  TRY(regions, store->region_page(facts.model, newest));
  TRY(history, store->promotions(facts.model));
  Json promotions = Json::array();
  for (const auto& row : history)
    promotions.push_back({{"version", row.version},
                          {"kind", row.kind},
                          {"who", row.who},
                          {"reason", row.reason},
                          {"at", minute_of(row.at)}});
  Json waivers = Json::array();
  for (const auto& [id, waiver] : facts.waivers)
    waivers.push_back({{"id", id},
                       {"finding", waiver.finding},
                       {"reason", waiver.reason},
                       {"ticket", waiver.ticket},
                       {"approved_by", waiver.approved_by},
                       {"expires", minute_of(waiver.expires)},
                       {"expired", waiver.expires <= facts.now}});
  auto shown_regions = region_rows(regions.rows);
  return html("dashboard_model.mustache", {{"title", facts.model},
                                           {"program", "defused " DEFUSED_VERSION},
                                           {"model", facts.model},
                                           {"watched", facts.watched},
                                           {"incumbent", facts.incumbent ? facts.incumbent->version : ""},
                                           {"incumbent_since", facts.incumbent ? minute_of(facts.incumbent->at) : ""},
                                           {"has_versions", !versions.empty()},
                                           {"versions", std::move(versions)},
                                           {"has_regions", !shown_regions.empty()},
                                           {"regions", std::move(shown_regions)},
                                           {"region_count", regions.total},
                                           {"has_promotions", !promotions.empty()},
                                           {"promotions", std::move(promotions)},
                                           {"has_waivers", !waivers.empty()},
                                           {"waivers", std::move(waivers)}});
}

Answer page_audit(const Call& call) {
  TRY(store, call.read.store());
  std::int64_t before = 0;
  if (const auto asked = call.query.find("before"); asked != call.query.end()) {
    if (asked->second.empty() || asked->second.size() > 18 ||
        asked->second.find_first_not_of("0123456789") != std::string::npos)
      return fail(ErrorCode::invalid_input, "before: expected the number of a row");
    before = std::stoll(asked->second);
  }
  TRY(rows, store->audit_rows(before, kAuditShown));
  Json list = Json::array();
  for (const auto& row : rows)
    list.push_back({{"id", row.id},
                    {"at", minute_of(row.at)},
                    {"who", row.who},
                    {"action", row.action},
                    {"subject", row.subject},
                    {"detail", row.detail == "{}" ? "" : row.detail},
                    {"loud", row.action == "override"}});
  return html("dashboard_audit.mustache",
              {{"title", "Audit log"},
               {"program", "defused " DEFUSED_VERSION},
               {"has_rows", !list.empty()},
               {"rows", std::move(list)},
               {"older", rows.size() == kAuditShown ? "?before=" + std::to_string(rows.back().id) : ""}});
}

namespace {

Answer asset(std::string_view name, const char* type) {
  ApiResponse response;
  response.content_type = type;
  response.headers.emplace_back("Cache-Control", "max-age=3600");
  response.body = embedded_file(name);
  return response;
}

}  // namespace

Answer page_style(const Call&) { return asset("dashboard_style.css", "text/css; charset=utf-8"); }
Answer page_script(const Call&) { return asset("dashboard_script.js", "text/javascript; charset=utf-8"); }
Answer page_map_script(const Call&) { return asset("dashboard_map.js", "text/javascript; charset=utf-8"); }
Answer page_icon(const Call&) { return asset("dashboard_icon.svg", "image/svg+xml"); }

}  // namespace defuse::http
