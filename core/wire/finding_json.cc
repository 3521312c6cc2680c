// JSON forms of what checks conclude.
#include "core/wire/json_fields.h"

namespace defuse {
namespace {
constexpr std::array kDecisions{Decision::ok, Decision::violation, Decision::undecided, Decision::error,
                                Decision::note};
}  // namespace

Json to_json(const Finding& finding) {
  return {{"id", finding.id},
          {"check", finding.check},
          {"subject", finding.subject},
          {"region", finding.region},
          {"decision", to_string(finding.decision)},
          {"value", json_number(finding.value)},
          {"incumbent_value", json_number(finding.incumbent_value)},
          {"limit", json_number(finding.limit)},
          {"lower", json_number(finding.lower)},
          {"upper", json_number(finding.upper)},
          {"n", finding.n},
          {"p", json_number(finding.p)},
          {"p_adjusted", json_number(finding.p_adjusted)},
          {"sentence", finding.sentence},
          {"waiver", finding.waiver}};
}

Result<Finding> finding_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Finding finding;
  finding.id = fields::text(r, "id");
  finding.check = fields::text(r, "check");
  finding.subject = fields::text(r, "subject");
  finding.region = fields::text(r, "region");
  finding.decision = fields::name(r, "decision", kDecisions);
  finding.value = r.number("value");
  finding.incumbent_value = r.number("incumbent_value");
  finding.limit = r.number("limit");
  finding.lower = r.number("lower");
  finding.upper = r.number("upper");
  finding.n = fields::count(r, "n");
  finding.p = r.number("p");
  finding.p_adjusted = r.number("p_adjusted");
  finding.sentence = fields::text(r, "sentence");
  finding.waiver = fields::text(r, "waiver");
  TRY_OK(r.status());
  return finding;
}

Json to_json(const CheckResult& result) {
  Json findings = Json::array();
  for (const Finding& finding : result.findings) findings.push_back(to_json(finding));
  return {{"check", result.check},
          {"mode", to_string(result.mode)},
          {"state", to_string(result.state)},
          {"reason", result.reason},
          {"detectable", result.detectable},
          {"detectable_value", json_number(result.detectable_value)},
          {"more_images", result.more_images},
          {"no_incumbent", result.no_incumbent},
          {"findings", std::move(findings)}};
}

Result<CheckResult> check_result_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  CheckResult result;
  result.check = fields::text(r, "check");
  result.mode = fields::name(r, "mode", fields::kModes);
  result.state = fields::name(r, "state", fields::kStates);
  result.reason = fields::text(r, "reason");
  result.detectable = fields::text(r, "detectable");
  result.detectable_value = r.number("detectable_value");
  result.more_images = fields::count(r, "more_images");
  result.no_incumbent = r.boolean("no_incumbent");
  TRY(findings, fields::list<Finding>(r, "findings", fields::kMaxFindings, finding_from_json));
  result.findings = std::move(findings);
  TRY_OK(r.status());
  return result;
}

}  // namespace defuse
