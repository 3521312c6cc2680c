#include "reports/junit_report.h"

#include <algorithm>
#include <set>

#include "reports/pictures.h"
#include "reports/text.h"

namespace defuse {
namespace {

// Words of a result must not name files for the reader to attach; only we do.
std::string words(std::string text) {
  for (auto at = text.find("[["); at != std::string::npos; at = text.find("[[", at)) text.insert(at + 1, " ");
  return xml_escaped(text);
}

enum class Kind { passed, skipped, error, failure };  // in order of weight

struct Case {
  std::string name;
  Kind kind = Kind::passed;
  std::string type;  // of a failure or error
  std::string message;
  std::string details;  // written as the case's output
  std::string picture;  // attached to the case where the reader knows how
};

Case from_state(std::string name, VerdictState state, const std::string& message) {
  switch (state) {
    case VerdictState::pass:
      return {std::move(name), Kind::passed, "", "", message, ""};
    case VerdictState::fail:
      return {std::move(name), Kind::failure, "violation", message, "", ""};
    case VerdictState::inconclusive:
      return {std::move(name), Kind::error, "inconclusive", message, "", ""};
    case VerdictState::error:
      break;
  }
  return {std::move(name), Kind::error, "error", message, "", ""};
}

// What a check that only warns has to say is visible, and neither green nor red.
void soften(Case& c, CheckMode mode) {
  if (mode == CheckMode::block || c.kind == Kind::passed) return;
  c.kind = Kind::skipped;
  c.message = "warning only: " + c.message;
}

Case of_finding(const Report& report, const Finding& finding, const Waivers& waivers) {
  Case c = from_state(finding.id, VerdictState::pass, finding.sentence);
  if (finding.decision == Decision::violation) c = from_state(finding.id, VerdictState::fail, finding.sentence);
  if (finding.decision == Decision::undecided) c = from_state(finding.id, VerdictState::inconclusive, finding.sentence);
  if (finding.decision == Decision::error) c = from_state(finding.id, VerdictState::error, finding.sentence);
  const CheckOutcome* outcome = outcome_of(report, finding.check);
  if (!finding.waiver.empty() && finding.decision == Decision::violation) {
    c.kind = Kind::skipped;
    c.message = waiver_words(finding, waivers) + " — " + finding.sentence;
  } else if (outcome) {
    soften(c, outcome->mode);
    // A check may pass although one of its findings is thin; a red case would then contradict the verdict.
    if (c.kind == Kind::error && outcome->state == VerdictState::pass) c.kind = Kind::skipped;
  }
  return c;
}

Case of_region(const Report& report, const Region& region) {
  Case c{"region/" + region.id, Kind::passed, "", "", "", ""};
  c.details = status_word(region.status) + " (" + status_meaning(region.status) + "): " + region_title(report, region) +
              ". " + clean(region.sentence);
  const std::string said = person_label(report, region.id);
  if (!said.empty()) c.details += " (" + said + ")";
  if (!region.samples.empty() && plain_picture_name(region.samples.front().picture))
    c.picture = region.samples.front().picture;
  return c;
}

std::vector<Case> cases_of(const Report& report, const Waivers& waivers) {
  std::vector<Case> cases;
  std::string reason = report.verdict.reason;
  if (!report.cause.empty()) reason += " Cause: " + report.cause;
  cases.push_back(from_state("verdict", report.verdict.state, reason));
  for (const CheckOutcome& outcome : report.verdict.checks) {
    if (outcome.mode == CheckMode::shadow || outcome.mode == CheckMode::off) continue;
    cases.push_back(from_state("check/" + outcome.check, outcome.state, outcome.reason));
    soften(cases.back(), outcome.mode);
  }
  std::set<std::string> told;
  for (const Finding& finding : report.verdict.findings) {
    const CheckOutcome* outcome = outcome_of(report, finding.check);
    if (outcome && (outcome->mode == CheckMode::shadow || outcome->mode == CheckMode::off)) continue;
    cases.push_back(of_finding(report, finding, waivers));
    if (!finding.region.empty()) told.insert(finding.region);
  }
  for (const Region& region : report.result.regions)
    if (!told.contains(region.id)) cases.push_back(of_region(report, region));
  // The verdict stays first; then what failed, so that a cut at the byte budget takes the least important.
  std::stable_sort(cases.begin() + 1, cases.end(), [](const Case& a, const Case& b) { return a.kind > b.kind; });
  return cases;
}

std::string rendered(const Case& c, const std::string& class_name) {
  std::string xml = "    <testcase classname=\"" + class_name + "\" name=\"" + words(c.name) + "\"";
  const std::string message = words(c.message);
  std::string inside;
  if (c.kind == Kind::skipped) inside += "      <skipped message=\"" + message + "\"/>\n";
  if (c.kind == Kind::failure || c.kind == Kind::error) {
    const char* tag = c.kind == Kind::failure ? "failure" : "error";
    inside += std::string("      <") + tag + " type=\"" + c.type + "\" message=\"" + message + "\">" + message + "</" +
              tag + ">\n";
  }
  std::string output = words(c.details);
  if (!c.picture.empty()) output += "\n[[ATTACHMENT|" + xml_escaped(c.picture) + "]]\n";
  if (!output.empty()) inside += "      <system-out>" + output + "</system-out>\n";
  return xml + (inside.empty() ? "/>\n" : ">\n" + inside + "    </testcase>\n");
}

std::string property(const char* name, const std::string& value) {
  return std::string("      <property name=\"") + name + "\" value=\"" + words(value) + "\"/>\n";
}

std::string properties(const Report& report) {
  std::string xml = "    <properties>\n" + property("version", report.version) + property("digest", report.digest) +
                    property("verdict", std::string(to_string(report.verdict.state)));
  if (report.result.incumbent) xml += property("incumbent", report.result.incumbent->version);
  return xml + property("report", report_address(report)) + "    </properties>\n";
}

}  // namespace

std::string junit_report(const Report& report, const Waivers& waivers) {
  const std::string suite = words("defused." + clean(report.model, 200));
  std::vector<Case> cases = cases_of(report, waivers);
  std::set<std::string> names;
  std::string body;
  std::size_t written = 0, failures = 0, errors = 0, skipped = 0;
  for (Case& c : cases) {
    // Duplicate names would be dropped by some readers, and with them what failed.
    const std::string name = clean(c.name.empty() ? "finding" : c.name, 300);
    c.name = name;
    for (int copy = 2; !names.insert(c.name).second; ++copy) c.name = name + " (" + std::to_string(copy) + ")";
    std::string xml = rendered(c, suite);
    if (body.size() + xml.size() > kMaxJunitBytes - 20'000) break;
    body += xml;
    ++written;
    failures += c.kind == Kind::failure;
    errors += c.kind == Kind::error;
    skipped += c.kind == Kind::skipped;
  }
  if (written < cases.size()) {
    body +=
        rendered({"not shown", Kind::skipped, "", "some cases are not shown here; report.json has all", "", ""}, suite);
    ++written;
    ++skipped;
  }
  const std::string counts = " tests=\"" + std::to_string(written) + "\" failures=\"" + std::to_string(failures) +
                             "\" errors=\"" + std::to_string(errors) + "\" skipped=\"" + std::to_string(skipped) + "\"";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"defused\"" + counts +
         ">\n  <testsuite name=\"" + suite + "\"" + counts + " timestamp=\"" +
         to_rfc3339(report.created).substr(0, 19) + "\">\n" + properties(report) + body +
         "  </testsuite>\n</testsuites>\n";
}

}  // namespace defuse
