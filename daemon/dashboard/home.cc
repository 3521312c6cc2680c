// The dashboard: pages made on the server, readable without scripts, with nothing from another host.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/dashboard/embedded.h"
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"

namespace defuse::http {
namespace {

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

// The newest version of a model and where it stands; null without any.
Result<Json> newest_row(const ModelFacts& facts, Store& store) {
  TRY(page, store.versions.page(facts.model, {.limit = 1}));
  if (page.rows.empty()) return Json();
  const auto& row = page.rows.front().version;
  TRY(standing, standing_of(facts, row, store));
  Json json = version_row(facts.model, row.version, standing);
  json["failed"] = standing.verdict == VerdictState::fail || standing.verdict == VerdictState::error;
  return json;
}

}  // namespace

Answer page_home(const Call& call) {
  TRY(store, call.read.store());
  TRY(names, store->versions.models());
  for (const auto& [name, settings] : call.read.config()->models) names.push_back(ModelName(name));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  TRY(open, store->regions.open());
  Json models = Json::array();
  for (const auto& name : names) {
    TRY(facts, model_facts(name, call.read, *store));
    TRY(latest, newest_row(facts, *store));
    const auto expired = std::count_if(facts.waivers.begin(), facts.waivers.end(),
                                       [&](const auto& waiver) { return waiver.second.expires <= facts.now; });
    const auto& regions = open[name];
    const bool failed = latest.is_object() && latest["failed"].get<bool>();
    models.push_back({{"model", name},
                      {"watched", facts.watched},
                      {"incumbent", facts.incumbent ? facts.incumbent->version : ""},
                      {"overridden", facts.incumbent && facts.incumbent->kind == PromotionKind::override_verdict},
                      {"latest", std::move(latest)},
                      {"unlabelled", regions.unlabelled > 0 ? std::to_string(regions.unlabelled) : ""},
                      {"second", regions.second > 0 ? std::to_string(regions.second) : ""},
                      {"expired", expired > 0 ? std::to_string(expired) : ""},
                      {"nothing_open", regions.unlabelled + regions.second == 0 && expired == 0 && !failed}});
  }
  TRY(rows, store->jobs.page(0, kJobsShown));
  Json jobs = Json::array();
  for (const auto& row : rows.rows) jobs.push_back(job_row(row));
  const auto status = call.read.status();
  return html("dashboard_home.mustache", {{"title", "Models"},
                                          {"program", "defused " DEFUSED_VERSION},
                                          {"at_models", true},
                                          {"problems", problem_list(status)},
                                          {"has_models", !models.empty()},
                                          {"models", std::move(models)},
                                          {"has_jobs", !jobs.empty()},
                                          {"jobs", std::move(jobs)}});
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
  TRY(rows, store->audit.rows(before, kAuditShown));
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
               {"at_audit", true},
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
Answer page_part_script(const Call& call) {
  auto script = asset("dashboard_" + call.at("script") + ".js", "text/javascript; charset=utf-8");
  if (script && script->body.empty()) return fail(ErrorCode::not_found, "there is no script " + call.at("script"));
  return script;
}
Answer page_icon(const Call&) { return asset("dashboard_icon.svg", "image/svg+xml"); }

}  // namespace defuse::http
