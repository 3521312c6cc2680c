#include "reports/sarif_report.h"

#include <algorithm>
#include <map>

#include "reports/text.h"

namespace defuse {
namespace {

constexpr std::size_t kText = 1'000;
constexpr std::size_t kMaxRules = 200;

Json message(const std::string& text) { return {{"text", clean(text.empty() ? "No further words." : text, kText)}}; }

Json locations() {
  return Json::array(
      {{{"physicalLocation", {{"artifactLocation", {{"uri", "defused.yaml"}}}, {"region", {{"startLine", 1}}}}}}});
}

const char* level_of(CheckMode mode) {
  return mode == CheckMode::block ? "error" : mode == CheckMode::warn ? "warning" : "note";
}

const char* kind_of(Decision decision) {
  switch (decision) {
    case Decision::ok:
      return "pass";
    case Decision::violation:
      return "fail";
    case Decision::undecided:
      return "review";
    case Decision::error:
      return "open";
    case Decision::note:
      break;
  }
  return "informational";
}

const char* kind_of(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "pass";
    case VerdictState::fail:
      return "fail";
    case VerdictState::inconclusive:
      return "review";
    case VerdictState::error:
      break;
  }
  return "open";
}

// Relation of a region to the version in production.
const char* baseline_of(RegionStatus status) {
  switch (status) {
    case RegionStatus::new_bug:
      return "new";
    case RegionStatus::worse:
      return "updated";
    case RegionStatus::fixed:
      return "absent";
    case RegionStatus::inherited:
    case RegionStatus::suspected:
      break;
  }
  return "unchanged";
}

Json verdict_result(const Report& report) {
  const bool fails = report.verdict.state == VerdictState::fail;
  std::string text = clean(report.model, 80) + " " + clean(report.version, 80) + ": " +
                     verdict_headline(report.verdict.state) + ". " + report.verdict.reason;
  if (!report.cause.empty()) text += " Cause: " + report.cause;
  return {{"ruleId", "verdict"},
          {"kind", kind_of(report.verdict.state)},
          {"level", fails ? "error" : "none"},
          {"message", message(text)},
          {"locations", locations()},
          {"partialFingerprints", {{"defusedFinding/v1", "verdict/" + clean(report.model, 200)}}}};
}

struct Context {
  const Waivers& waivers;
  std::map<std::string, RegionStatus> regions;
  std::map<std::string, CheckMode> modes;
};

Json finding_result(const Finding& finding, const Context& context) {
  const auto mode = context.modes.find(finding.check);
  const bool fails = finding.decision == Decision::violation;
  Json result = {{"ruleId", clean(finding.check, 200)},
                 {"kind", kind_of(finding.decision)},
                 // SARIF allows a level only beside the kind "fail".
                 {"level", fails ? level_of(mode == context.modes.end() ? CheckMode::block : mode->second) : "none"},
                 {"message", message(finding.sentence.empty() ? finding.id : finding.sentence)},
                 {"locations", locations()},
                 {"partialFingerprints",
                  {{"defusedFinding/v1", clean(finding.region.empty() ? finding.id : finding.region, 300)}}}};
  if (const auto region = context.regions.find(finding.region); region != context.regions.end())
    result["baselineState"] = baseline_of(region->second);
  if (fails && !finding.waiver.empty())
    result["suppressions"] = Json::array({{{"kind", "external"},
                                           {"status", "accepted"},
                                           {"justification", clean(waiver_words(finding, context.waivers), kText)}}});
  return result;
}

Json rules(const Report& report) {
  Json list = Json::array();
  const auto add = [&](const std::string& id, const std::string& title, const std::string& question) {
    if (list.size() >= kMaxRules) return;  // a rule needs no description, and a worker may name any number of checks
    for (const Json& rule : list)
      if (rule["id"] == id) return;
    list.push_back(
        {{"id", id}, {"name", title}, {"shortDescription", {{"text", question.empty() ? title : question}}}});
  };
  add("verdict", "Verdict", "May this version be promoted?");
  for (const CheckOutcome& check : report.verdict.checks)
    add(clean(check.check, 200), check_title(check.check), check_question(check.check));
  for (const Finding& finding : report.verdict.findings)
    add(clean(finding.check, 200), check_title(finding.check), check_question(finding.check));
  return list;
}

int importance(const Finding& finding) {
  switch (finding.decision) {
    case Decision::violation:
      return finding.waiver.empty() ? 0 : 3;
    case Decision::error:
      return 1;
    case Decision::undecided:
      return 2;
    case Decision::ok:
    case Decision::note:
      break;
  }
  return 4;
}

}  // namespace

Json sarif_report(const Report& report, const Waivers& waivers) {
  Context context{waivers, {}, {}};
  for (const Region& region : report.result.regions) context.regions[region.id] = region.status;
  for (const CheckOutcome& check : report.verdict.checks) context.modes[check.check] = check.mode;
  std::vector<const Finding*> findings;
  for (const Finding& finding : report.verdict.findings) findings.push_back(&finding);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding* a, const Finding* b) { return importance(*a) < importance(*b); });

  Json results = Json::array({verdict_result(report)});
  std::size_t bytes = 0, left_out = 0;
  for (const Finding* finding : findings) {
    Json result = finding_result(*finding, context);
    bytes += dump_json(result, 4).size();  // no less than it takes when written, indented
    if (results.size() >= kMaxSarifResults || bytes > kMaxSarifBytes - 500'000) {
      ++left_out;
      continue;
    }
    results.push_back(std::move(result));
  }
  Json notifications = Json::array();
  if (!report.cause.empty()) notifications.push_back({{"level", "error"}, {"message", message(report.cause)}});
  if (left_out > 0)
    notifications.push_back({{"level", "warning"},
                             {"message", message(plural(static_cast<std::int64_t>(left_out), "finding") +
                                                 " not shown here; report.json has all.")}});
  return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"version", "2.1.0"},
          {"runs",
           Json::array(
               {{{"tool", {{"driver", {{"name", "defused"}, {"version", DEFUSED_VERSION}, {"rules", rules(report)}}}}},
                 {"automationDetails", {{"id", "defused/" + clean(report.model, 200) + "/"}}},
                 {"invocations", Json::array({{{"executionSuccessful", report.verdict.state != VerdictState::error},
                                               {"endTimeUtc", to_rfc3339(report.created)},
                                               {"toolExecutionNotifications", std::move(notifications)}}})},
                 {"results", std::move(results)},
                 {"properties",
                  {{"model", clean(report.model, 200)},
                   {"modelVersion", clean(report.version, 200)},
                   {"digest", clean(report.digest, 200)},
                   {"verdict", to_string(report.verdict.state)},
                   {"report", report_address(report)}}}}})}};
}

}  // namespace defuse
