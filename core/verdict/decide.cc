// The rule that makes a verdict. Read top to bottom at the end of the file; above it are its steps.
// Everything here fails closed: a check's own `state` and its findings are both asked and the worse answer counts, a
// check that the policy requires counts as blocking whatever its result says, and a pass needs at least one check that
// passed.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/verdict/verdict.h"

namespace defuse {
namespace {

std::string date_of(TimePoint time) { return to_rfc3339(time).substr(0, 10); }

std::string counted(std::size_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

// Waivers of this model and version, and which of them covered something.
class Waivers {
 public:
  Waivers(const ModelName& model, const Version& version, const std::vector<Waiver>& all, TimePoint now) : now_(now) {
    for (const auto& waiver : all) {
      const bool here = waiver.versions.empty() || std::find(waiver.versions.begin(), waiver.versions.end(),
                                                             version.str()) != waiver.versions.end();
      if (waiver.model == model && here && !waiver.finding.empty() && !waiver.id.empty()) relevant_.push_back(&waiver);
    }
  }

  // The live waiver for this violation; null if there is none.
  const Waiver* covering(const Finding& finding) {
    for (const Waiver* waiver : relevant_)
      if (names(*waiver, finding) && live(*waiver)) {
        used_.insert(waiver->id);
        return waiver;
      }
    return nullptr;
  }

  // "waiver w-1 covered this until 2026-03-01 and has expired"; empty if none did.
  std::string expired_for(const Finding& finding) const {
    for (const Waiver* waiver : relevant_)
      if (names(*waiver, finding) && !live(*waiver))
        return "waiver " + waiver->id + " covered this until " + date_of(waiver->expires) + " and has expired";
    return {};
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string> lines;
    for (const Waiver* waiver : relevant_) {
      if (!live(*waiver)) {
        lines.push_back("Waiver " + waiver->id + " for " + waiver->finding + " expired on " + date_of(waiver->expires) +
                        " and covers nothing.");
      } else if (used_.count(waiver->id) == 0) {
        lines.push_back("Waiver " + waiver->id + " for " + waiver->finding +
                        " matches no violation of this version; remove it if you no longer need it.");
      }
    }
    return lines;
  }

 private:
  static bool names(const Waiver& waiver, const Finding& finding) {
    return waiver.finding == finding.id || (!finding.region.empty() && waiver.finding == finding.region);
  }
  bool live(const Waiver& waiver) const { return now_ < waiver.expires; }

  TimePoint now_;
  std::vector<const Waiver*> relevant_;
  std::set<std::string> used_;
};

// One check after waivers.
struct Judged {
  CheckOutcome outcome;
  std::vector<Finding> findings;
  std::vector<std::string> expired;  // about violations that a waiver once covered
  std::vector<std::string> covered;  // "w-1 until 2026-03-01"
  bool forgiven = false;             // inconclusive only for want of an incumbent, and the policy allows that
  std::int64_t more_images = 0;
};

// The sentence of the first finding with this decision that no waiver covers.
std::string sentence_of(const std::vector<Finding>& findings, Decision decision) {
  for (const auto& finding : findings)
    if (finding.decision == decision && finding.waiver.empty()) {
      if (!finding.sentence.empty()) return finding.sentence;
      return finding.subject.empty() ? finding.id : finding.subject;
    }
  return {};
}

std::string reason_for(VerdictState state, const CheckResult& result, const Judged& judged) {
  std::string found;
  if (state == VerdictState::fail) found = sentence_of(judged.findings, Decision::violation);
  if (state == VerdictState::error) found = sentence_of(judged.findings, Decision::error);
  if (state == VerdictState::inconclusive) found = sentence_of(judged.findings, Decision::undecided);
  // The check's own words fit unless waivers changed its state.
  if (state == result.state && !result.reason.empty() && judged.covered.empty()) return result.reason;
  if (!found.empty()) return found;
  if (!judged.covered.empty())
    return counted(judged.covered.size(), "violation") + " found, covered by a waiver (" +
           joined(judged.covered, ", ") + ")";
  if (!result.reason.empty()) return result.reason;
  return "the check gave no reason";
}

// The check's own state. A `fail` stands for its violations; it counts by itself only if it names none.
VerdictState stated(const CheckResult& result) {
  const bool has_violation = std::any_of(result.findings.begin(), result.findings.end(),
                                         [](const Finding& f) { return f.decision == Decision::violation; });
  return result.state == VerdictState::fail && has_violation ? VerdictState::pass : result.state;
}

Judged judge(const CheckResult& result, CheckMode mode, const Policy& policy, Waivers& waivers) {
  Judged judged;
  judged.findings = result.findings;
  judged.more_images = result.more_images;
  VerdictState state = stated(result);
  for (auto& finding : judged.findings) {
    finding.waiver.clear();  // set here and nowhere else
    if (finding.check.empty()) finding.check = result.check;
    if (finding.decision == Decision::error) state = worse(state, VerdictState::error);
    if (finding.decision == Decision::undecided) state = worse(state, VerdictState::inconclusive);
    if (finding.decision != Decision::violation) continue;
    if (const Waiver* waiver = waivers.covering(finding)) {
      finding.waiver = waiver->id;
      judged.covered.push_back(waiver->id + " until " + date_of(waiver->expires));
      continue;
    }
    state = VerdictState::fail;
    if (auto line = waivers.expired_for(finding); !line.empty()) judged.expired.push_back(std::move(line));
  }
  judged.outcome = {result.check, mode, state, reason_for(state, result, judged)};
  judged.forgiven = state == VerdictState::inconclusive && result.no_incumbent && !policy.has_incumbent &&
                    policy.bootstrap == Bootstrap::allow &&
                    std::none_of(judged.findings.begin(), judged.findings.end(),
                                 [](const Finding& f) { return f.decision == Decision::undecided; });
  if (judged.forgiven) {
    judged.outcome.state = VerdictState::pass;
    judged.outcome.reason = "not compared: there is no incumbent yet, and `bootstrap: allow` accepts that";
  }
  return judged;
}

std::string with_stop(std::string sentence) {
  if (!sentence.empty() && sentence.back() != '.') sentence += '.';
  return sentence;
}

// The reasons of one blocking check that did not pass: its violations one by one, or its own sentence.
std::vector<std::string> reasons_of(const Judged& judged) {
  std::vector<std::string> lines;
  if (judged.outcome.state == VerdictState::fail)
    for (const auto& finding : judged.findings)
      if (finding.decision == Decision::violation && finding.waiver.empty() && !finding.sentence.empty())
        lines.push_back(judged.outcome.check + ": " + with_stop(finding.sentence));
  if (lines.empty()) {
    std::string line = judged.outcome.check + ": " + with_stop(judged.outcome.reason);
    if (judged.outcome.state == VerdictState::inconclusive && judged.more_images > 0)
      line += " About " + counted(static_cast<std::size_t>(judged.more_images), "more test image") + " would do.";
    lines.push_back(std::move(line));
  }
  for (const auto& expired : judged.expired) lines.push_back(judged.outcome.check + ": " + with_stop(expired));
  return lines;
}

std::string headline(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "May be promoted. ";
    case VerdictState::fail:
      return "Must not be promoted. ";
    case VerdictState::inconclusive:
      return "Cannot be decided yet. ";
    case VerdictState::error:
      return "Could not be judged. ";
  }
  return {};
}

// What the blocking checks say together.
struct Tally {
  VerdictState state = VerdictState::pass;
  std::vector<std::string> passed;  // names of checks that passed on evidence
  std::vector<std::string> covered;
  std::map<int, std::vector<std::string>, std::greater<>> reasons;  // by severity, gravest first
};

constexpr char kNoIncumbent[] =
    "There is no incumbent yet: promote one version of this model to compare later ones with.";

// The rules that are not any check's.
void apply_policy(const Policy& policy, bool any_result, Tally& tally) {
  const auto add = [&tally](VerdictState state, const std::string& line) {
    tally.state = worse(tally.state, state);
    tally.reasons[severity(state)].push_back(line);
  };
  if (!any_result) {
    add(VerdictState::error, "no check gave a result, so nothing is known about this version.");
  } else if (tally.state == VerdictState::pass && tally.passed.empty()) {
    add(VerdictState::inconclusive, "no blocking check was run on this version; without one there is no pass.");
  }
  if (policy.has_incumbent || policy.bootstrap == Bootstrap::allow) return;
  tally.state = worse(tally.state, VerdictState::inconclusive);
  auto& lines = tally.reasons[severity(VerdictState::inconclusive)];
  lines.insert(lines.begin(), kNoIncumbent);
}

std::string pass_reason(const Tally& tally) {
  std::string reason =
      "Every blocking check showed that harm stays within its limit: " + joined(tally.passed, ", ") + ".";
  if (!tally.covered.empty())
    reason +=
        " " + counted(tally.covered.size(), "violation") + " covered by a waiver: " + joined(tally.covered, ", ") + ".";
  return reason;
}

void warn_about(const Judged& judged, std::vector<std::string>& warnings) {
  if (judged.outcome.state == VerdictState::pass) return;
  const bool shadow = judged.outcome.mode == CheckMode::shadow;
  warnings.push_back(std::string(shadow ? "Shadow" : "Warning") + ", not counted: " + judged.outcome.check + " says " +
                     std::string(to_string(judged.outcome.state)) + ": " + with_stop(judged.outcome.reason));
}

void count(const Judged& judged, Tally& tally) {
  tally.state = worse(tally.state, judged.outcome.state);
  tally.covered.insert(tally.covered.end(), judged.covered.begin(), judged.covered.end());
  if (judged.outcome.state == VerdictState::pass) {
    if (!judged.forgiven) tally.passed.push_back(judged.outcome.check);
    return;
  }
  auto& lines = tally.reasons[severity(judged.outcome.state)];
  for (auto& line : reasons_of(judged)) lines.push_back(std::move(line));
}

}  // namespace

Verdict decide(const ModelName& model, const Version& version, const std::vector<CheckResult>& results,
               const Policy& policy, const std::vector<Waiver>& waivers, TimePoint now) {
  Verdict verdict;
  Waivers known(model, version, waivers, now);
  std::set<std::string> missing(policy.required.begin(), policy.required.end());
  const std::set<std::string> required = missing;
  Tally tally;
  bool any_result = false;
  for (const auto& result : results) {
    if (result.mode == CheckMode::off) continue;  // not run; if it is required it stays missing
    any_result = true;
    missing.erase(result.check);
    const CheckMode mode = required.count(result.check) != 0 ? CheckMode::block : result.mode;
    Judged judged = judge(result, mode, policy, known);
    if (mode == CheckMode::block) {
      count(judged, tally);
    } else {
      warn_about(judged, verdict.warnings);
    }
    verdict.checks.push_back(std::move(judged.outcome));
    for (auto& finding : judged.findings) verdict.findings.push_back(std::move(finding));
  }
  for (const auto& check : missing) {
    Judged absent;
    absent.outcome = {check, CheckMode::block, VerdictState::error, "this check must run, and gave no result"};
    count(absent, tally);
    verdict.checks.push_back(std::move(absent.outcome));
  }
  apply_policy(policy, any_result, tally);

  verdict.state = tally.state;
  for (const auto& [_, lines] : tally.reasons)
    verdict.reasons.insert(verdict.reasons.end(), lines.begin(), lines.end());
  if (verdict.ok()) verdict.reasons.insert(verdict.reasons.begin(), pass_reason(tally));
  verdict.reason = headline(verdict.state) + verdict.reasons.front();
  // A person who sees a waived thing fail must learn why at once.
  if (verdict.state == VerdictState::fail)
    for (std::size_t i = 1; i < verdict.reasons.size(); ++i)
      if (verdict.reasons[i].ends_with("and has expired.")) verdict.reason += " " + verdict.reasons[i];
  for (auto& line : known.warnings()) verdict.warnings.push_back(std::move(line));
  return verdict;
}

}  // namespace defuse
