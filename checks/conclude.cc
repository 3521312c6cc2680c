#include "checks/conclude.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace defuse {
namespace {

std::string decimal(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  std::string trimmed = text.data();
  while (trimmed.back() == '0') trimmed.pop_back();
  if (trimmed.back() == '.') trimmed.pop_back();
  return trimmed == "-0" ? "0" : trimmed;
}

}  // namespace

void conclude(CheckResult& result, const std::string& pass_reason) {
  if (result.findings.empty()) {
    result.state = VerdictState::error;
    result.reason = "nothing was looked at";
    return;
  }
  for (const auto decision : {Decision::violation, Decision::error, Decision::undecided}) {
    const auto same = [decision](const Finding& finding) { return finding.decision == decision; };
    const auto first = std::find_if(result.findings.begin(), result.findings.end(), same);
    if (first == result.findings.end()) continue;
    result.state = state_of(decision);
    result.reason = first->sentence;
    const auto more = std::count_if(result.findings.begin(), result.findings.end(), same) - 1;
    if (more > 0) result.reason += " (and " + std::to_string(more) + " more like it)";
    return;
  }
  result.state = VerdictState::pass;
  result.reason = pass_reason;
}

CheckResult stopped(const std::string& check, CheckMode mode, const std::string& what, Decision decision,
                    const std::string& sentence) {
  CheckResult result;
  result.check = check;
  result.mode = mode;
  Finding finding;
  finding.id = check + "/" + what;
  finding.check = check;
  finding.subject = "overall";
  finding.decision = decision;
  finding.sentence = sentence;
  result.findings.push_back(std::move(finding));
  conclude(result, sentence);
  return result;
}

std::optional<CheckResult> cannot_compare(const CheckInput& in, const std::string& check, CheckMode mode) {
  const auto error = [&](const std::string& sentence) {
    return stopped(check, mode, "not_compared", Decision::error, sentence);
  };
  if (in.candidate == nullptr) {
    std::string cause = "the new model could not be run on the test images";
    if (in.contract != nullptr && !in.contract->load_error.empty()) cause += ": " + in.contract->load_error;
    if (in.contract != nullptr && !in.contract->run_error.empty()) cause += ": " + in.contract->run_error;
    return error(cause);
  }
  if (in.candidate->size() == 0 || in.test_labels.empty()) return error("the test split holds no image");
  if (in.candidate->size() != in.test_labels.size())
    return error("the new model answered " + images(static_cast<std::int64_t>(in.candidate->size())) + ", but " +
                 std::to_string(in.test_labels.size()) + " are labelled");
  if (in.incumbent == nullptr) {
    if (!in.incumbent_problem.empty())
      return error("the model in production could not be run: " + in.incumbent_problem);
    // Not a finding: a finding that is undecided speaks of thin evidence, and this is a gap that `bootstrap: allow` may
    // accept.
    CheckResult result;
    result.check = check;
    result.mode = mode;
    result.state = VerdictState::inconclusive;
    result.no_incumbent = true;
    result.reason = "there is no incumbent yet to compare this version with";
    return result;
  }
  if (in.incumbent->size() != in.candidate->size() || in.incumbent->data_digest != in.candidate->data_digest)
    return error("the model in production was measured on other test images than the new one");
  if (in.comparison == nullptr) return error("the answers of the two models could not be compared");
  if (in.comparison->overall.total() != static_cast<std::int64_t>(in.candidate->size()))
    return error("the comparison of the two models covers " + std::to_string(in.comparison->overall.total()) + " of " +
                 images(static_cast<std::int64_t>(in.candidate->size())));
  return std::nullopt;
}

std::string percent(double share) { return std::isfinite(share) ? decimal(100 * share) + " %" : "n/a"; }

std::string points(double difference) {
  return std::isfinite(difference) ? decimal(100 * difference) + " points" : "n/a";
}

std::string images(std::int64_t count) { return std::to_string(count) + (count == 1 ? " image" : " images"); }

std::string class_name(const CheckInput& in, std::int64_t index) {
  const std::string number = std::to_string(index);
  if (index < 0 || index >= static_cast<std::int64_t>(in.classes.size())) return number;
  const std::string& name = in.classes[static_cast<std::size_t>(index)];
  return name.empty() || name == number ? number : "'" + name + "'";
}

std::string class_words(const CheckInput& in, std::int64_t index) {
  const std::string number = std::to_string(index);
  const std::string name = class_name(in, index);
  return name == number ? "class " + number : "class " + name + " (" + number + ")";
}

}  // namespace defuse
