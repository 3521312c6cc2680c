// JSON forms of a verdict and of waivers.
#include "core/wire/json_fields.h"

namespace defuse {
namespace {

Result<CheckOutcome> outcome_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  CheckOutcome outcome;
  outcome.check = fields::text(r, "check");
  outcome.mode = fields::name(r, "mode", fields::kModes);
  outcome.state = fields::name(r, "state", fields::kStates);
  outcome.reason = fields::text(r, "reason");
  TRY_OK(r.status());
  return outcome;
}

}  // namespace

Json to_json(const Verdict& verdict) {
  Json checks = Json::array(), findings = Json::array();
  for (const CheckOutcome& outcome : verdict.checks)
    checks.push_back({{"check", outcome.check},
                      {"mode", to_string(outcome.mode)},
                      {"state", to_string(outcome.state)},
                      {"reason", outcome.reason}});
  for (const Finding& finding : verdict.findings) findings.push_back(to_json(finding));
  return {{"verdict", to_string(verdict.state)}, {"ok", verdict.ok()},          {"reason", verdict.reason},
          {"reasons", verdict.reasons},          {"checks", std::move(checks)}, {"findings", std::move(findings)},
          {"warnings", verdict.warnings}};
}

Result<Verdict> verdict_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Verdict verdict;
  verdict.state = fields::name(r, "verdict", fields::kStates);
  // `ok` repeats the state for shell scripts; a document where the two disagree was tampered with.
  if (r.boolean("ok") != verdict.ok()) r.problem("ok", "does not agree with verdict");
  verdict.reason = fields::text(r, "reason");
  verdict.reasons = fields::texts(r, "reasons");
  TRY(checks, fields::list<CheckOutcome>(r, "checks", fields::kMaxChecks, outcome_from_json));
  verdict.checks = std::move(checks);
  TRY(findings, fields::list<Finding>(r, "findings", fields::kMaxFindings * fields::kMaxChecks, finding_from_json));
  verdict.findings = std::move(findings);
  verdict.warnings = fields::texts(r, "warnings");
  TRY_OK(r.status());
  return verdict;
}

Json to_json(const Waiver& waiver) {
  return {{"id", waiver.id},
          {"model", waiver.model},
          {"finding", waiver.finding},
          {"versions", waiver.versions},
          {"reason", waiver.reason},
          {"ticket", waiver.ticket},
          {"approved_by", waiver.approved_by},
          {"created", to_rfc3339(waiver.created)},
          {"expires", to_rfc3339(waiver.expires)}};
}

Result<Waiver> waiver_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Waiver waiver;
  waiver.id = fields::text(r, "id");
  waiver.model = fields::text(r, "model");
  waiver.finding = fields::text(r, "finding");
  waiver.versions = fields::texts(r, "versions");
  waiver.reason = fields::text(r, "reason");
  waiver.ticket = fields::text(r, "ticket");
  waiver.approved_by = fields::text(r, "approved_by");
  waiver.created = fields::time(r, "created");
  waiver.expires = fields::time(r, "expires");
  TRY_OK(r.status());
  return waiver;
}

}  // namespace defuse
