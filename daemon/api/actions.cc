// What people and pipelines do. Every handler here checks the words it is given; the App decides whether the step is
// legal, carries it out on its own strand and writes the audit row.
#include <algorithm>

#include "core/regions/label.h"
#include "core/wire/documents.h"
#include "daemon/api/handlers.h"

namespace defuse::http {
namespace {

constexpr std::size_t kMaxText = 2000;

struct TextRule {
  bool required = false;
  std::size_t most = kMaxText;
};

Result<std::string> text_of(const Json& body, const char* key, TextRule rule) {
  const auto found = body.find(key);
  const std::string field = std::string("body.") + key;
  if (found == body.end() || found->is_null()) {
    if (rule.required) return fail(ErrorCode::invalid_input, field + ": missing");
    return std::string();
  }
  if (!found->is_string()) return fail(ErrorCode::invalid_input, field + ": expected text");
  auto text = found->get<std::string>();
  if (text.size() > rule.most)
    return fail(ErrorCode::invalid_input, field + ": at most " + std::to_string(rule.most) + " bytes");
  const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (rule.required && blank) return fail(ErrorCode::invalid_input, field + ": must not be empty");
  return text;
}

Result<bool> flag_of(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return false;
  if (!found->is_boolean())
    return fail(ErrorCode::invalid_input, std::string("body.") + key + ": expected true or false");
  return found->get<bool>();
}

Result<std::vector<std::string>> versions_of(const Json& body) {
  std::vector<std::string> versions;
  const auto found = body.find("versions");
  if (found == body.end() || found->is_null()) return versions;
  if (!found->is_array()) return fail(ErrorCode::invalid_input, "body.versions: expected a list of versions");
  for (const auto& item : *found) {
    if (!item.is_string() || !is_valid_name(item.get<std::string>()))
      return fail(ErrorCode::invalid_input, "body.versions: '" + dump_json(item) + "' is not a version");
    versions.push_back(item.get<std::string>());
  }
  return versions;
}

constexpr std::int32_t kMostClass = 999'999;  // a model with more classes is none that this gate could judge

bool is_region_label(const std::string& text) {
  const auto label = RegionLabel::from(text);
  return label && label->named_class().value_or(0) <= kMostClass;
}

// As narrow as possible, dated, reasoned: whoever reads the list in half a year must know what it covers and why.
Result<Waiver> waiver_of(const Call& call) {
  TRY(body, body_of(call, {"model", "finding", "versions", "reason", "ticket", "approved_by", "expires"}));
  Waiver waiver;
  TRY(model, text_of(body, "model", {.required = true}));
  TRY(finding, text_of(body, "finding", {.required = true, .most = 300}));
  TRY(versions, versions_of(body));
  TRY(reason, text_of(body, "reason", {.required = true}));
  TRY(ticket, text_of(body, "ticket", {.required = true, .most = 300}));
  TRY(approved_by, text_of(body, "approved_by", {.required = false, .most = 300}));
  TRY(expires, text_of(body, "expires", {.required = true}));
  if (finding.find_first_of("*?") != std::string::npos)
    return fail(ErrorCode::invalid_input,
                "body.finding: a waiver covers one finding or region; there are no wildcards");
  const auto config = call.read.config();
  if (!config->models.contains(model)) return fail(ErrorCode::not_found, "body.model: no model named " + model);
  TRY(until, parse_rfc3339(expires));
  const auto now = call.read.clock().now();
  if (until <= now) return fail(ErrorCode::invalid_input, "body.expires: " + expires + " is past");
  if (until > now + config->http.max_waiver)
    return fail(ErrorCode::invalid_input, "body.expires: a waiver may run for at most " +
                                              std::to_string(config->http.max_waiver.count() / 24) + " days");
  waiver.model = ModelName(std::move(model));
  waiver.finding = std::move(finding);
  waiver.versions = std::move(versions);
  waiver.reason = std::move(reason);
  waiver.ticket = std::move(ticket);
  waiver.approved_by = approved_by.empty() ? call.who() : std::move(approved_by);
  waiver.created = now;
  waiver.expires = until;
  return waiver;
}

ApiResponse no_content() {
  ApiResponse response;
  response.status = 204;
  return response;
}

Result<void> known_version(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(row, store->versions.current(facts.model, call.version()));
  if (!row) return fail(ErrorCode::not_found, "no version " + call.version() + " of model " + facts.model);
  return {};
}

}  // namespace

Answer evaluate(const Call& call) {
  TRY_OK(body_of(call, {}));
  TRY_OK(known_version(call));
  TRY(job, call.actions.evaluate(call.model(), call.version(), call.who()));
  auto response =
      json_response({{"job", job}, {"model", call.model()}, {"version", call.version()}, {"state", "queued"}}, 202);
  response.headers.emplace_back("Location", "/v1/jobs/" + std::to_string(job));
  return response;
}

Answer promote(const Call& call) {
  TRY(body, body_of(call, {"reason", "override"}));
  TRY(override_verdict, flag_of(body, "override"));
  TRY(reason, text_of(body, "reason", {.required = override_verdict}));
  TRY_OK(known_version(call));
  const auto kind = override_verdict ? PromotionKind::override_verdict : PromotionKind::promote;
  TRY_OK(call.actions.promote(call.model(), call.version(), reason, kind, call.who()));
  return json_response({{"model", call.model()}, {"incumbent", call.version()}});
}

Answer rollback(const Call& call) {
  TRY(body, body_of(call, {"reason"}));
  TRY(reason, text_of(body, "reason", {.required = true}));
  TRY(store, call.read.store());
  TRY_OK(known_model(call, *store));
  TRY(version, call.actions.rollback(call.model(), reason, call.who()));
  return json_response({{"model", call.model()}, {"incumbent", version}});
}

Answer label_region(const Call& call) {
  TRY(body, body_of(call, {"label", "note"}));
  if (!body.contains("label")) return fail(ErrorCode::invalid_input, "body.label: missing");
  TRY(label, text_of(body, "label", {.required = false, .most = 40}));
  TRY(note, text_of(body, "note", {}));
  if (!is_region_label(label))
    return fail(ErrorCode::invalid_input,
                "body.label: expected confirmed, class:<number>, ambiguous, unrealistic or \"\"");
  TRY(store, call.read.store());
  TRY(row, store->regions.find(call.region()));
  if (!row) return fail(ErrorCode::not_found, "no region " + call.region());
  TRY_OK(call.actions.label_region(call.region(), label, note, call.who()));
  return json_response({{"region", call.region()}, {"label", text_or_null(label)}});
}

Answer waivers(const Call& call) {
  const auto model = call.query.find("model");
  if (model != call.query.end() && !is_valid_name(model->second))
    return fail(ErrorCode::invalid_input, "model: not a model's name");
  TRY(store, call.read.store());
  TRY(rows, store->waivers.of(model == call.query.end() ? ModelName() : ModelName(model->second)));
  Json list = Json::array();
  for (const auto& waiver : rows) {
    Json json = to_json(waiver);
    json["live"] = waiver.expires > call.read.clock().now();
    list.push_back(std::move(json));
  }
  return json_response({{"waivers", std::move(list)}});
}

Answer add_waiver(const Call& call) {
  TRY(waiver, waiver_of(call));
  const Waiver& const_waiver = waiver;
  TRY(id, call.actions.add_waiver(const_waiver, call.who()));
  waiver.id = id;
  auto response = json_response(to_json(waiver), 201);
  response.headers.emplace_back("Location", "/v1/waivers/" + id);
  return response;
}

Answer remove_waiver(const Call& call) {
  TRY_OK(call.actions.remove_waiver(call.at("waiver"), call.who()));
  return no_content();
}

Answer cancel_job(const Call& call) {
  TRY(store, call.read.store());
  const auto id = static_cast<std::int64_t>(std::stoll(call.at("job")));
  TRY(row, store->jobs.find(id));
  if (!row) return fail(ErrorCode::not_found, "no job " + call.at("job"));
  TRY_OK(call.actions.cancel(id, call.who()));
  return no_content();
}

}  // namespace defuse::http
