#include "core/verdict/conclude.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

namespace defuse {
namespace {

struct CheckName {
  const char* id;
  CheckMode mode;
};

std::vector<CheckName> configured_checks(const CheckSettings& checks) {
  return {{"contract", checks.contract.mode},
          {"accuracy", checks.accuracy.mode},
          {"negative_flips", checks.negative_flips.mode},
          {"known_regions", checks.known_regions.mode},
          {"misclassification_regions", checks.misclassification_regions.mode},
          {"spotlight", checks.spotlight.mode}};
}

constexpr std::size_t kIdLength = 2 + 12;  // "r-" and 12 hex

// Every region id in a text replaced in one pass, so that two regions may swap names.
std::string renamed(const std::string& text, const RegionIds& ids) {
  std::string result;
  std::size_t from = 0;
  for (auto at = text.find("r-"); at != std::string::npos; at = text.find("r-", at + 2)) {
    const auto found = ids.find(RegionId(text.substr(at, kIdLength)));
    if (found == ids.end()) continue;
    result.append(text, from, at - from).append(found->second);
    from = at + kIdLength;
    at = from - 2;
  }
  return result.append(text, from);
}

// What a person's label takes away from a finding of that region, or nothing.
std::optional<std::string> set_aside(const RegionLabel& label, const WorkerResult& result, const RegionId& region) {
  if (label.word() == RegionLabel::Word::ambiguous) return "a person called its label ambiguous";
  if (label.word() == RegionLabel::Word::unrealistic) return "a person called its images unrealistic";
  const auto named = label.named_class();
  if (!named) return std::nullopt;
  // The label changed to what the candidate says there: then it was right. Any other class and it is wrong still.
  for (const auto& found : result.regions)
    if (found.id == region && *named == found.predicted_as)
      return "a person named the class that the candidate predicts";
  return std::nullopt;
}

// What is left of a check once some findings were set aside. Its state stays where something other than those findings
// may stand behind it: an error or a lack of evidence of the whole check has no finding that a person could set aside.
VerdictState remaining_state(const CheckResult& check, const std::set<Decision>& removed, const WorkerResult& result) {
  auto state = VerdictState::pass;
  for (const auto& finding : check.findings) state = worse(state, state_of(finding.decision));
  const auto explained =
      std::any_of(removed.begin(), removed.end(), [&](Decision decision) { return state_of(decision) == check.state; });
  if (!explained) state = worse(state, check.state);
  // A violation outweighs the news that generated images prove nothing; without it, that news is what remains.
  if (check.check == "misclassification_regions" && !(result.generator && result.generator->usable))
    state = worse(state, VerdictState::inconclusive);
  return state;
}

void apply_labels(const RegionLabels& labels, const WorkerResult& result, CheckResult& check) {
  std::set<Decision> removed;
  std::string names;
  for (auto& finding : check.findings) {
    const auto label = labels.find(finding.region);
    if (finding.region.empty() || label == labels.end() || finding.decision == Decision::note) continue;
    const auto why = set_aside(label->second, result, finding.region);
    if (!why) continue;
    removed.insert(finding.decision);
    finding.decision = Decision::note;
    finding.sentence += " Not counted: " + *why + ".";
    names += (names.empty() ? "" : ", ") + finding.region;
  }
  if (removed.empty()) return;
  const auto before = check.state;
  check.state = remaining_state(check, removed, result);
  check.reason = before == check.state ? check.reason + " Set aside by people: " + names + "."
                                       : "Nothing else was found once people had set aside " + names + ".";
}

Policy policy_of(const ModelSettings& settings, bool has_incumbent) {
  Policy policy;
  policy.bootstrap = settings.bootstrap;
  policy.has_incumbent = has_incumbent;
  policy.required = required_checks(settings);
  return policy;
}

// What a check that says pass would have seen, and the rest of the result denies. A worker that was taken over can tell
// a story without holes; one that is broken, or a file that was pieced together, cannot.
std::string unsupported(const WorkerResult& result, const CheckResult& check, const ModelSettings& settings) {
  const bool contract = check.check == "contract";
  const bool compares = check.check == "accuracy" || check.check == "negative_flips";
  if (check.state != VerdictState::pass || (!contract && !compares)) return {};
  const auto& facts = result.contract;
  if (!facts.loaded || !facts.ran || !facts.run_error.empty()) return "although its model was not loaded and run";
  if (result.test_images <= 0 || facts.images != result.test_images)
    return "although its model was run on " + std::to_string(facts.images) + " of " +
           std::to_string(result.test_images) + " test images";
  if (contract)
    return facts.not_finite + facts.not_deterministic + facts.batch_dependent == 0 ? "" : "against its own counts";
  if (!result.comparison) return "although nothing was compared";
  const auto& counts = result.comparison->overall;
  const auto net = static_cast<double>(counts.negative_flips - counts.positive_flips);
  const bool worse = net > settings.checks.accuracy.max_drop * static_cast<double>(counts.total());
  return check.check == "accuracy" && worse ? "against its own counts" : "";
}

bool differs(const std::optional<double>& told, std::int64_t right, std::int64_t of) {
  return !told || std::abs(*told * static_cast<double>(of) - static_cast<double>(right)) > 0.5;
}

// Empty if the result's numbers fit each other.
std::string contradiction_in(const WorkerResult& result, const ModelSettings& settings) {
  for (const auto& check : result.checks)
    if (auto why = unsupported(result, check, settings); !why.empty()) return check.check + " passes, " + why;
  if (!result.comparison) return {};
  if (result.test_digest.empty()) return "it compares on data that it gives no digest of";
  const auto& counts = result.comparison->overall;
  if (counts.total() != result.test_images)
    return "it compares on " + std::to_string(counts.total()) + " of " + std::to_string(result.test_images) +
           " test images";
  if (differs(result.candidate_accuracy, counts.both_right + counts.positive_flips, counts.total()) ||
      differs(result.incumbent_accuracy, counts.both_right + counts.negative_flips, counts.total()))
    return "its accuracies are not those of its comparison";
  return {};
}

}  // namespace

RegionIds settle_regions(const WorkerResult& result, const std::vector<RegionFingerprint>& earlier) {
  auto regions = result.regions;
  assign_ids(result.model, result.probe_digest, earlier, regions);
  RegionIds ids;
  for (std::size_t i = 0; i < regions.size(); ++i) ids[result.regions[i].id] = regions[i].id;
  return ids;
}

void rename_regions(const RegionIds& ids, WorkerResult& result) {
  for (auto& region : result.regions) {
    const auto id = ids.find(region.id);
    if (id == ids.end()) continue;
    region.sentence = renamed(region.sentence, ids);
    region.id = id->second;
  }
  for (auto& check : result.checks) {
    if (check.check == "known_regions") continue;
    check.reason = renamed(check.reason, ids);
    for (auto& finding : check.findings) {
      finding.id = renamed(finding.id, ids);
      finding.subject = renamed(finding.subject, ids);
      finding.region = RegionId(renamed(finding.region, ids));
      finding.sentence = renamed(finding.sentence, ids);
    }
  }
}

std::vector<std::string> required_checks(const ModelSettings& settings) {
  std::vector<std::string> required;
  for (const auto& check : configured_checks(settings.checks))
    if (check.mode == CheckMode::block) required.emplace_back(check.id);
  return required;
}

Result<void> fits_job(const WorkerResult& result, const JobSpec& job) {
  const auto contradiction = [](const std::string& what) {
    return fail(ErrorCode::corrupt, "the worker's result cannot be used: " + what);
  };
  if (result.job != job.id)
    return contradiction("it is of job " + std::to_string(result.job) + ", not " + std::to_string(job.id));
  if (result.model != job.model || result.candidate.version != job.candidate.version)
    return contradiction("it is of " + result.model + "/" + result.candidate.version);
  if (result.candidate.digest != job.candidate.digest) return contradiction("it is of an artifact with another digest");
  if (result.incumbent.has_value() != job.incumbent.has_value() ||
      (job.incumbent && result.incumbent->digest != job.incumbent->digest))
    return contradiction("it was compared with another incumbent than the job names");
  std::set<std::string> seen;
  for (const auto& check : result.checks)
    if (!seen.insert(check.check).second) return contradiction("it holds check " + check.check + " twice");
  std::set<std::string> regions;
  for (const auto& region : result.regions)
    if (region.id.empty() || !regions.insert(region.id).second) return contradiction("two regions share one id");
  if (const auto why = contradiction_in(result, job.settings); !why.empty()) return contradiction(why);
  return {};
}

Report conclude(WorkerResult result, const ModelSettings& settings, const std::vector<Waiver>& waivers,
                const RegionLabels& labels, TimePoint now, const std::filesystem::path& pictures,
                const std::optional<JudgementHistory>& history) {
  const auto configured = configured_checks(settings.checks);
  for (auto& check : result.checks) {
    const auto known =
        std::find_if(configured.begin(), configured.end(), [&](const CheckName& c) { return check.check == c.id; });
    if (known != configured.end()) check.mode = known->mode;
    for (auto& finding : check.findings) finding.waiver.clear();  // decide() alone fills these in
  }
  auto checks = std::move(result.checks);
  result.checks.clear();
  for (auto& check : checks) apply_labels(labels, result, check);
  result.checks = std::move(checks);

  Report report;
  report.model = result.model;
  report.version = result.candidate.version;
  report.digest = result.candidate.digest;
  report.created = now;
  for (const auto& station : result.stations) report.seconds += station.seconds;
  report.alpha = settings.alpha;
  report.pictures = pictures;
  report.verdict = decide(result.model, result.candidate.version, result.checks,
                          policy_of(settings, result.incumbent.has_value()), waivers, now);
  if (result.comparison) {
    report.test_reuse = test_reuse_of(settings, history, result.test_digest, result.comparison->overall);
    if (auto worn = test_reuse_warning(*report.test_reuse); !worn.empty())
      report.verdict.warnings.push_back(std::move(worn));
  }
  for (const auto& region : result.regions)
    if (const auto label = labels.find(region.id); label != labels.end())
      report.region_labels.emplace(label->first, label->second);
  for (const auto& check : result.checks)
    for (const auto& finding : check.findings)
      if (const auto label = labels.find(finding.region); label != labels.end())
        report.region_labels.emplace(label->first, label->second);
  report.result = std::move(result);
  return report;
}

void note_signature(Report& report, const SignatureView& signature) {
  report.signature = signature;
  if (!signature.problem.empty())
    report.verdict.warnings.push_back("Signature " + std::string(to_string(signature.state)) + ": " +
                                      signature.problem + ".");
}

Report conclude_failure(const JobSpec& job, const std::string& cause, TimePoint now) {
  Report report;
  report.model = job.model;
  report.version = job.candidate.version;
  report.digest = job.candidate.digest;
  report.created = now;
  report.alpha = job.settings.alpha;
  report.cause = cause;
  report.result.job = job.id;
  report.result.model = job.model;
  report.result.candidate = job.candidate;
  report.result.incumbent = job.incumbent;
  report.result.classes = job.settings.classes;
  const auto not_carried_out = [&](const char* check, CheckMode mode, const std::string& reason) {
    CheckResult result;
    result.check = check;
    result.mode = mode;
    result.state = VerdictState::error;
    result.reason = reason;
    report.result.checks.push_back(std::move(result));
  };
  // Blocks whatever the checks' modes are: with none of them blocking, a job that failed must not pass for want of
  // objections.
  not_carried_out("worker", CheckMode::block, "The worker could not finish: " + cause + ".");
  for (const auto& check : configured_checks(job.settings.checks))
    if (check.mode != CheckMode::off)
      not_carried_out(check.id, check.mode, "Not carried out: the worker could not finish.");
  report.verdict = decide(job.model, job.candidate.version, report.result.checks,
                          policy_of(job.settings, job.incumbent.has_value()), {}, now);
  report.verdict.reason = "Could not be judged: " + cause + ".";
  return report;
}

}  // namespace defuse
