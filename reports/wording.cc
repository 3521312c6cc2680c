#include "reports/wording.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/regions/label.h"
#include "reports/text.h"

namespace defuse {
namespace {

struct CheckWords {
  std::string_view id, title, question;
};

constexpr std::array kChecks{
    CheckWords{"contract", "Contract",
               "Does it load, take the right input and give finite, repeatable answers for the right classes?"},
    CheckWords{"accuracy", "Accuracy", "Is it not worse than the version in production, overall and in each class?"},
    CheckWords{"negative_flips", "Negative flips", "How many images does it break that used to work?"},
    CheckWords{"known_regions", "Known bugs", "Does a bug come back that an earlier release had and that was fixed?"},
    CheckWords{"misclassification_regions", "Bug regions",
               "Which kinds of image fail, and which of these failures are new or worse?"},
    CheckWords{"spotlight", "Spotlight", "Which groups that the model itself finds alike lose more than before?"},
    CheckWords{"embedding_compatibility", "Embedding compatibility",
               "May embeddings of the old version stay in the gallery?"},
    CheckWords{"worker", "Evaluation", "Could the candidate be evaluated at all?"},
};

const CheckWords* words_of(std::string_view check) {
  const auto it = std::find_if(kChecks.begin(), kChecks.end(), [&](const CheckWords& w) { return w.id == check; });
  return it == kChecks.end() ? nullptr : &*it;
}

std::string quoted(const std::string& name) { return "“" + name + "”"; }

int rank(RegionStatus status) { return static_cast<int>(status); }  // declared gravest first

// Words of a command that a person may paste into a shell: nothing but plain characters, or a placeholder.
std::string shell_word(const std::string& text, const char* placeholder) {
  const bool plain =
      !text.empty() && text.size() <= 120 && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("._-/").find(c) != std::string_view::npos;
      });
  return plain ? text : placeholder;
}

std::string command_names(const Report& report) {
  return shell_word(report.model, "MODEL") + " " + shell_word(report.version, "VERSION");
}

// Steps mark commands by backticks, so a text from elsewhere may hold none.
std::string unmarked(const std::string& text) {
  std::string out = clean(text);
  std::replace(out.begin(), out.end(), '`', '\'');
  return out;
}

bool harmful(const Region& region) {
  return region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
}

void steps_for_fail(const Report& report, std::vector<std::string>& steps) {
  const auto& regions = report.result.regions;
  const auto& findings = report.verdict.findings;
  const auto region = std::find_if(regions.begin(), regions.end(), harmful);
  if (region != regions.end())
    steps.push_back(
        "Look at the groups of pictures below. Each shows one kind of image that this version gets wrong more often "
        "than " +
        unmarked(incumbent_name(report)) + " did.");
  else
    steps.push_back("Look at the reasons and at the images it broke.");
  steps.push_back(
      "Fix it: add images like these to the training data and train again. The same images will be tried on the next "
      "version.");
  if (region != regions.end())
    steps.push_back(
        "If the pictures of a group do not show what their label says, mark it as ambiguous; it then no longer counts: "
        "`defusectl label " +
        shell_word(region->id, "REGION") + " ambiguous`.");
  const auto violation = std::find_if(findings.begin(), findings.end(), [&](const Finding& f) {
    const CheckOutcome* outcome = outcome_of(report, f.check);
    return f.decision == Decision::violation && f.waiver.empty() && outcome && outcome->mode == CheckMode::block;
  });
  if (violation != findings.end())
    steps.push_back("If the harm is acceptable for now, say who accepts it, why and until when: `defusectl waive add " +
                    shell_word(report.model, "MODEL") + " " + shell_word(violation->id, "FINDING") +
                    " --for 14d --reason … --ticket …`.");
}

void steps_for_inconclusive(const Report& report, std::vector<std::string>& steps) {
  const bool first = has_result(report) && !report.result.incumbent;
  if (first)
    steps.push_back(
        "There is nothing to compare with yet. When you are satisfied with a version, put it in production: "
        "`defusectl promote " +
        command_names(report) +
        " --reason …` (the first version of a line needs no --override). Or let first versions pass without "
        "comparison, by `bootstrap: allow` in the configuration.");
  for (const CheckResult& check : report.result.checks)
    if (check.mode == CheckMode::block && check.state == VerdictState::inconclusive && !check.no_incumbent &&
        check.more_images > 0)
      steps.push_back("Give it more evidence: about " + plural(check.more_images, "more test image") +
                      " would let the check “" + unmarked(check_title(check.check)) + "” decide.");
  if (report.result.generator && !report.result.generator->usable)
    steps.push_back("Generated images cannot be trusted yet: " + unmarked(report.result.generator->problem) +
                    " More epochs or a larger latent space of the generator may help.");
  if (steps.empty()) steps.push_back("The reasons above say what is missing.");
  steps.push_back("This is not a pass: there is not enough evidence that the version is safe.");
}

}  // namespace

bool has_result(const Report& report) {
  // A failed job's report names model and versions, but no machine ever ran it.
  return !report.result.checks.empty() && report.cause.empty();
}

std::string class_name(const Report& report, std::int32_t index) {
  if (index < 0) return "no answer";
  const auto& classes = report.result.classes;
  const auto i = static_cast<std::size_t>(index);
  return i < classes.size() && !classes[i].empty() ? clean(classes[i], 80) : "class " + std::to_string(index);
}

std::string incumbent_name(const Report& report) {
  return report.result.incumbent ? "version " + clean(report.result.incumbent->version, 80)
                                 : "the version in production";
}

std::string verdict_headline(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "May be promoted";
    case VerdictState::fail:
      return "Must not be promoted";
    case VerdictState::inconclusive:
      return "Cannot be decided yet";
    case VerdictState::error:
      break;
  }
  return "Could not be judged";
}

std::string verdict_meaning(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "Every blocking check showed that harm stays within its limit.";
    case VerdictState::fail:
      return "At least one blocking check is confident that this version does more harm than allowed.";
    case VerdictState::inconclusive:
      return "There is not enough evidence to say that harm stays within its limit. That is not a pass.";
    case VerdictState::error:
      break;
  }
  return "A blocking check could not be carried out, so nothing is known about this version. That is not a pass.";
}

std::string check_title(std::string_view check) {
  const CheckWords* words = words_of(check);
  return words ? std::string(words->title) : clean(check, 80);
}

std::string check_question(std::string_view check) {
  const CheckWords* words = words_of(check);
  return words ? std::string(words->question) : "";
}

std::string mode_meaning(CheckMode mode) {
  switch (mode) {
    case CheckMode::block:
      return "blocks";
    case CheckMode::warn:
      return "warns only";
    case CheckMode::shadow:
      return "shown, not counted";
    case CheckMode::off:
      break;
  }
  return "off";
}

std::string decision_word(Decision decision) {
  switch (decision) {
    case Decision::ok:
      return "within the limit";
    case Decision::violation:
      return "over the limit";
    case Decision::undecided:
      return "undecided";
    case Decision::error:
      return "not measured";
    case Decision::note:
      break;
  }
  return "for information";
}

std::string status_word(RegionStatus status) {
  return status == RegionStatus::new_bug ? "new bug" : std::string(to_string(status));
}

std::string status_meaning(RegionStatus status) {
  switch (status) {
    case RegionStatus::new_bug:
      return "this version fails here, the one in production did not";
    case RegionStatus::worse:
      return "both fail here, this version more often";
    case RegionStatus::inherited:
      return "both fail here about as often";
    case RegionStatus::fixed:
      return "the version in production fails here, this one does not";
    case RegionStatus::suspected:
      break;
  }
  return "seen on one half of the images, not confirmed on the other";
}

std::string evidence_words(const Region& region) {
  switch (region.evidence) {
    case RegionEvidence::real:
      return "seen on real images";
    case RegionEvidence::generated:
      return "seen on generated images only";
    case RegionEvidence::both:
      break;
  }
  return "seen on real and on generated images";
}

std::string region_title(const Report& report, const Region& region) {
  const std::string shown = quoted(class_name(report, region.label));
  if (region.status == RegionStatus::fixed) return shown + ", misread before and right now";
  return region.predicted_as < 0 ? shown + " misread"
                                 : shown + " read as " + quoted(class_name(report, region.predicted_as));
}

std::string person_label(const Report& report, const RegionId& region) {
  const auto it = report.region_labels.find(region);
  if (it == report.region_labels.end()) return "";
  switch (it->second.word()) {
    case RegionLabel::Word::none:
      break;
    case RegionLabel::Word::confirmed:
      return "a person confirmed its label";
    case RegionLabel::Word::ambiguous:
      return "a person called its label ambiguous: not counted";
    case RegionLabel::Word::unrealistic:
      return "a person called its images unrealistic: not counted";
    case RegionLabel::Word::shows_class:
      return "a person says that it shows class " + std::to_string(*it->second.named_class());
  }
  return "";
}

std::string finding_value(const Finding& finding, double value) {
  // The contract measures bytes, milliseconds and counts; every other check compares rates.
  return finding.check == "contract" ? number(value) : percent(value);
}

std::string finding_interval(const Finding& finding) {
  if (std::isnan(finding.lower) && std::isnan(finding.upper)) return "–";
  if (std::isnan(finding.upper)) return "≥ " + finding_value(finding, finding.lower);
  if (std::isnan(finding.lower)) return "≤ " + finding_value(finding, finding.upper);
  return finding_value(finding, finding.lower) + " to " + finding_value(finding, finding.upper);
}

std::vector<std::string> next_steps(const Report& report) {
  std::vector<std::string> steps;
  switch (report.verdict.state) {
    case VerdictState::pass:
      steps.push_back("Promote it: `defusectl promote " + command_names(report) + "`.");
      if (std::any_of(report.result.regions.begin(), report.result.regions.end(),
                      [](const Region& r) { return r.status == RegionStatus::inherited; }))
        steps.push_back("Inherited bug regions are no reason to stop, but worth fixing in a later version.");
      break;
    case VerdictState::fail:
      steps_for_fail(report, steps);
      break;
    case VerdictState::inconclusive:
      steps_for_inconclusive(report, steps);
      break;
    case VerdictState::error:
      steps.push_back(report.cause.empty() ? "Repair the cause that the reasons above name."
                                           : "Repair the cause: " + unmarked(report.cause) + ".");
      steps.push_back("Then judge it again: `defusectl retry " + command_names(report) +
                      "`. Until then nothing is known about the model.");
      break;
  }
  return steps;
}

std::string waiver_words(const Finding& finding, const Waivers& waivers) {
  for (const Waiver& waiver : waivers)
    if (waiver.id == finding.waiver)
      return "waived until " + to_rfc3339(waiver.expires).substr(0, 10) + " by " + clean(waiver.approved_by, 80) +
             (waiver.ticket.empty() ? "" : " (" + clean(waiver.ticket, 80) + ")") + ": " + clean(waiver.reason, 300);
  return "waived by " + clean(finding.waiver, 80);
}

const CheckOutcome* outcome_of(const Report& report, std::string_view check) {
  for (const CheckOutcome& outcome : report.verdict.checks)
    if (outcome.check == check) return &outcome;
  return nullptr;
}

std::string report_address(const Report& report) {
  return "/v1/models/" + url_escaped(report.model.str().substr(0, 200)) + "/versions/" +
         url_escaped(report.version.str().substr(0, 200)) + "/report";
}

std::vector<const Region*> regions_by_status(const Report& report) {
  std::vector<const Region*> out;
  for (const Region& region : report.result.regions) out.push_back(&region);
  std::stable_sort(out.begin(), out.end(),
                   [](const Region* a, const Region* b) { return rank(a->status) < rank(b->status); });
  return out;
}

}  // namespace defuse
