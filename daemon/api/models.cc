// What there is: models, their versions, and where each stands.
#include <algorithm>

#include "core/verdict/promotion.h"
#include "daemon/api/handlers.h"

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
      return standing.judged && !standing.signature.refused() ? "judged" : "refused";
  }
  return "unknown";
}

Json incumbent_json(const std::optional<PromotionRow>& incumbent) {
  if (!incumbent) return nullptr;
  return {{"version", incumbent->version}, {"digest", incumbent->digest}, {"kind", to_string(incumbent->kind)},
          {"who", incumbent->who},         {"reason", incumbent->reason}, {"since", to_rfc3339(incumbent->at)}};
}

Json sandbox_json(const DaemonStatus& status) {
  if (!status.sandbox) return nullptr;  // no worker has said it yet
  Json json = to_json(*status.sandbox);
  json["memory"] = status.memory_limit;
  return json;
}

// Versions that are not complete yet and that the store has never seen; they are listed before all others.
Result<std::vector<Version>> unseen_versions(const ModelFacts& facts, Store& store) {
  std::vector<Version> unseen;
  for (const auto& entry : facts.registry.not_ready) {
    // An entry without a version speaks of the whole model's folder.
    if (entry.model != facts.model || entry.version.empty()) continue;
    if (std::find(unseen.begin(), unseen.end(), entry.version) != unseen.end()) continue;
    TRY(row, store.versions.current(facts.model, entry.version));
    if (!row) unseen.push_back(entry.version);
  }
  std::reverse(unseen.begin(), unseen.end());
  return unseen;
}

Result<Json> model_json(const ModelFacts& facts, Store& store) {
  TRY(unseen, unseen_versions(facts, store));
  TRY(page, store.versions.page(facts.model, {.limit = 1}));
  Json latest;
  if (!unseen.empty()) {
    TRY(standing, standing_of(facts, unseen.front(), store));
    latest = version_json(facts, unseen.front(), standing);
  } else if (!page.rows.empty()) {
    const auto& row = page.rows.front().version;
    TRY(standing, standing_of(facts, row, store));
    latest = version_json(facts, row.version, standing);
  }
  return Json{{"model", facts.model},
              {"watched", facts.watched},
              {"incumbent", incumbent_json(facts.incumbent)},
              {"versions", unseen.size() + page.total},
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

Json version_json(const ModelFacts& facts, const Version& version, const Standing& standing) {
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
          {"signature", to_json(standing.signature)},
          {"first_seen", row ? Json(to_rfc3339(row->first_seen)) : Json()},
          {"last_seen", row ? Json(to_rfc3339(row->last_seen)) : Json()},
          {"judged_at", standing.judged ? Json(to_rfc3339(standing.judged->created)) : Json()},
          {"judged_against", standing.judged ? text_or_null(standing.judged->incumbent_version) : Json()},
          {"job", standing.job ? job_json(*standing.job) : Json()},
          {"report", standing.judged ? Json(url + "/report") : Json()}};
}

Answer models(const Call& call) {
  TRY(store, call.read.store());
  TRY(names, store->versions.models());
  for (const auto& [name, settings] : call.read.config()->models) names.push_back(ModelName(name));
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
                        {"sandbox", sandbox_json(status)},
                        {"warnings", status.warnings},
                        {"last_successful_poll", to_rfc3339(status.last_successful_poll)},
                        {"started", to_rfc3339(status.started)},
                        {"program", "defused " DEFUSED_VERSION}});
}

Answer model(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(json, model_json(facts, *store));
  TRY(history, store->promotions.of(facts.model));
  json["promotions"] = Json::array();
  for (const auto& promotion : history) json["promotions"].push_back(incumbent_json(promotion));
  return json_response(json);
}

// Pages run from newest to oldest: ?before=<version> goes on after that one, as "next" says; ?offset= counts from the
// newest.
Answer versions(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(limit, limit_of(call, 100));
  TRY(offset, offset_of(call));
  TRY(unseen, unseen_versions(facts, *store));
  VersionList list;
  std::size_t passed = offset;  // of the unseen ones
  if (const auto before = call.query.find("before"); before != call.query.end()) {
    const auto found = std::find(unseen.begin(), unseen.end(), Version(before->second));
    passed = static_cast<std::size_t>(found - unseen.begin()) + (found == unseen.end() ? 0 : 1);
    if (found == unseen.end()) {
      TRY(row, store->versions.current(facts.model, Version(before->second)));
      if (!row) return fail(ErrorCode::invalid_input, "before: no version " + before->second);
      list.before = Version(before->second);
    }
  }
  Json page = Json::array();
  Version last;
  for (std::size_t i = passed; i < unseen.size() && page.size() < limit; ++i) {
    TRY(standing, standing_of(facts, unseen[i], *store));
    page.push_back(version_json(facts, unseen[i], standing));
    last = unseen[i];
  }
  list.offset = offset > unseen.size() ? offset - unseen.size() : 0;
  list.limit = limit - page.size() + 1;  // one more, to know whether the list goes on
  TRY(found, store->versions.page(facts.model, list));
  bool more = false;
  for (const auto& row : found.rows) {
    more = page.size() == limit;
    if (more) break;
    TRY(standing, standing_of(facts, row.version, *store));
    page.push_back(version_json(facts, row.version.version, standing));
    last = row.version.version;
  }
  more = more || passed + page.size() < unseen.size();
  return json_response({{"model", facts.model},
                        {"versions", std::move(page)},
                        {"next", more ? Json(last) : Json()},
                        {"total", unseen.size() + found.total}});
}

Answer version(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(standing, standing_of(facts, call.version(), *store));
  if (standing.answer == GateAnswer::unknown && !standing.row) return fail(ErrorCode::not_found, standing.reason);
  return json_response(version_json(facts, call.version(), standing));
}

}  // namespace defuse::http
