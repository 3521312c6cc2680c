// What there is: models, their versions, and where each stands.
#include <algorithm>

#include "daemon/http/api_call.h"

namespace defuse::http {
namespace {

std::string_view state_name(const Standing& standing) {
  switch (standing.kind) {
    case Standing::Kind::unknown:
      return standing.row && standing.row->presence == VersionPresence::deleted ? "deleted" : "unknown";
    case Standing::Kind::settling:
      return "settling";
    case Standing::Kind::not_judged:
      if (standing.job && standing.job->state == JobState::running) return "running";
      if (standing.job && standing.job->state == JobState::queued) return "queued";
      return "not_judged";
    case Standing::Kind::judged:
      return standing.judged ? "judged" : "refused";
  }
  return "unknown";
}

Json incumbent_json(const std::optional<PromotionRow>& incumbent) {
  if (!incumbent) return nullptr;
  return {{"version", incumbent->version}, {"digest", incumbent->digest}, {"kind", incumbent->kind},
          {"who", incumbent->who},         {"reason", incumbent->reason}, {"since", to_rfc3339(incumbent->at)}};
}

// Newest first, versions that are not complete yet before all others.
struct Listed {
  std::string version;
  std::optional<VersionRow> row;
};
Result<std::vector<Listed>> newest_first(const ModelFacts& facts, Store& store) {
  TRY(rows, store.versions(facts.model));
  std::vector<Listed> list;
  for (auto& row : rows) {
    const auto name = row.version;
    list.push_back({name, std::move(row)});
  }
  for (const auto& entry : facts.daemon.not_ready) {
    const auto same = [&](const Listed& listed) { return listed.version == entry.version; };
    // An entry without a version speaks of the whole model's folder.
    if (entry.model == facts.model && !entry.version.empty() && std::none_of(list.begin(), list.end(), same))
      list.push_back({entry.version, {}});
  }
  std::reverse(list.begin(), list.end());
  return list;
}

Result<Json> model_json(const ModelFacts& facts, Store& store) {
  TRY(list, newest_first(facts, store));
  Json latest;
  if (!list.empty()) {
    TRY(standing, list.front().row ? standing_of(facts, *list.front().row, store)
                                   : standing_of(facts, list.front().version, store));
    latest = version_json(facts, list.front().version, standing);
  }
  return Json{{"model", facts.model},
              {"watched", facts.watched},
              {"incumbent", incumbent_json(facts.incumbent)},
              {"versions", list.size()},
              {"latest", std::move(latest)}};
}

}  // namespace

Json job_json(const JobRow& job) {
  return {{"id", job.id},
          {"kind", to_string(job.kind)},
          {"model", job.model},
          {"version", job.version},
          {"digest", job.digest},
          {"state", to_string(job.state)},
          {"attempt", job.attempt},
          {"station", text_or_null(job.station)},
          {"progress", job.progress},
          {"station_ends", time_or_null(station_ends(job))},
          {"created", to_rfc3339(job.created)},
          {"not_before", to_rfc3339(job.not_before)},
          {"started", time_or_null(job.started)},
          {"finished", time_or_null(job.finished)},
          {"error", text_or_null(job.error)},
          {"incumbent", text_or_null(job.incumbent_version)}};
}

Json version_json(const ModelFacts& facts, const std::string& version, const Standing& standing) {
  const auto* row = standing.row ? &*standing.row : nullptr;
  const auto url = version_url(facts.model, version);
  return {{"model", facts.model},
          {"version", version},
          {"state", state_name(standing)},
          {"verdict", standing.verdict ? Json(to_string(*standing.verdict)) : Json()},
          {"ok", standing.ok()},
          {"reason", standing.reason},
          {"stale", standing.stale},
          {"incumbent", standing.is_incumbent},
          {"digest", row ? Json(row->digest) : Json()},
          {"replaced", row ? row->replaced : 0},
          {"labels", row ? Json(row->labels) : Json::array()},
          {"first_seen", row ? Json(to_rfc3339(row->first_seen)) : Json()},
          {"last_seen", row ? Json(to_rfc3339(row->last_seen)) : Json()},
          {"judged_at", standing.judged ? Json(to_rfc3339(standing.judged->created)) : Json()},
          {"judged_against", standing.judged ? text_or_null(standing.judged->incumbent_version) : Json()},
          {"job", standing.job ? job_json(*standing.job) : Json()},
          {"report", standing.judged ? Json(url + "/report") : Json()}};
}

Answer models(const Call& call) {
  TRY(store, call.read.store());
  TRY(names, store->models());
  for (const auto& [name, settings] : call.read.config()->models) names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  Json list = Json::array();
  for (const auto& name : names) {
    TRY(facts, model_facts(name, call.read, *store));
    TRY(json, model_json(facts, *store));
    list.push_back(std::move(json));
  }
  const auto status = call.read.status();
  return json_response({{"models", std::move(list)},
                        {"ready", status.ready},
                        {"registry_problem", text_or_null(status.registry_problem)},
                        {"config_problem", text_or_null(status.config_problem)},
                        {"warnings", status.warnings},
                        {"last_successful_poll", to_rfc3339(status.last_successful_poll)},
                        {"started", to_rfc3339(status.started)},
                        {"program", "defused " DEFUSED_VERSION}});
}

Answer model(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(json, model_json(facts, *store));
  TRY(history, store->promotions(facts.model));
  json["promotions"] = Json::array();
  for (const auto& promotion : history) json["promotions"].push_back(incumbent_json(promotion));
  return json_response(json);
}

// Pages run from newest to oldest: ?before=<version> goes on after that one, as "next" says.
Answer versions(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(limit, limit_of(call, 100));
  TRY(list, newest_first(facts, *store));
  auto begin = list.begin();
  if (const auto before = call.query.find("before"); before != call.query.end()) {
    begin =
        std::find_if(list.begin(), list.end(), [&](const Listed& listed) { return listed.version == before->second; });
    if (begin == list.end()) return fail(ErrorCode::invalid_input, "before: no version " + before->second);
    ++begin;
  }
  const auto count = std::min(limit, static_cast<std::size_t>(list.end() - begin));
  const auto end = begin + static_cast<std::ptrdiff_t>(count);
  Json page = Json::array();
  for (auto listed = begin; listed != end; ++listed) {
    TRY(standing, listed->row ? standing_of(facts, *listed->row, *store) : standing_of(facts, listed->version, *store));
    page.push_back(version_json(facts, listed->version, standing));
  }
  Json next;
  if (end != list.end() && count > 0) next = (end - 1)->version;
  return json_response({{"model", facts.model}, {"versions", std::move(page)}, {"next", std::move(next)}});
}

Answer version(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(standing, standing_of(facts, call.at("version"), *store));
  if (standing.status == 404 && !standing.row) return fail(ErrorCode::not_found, standing.reason);
  return json_response(version_json(facts, call.at("version"), standing));
}

}  // namespace defuse::http
