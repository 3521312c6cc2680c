// D = (b - c) / N, the drop of accuracy; b images newly wrong, c newly right.
//   ok         one-sided Tango upper bound of D at confidence_alpha < margin
//   violation  p, adjusted by Holm over {overall, classes}, <= alpha and the observed D > margin. Overall p is
//   McNemar's,
//              exact; of a class the larger of that and Tango's score test of "D is at most the limit"
//   undecided  overall only: neither. A class that is neither is a note, for classes are small and would leave every
//   verdict open;
//              but a class with too few images for any test to reach alpha is undecided: nothing could have been seen
//              there.
#include "checks/accuracy.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "checks/conclude.h"
#include "core/stats/intervals.h"
#include "core/stats/multiplicity.h"
#include "core/stats/paired_tests.h"
#include "core/stats/power.h"

namespace defuse {
namespace {

constexpr char kCheck[] = "accuracy";
constexpr double kPower = 0.8;

double drop_of(const FourCounts& counts) {
  return static_cast<double>(counts.negative_flips - counts.positive_flips) / static_cast<double>(counts.total());
}

double discordance(const FourCounts& counts) {
  return static_cast<double>(counts.negative_flips + counts.positive_flips) / static_cast<double>(counts.total());
}

// "8 images newly wrong, 3 newly right"
std::string flips_words(const FourCounts& counts) {
  return std::to_string(counts.negative_flips) + " newly wrong, " + std::to_string(counts.positive_flips) +
         " newly right, of " + images(counts.total());
}

Finding measured(const std::string& id, const std::string& subject, const FourCounts& counts, double limit,
                 const CheckInput& in) {
  Finding finding;
  finding.id = id;
  finding.check = kCheck;
  finding.subject = subject;
  const double n = static_cast<double>(counts.total());
  finding.value = static_cast<double>(counts.both_right + counts.positive_flips) / n;
  finding.incumbent_value = static_cast<double>(counts.both_right + counts.negative_flips) / n;
  finding.limit = limit;
  finding.lower = tango_lower(counts, in.alpha);  // of the drop, as the limit is
  finding.upper = tango_upper(counts, in.confidence_alpha);
  finding.n = counts.total();
  finding.p = mcnemar_worse_p(counts.negative_flips, counts.positive_flips);
  return finding;
}

// A class can be tested if losing all of its images would be significant even as the first of the family.
std::int64_t smallest_class(const CheckInput& in) {
  const auto classes = static_cast<std::int64_t>(in.comparison->per_class.size());
  return smallest_blocking_flips(in.alpha, classes + 1);
}

std::string verdict_words(const Finding& f, const FourCounts& counts, const std::string& where) {
  const double drop = drop_of(counts);
  const std::string change = "accuracy " + where + "went from " + percent(f.incumbent_value) + " to " +
                             percent(f.value) + " (" + flips_words(counts) + ")";
  switch (f.decision) {
    case Decision::violation:
      return "The new model is worse: " + change + "; a drop of " + points(drop) + " exceeds the limit of " +
             points(f.limit) + ".";
    case Decision::ok:
      return "The " + change + "; with confidence, the true drop is at most " + points(f.upper) +
             " (limit: " + points(f.limit) + ").";
    case Decision::undecided:
      return "The " + change + "; not decided: the true drop may be up to " + points(f.upper) + ", and the limit is " +
             points(f.limit) + ".";
    case Decision::error:
    case Decision::note:
      break;
  }
  return "The " + change + "; too few images to show that the drop is below " + points(f.limit) +
         ", and no sign of a larger one.";
}

Decision judge(const Finding& f, const FourCounts& counts, double alpha, Decision otherwise) {
  if (f.p_adjusted <= alpha && drop_of(counts) > f.limit) return Decision::violation;
  return f.upper < f.limit ? Decision::ok : otherwise;
}

// How many more images would probably settle it, if the models stay as different as they look.
std::int64_t more_images(const FourCounts& counts, double margin, const CheckInput& in) {
  const double drop = drop_of(counts);
  const double psi = discordance(counts);
  double need = 0;
  if (drop < margin) {
    const double z = normal_quantile(1 - in.confidence_alpha);
    need = non_inferiority_images(margin, psi, in.confidence_alpha, kPower, drop);
    if (margin > 0) need = std::max(need, z * z * (1 - margin) / margin);  // needed even if the models never differ
  } else if (drop > 0) {
    need = required_images(drop, psi, in.alpha, kPower);
  }
  if (!std::isfinite(need) || need <= 0 || need > 1e12) return 0;
  return std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(need)) - counts.total(), 1);
}

// The smallest true drop that would be called a violation with 80 % power: significant, and observed beyond the margin.
double detectable(const FourCounts& counts, double margin, double level) {
  const double n = static_cast<double>(counts.total());
  const double fewest = static_cast<double>(smallest_blocking_flips(level, 1)) / n;
  const double psi = std::max(discordance(counts), fewest);
  const double significant = detectable_drop(counts.total(), psi, level, kPower).value_or(fewest);
  const double beyond = margin + normal_quantile(kPower) * std::sqrt(psi / n);
  return std::min(1.0, std::max({significant, beyond, fewest}));
}

}  // namespace

CheckInfo AccuracyCheck::info() const {
  return {.id = kCheck,
          .version = 1,
          .question = "Is it less accurate than the version in production by more than the limit?",
          .paper = "Tango, Statistics in Medicine 17, 1998; Connor, Biometrics 43, 1987"};
}

CheckResult AccuracyCheck::run(const CheckInput& in) const {
  if (auto refused = cannot_compare(in, kCheck, settings_.mode)) return *refused;
  const Comparison& comparison = *in.comparison;
  CheckResult result;
  result.check = kCheck;
  result.mode = settings_.mode;

  // The family: overall first, then every class that is large enough, in order.
  std::vector<const FourCounts*> counts = {&comparison.overall};
  std::vector<Finding> family = {measured("accuracy/overall", "overall", comparison.overall, settings_.max_drop, in)};
  std::vector<Finding> small;
  for (std::size_t k = 0; k < comparison.per_class.size(); ++k) {
    const FourCounts& of_class = comparison.per_class[k];
    const auto index = static_cast<std::int64_t>(k);
    const std::string id = "accuracy/class/" + std::to_string(k);
    if (of_class.total() >= std::max<std::int64_t>(1, smallest_class(in))) {
      family.push_back(measured(id, class_words(in, index), of_class, settings_.max_class_drop, in));
      counts.push_back(&of_class);
      continue;
    }
    Finding finding;
    finding.id = id;
    finding.check = kCheck;
    finding.subject = class_words(in, index);
    finding.decision = Decision::undecided;
    finding.limit = settings_.max_class_drop;
    finding.n = of_class.total();
    finding.sentence = "The test split has " + images(of_class.total()) + " of " + class_words(in, index) +
                       ": too few to detect even a complete failure (at least " + std::to_string(smallest_class(in)) +
                       " are needed).";
    small.push_back(std::move(finding));
  }
  std::vector<double> p;
  // Retraining alone moves the accuracy of single classes by several points, significantly: there the drop must surely
  // exceed the limit, not only be seen to (Tango's score test of "at most the limit").
  for (std::size_t i = 1; i < family.size(); ++i)
    family[i].p = std::max(family[i].p, normal_cdf(-tango_statistic(*counts[i], settings_.max_class_drop)));
  for (const auto& finding : family) p.push_back(finding.p);
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < family.size(); ++i) {
    Finding& finding = family[i];
    finding.p_adjusted = adjusted[i];
    finding.decision = judge(finding, *counts[i], in.alpha, i == 0 ? Decision::undecided : Decision::note);
    finding.sentence = verdict_words(finding, *counts[i], i == 0 ? "" : "on " + finding.subject + " ");
  }
  if (family.front().decision == Decision::undecided)
    result.more_images = more_images(comparison.overall, settings_.max_drop, in);
  const double level = in.alpha / static_cast<double>(family.size());
  result.detectable_value = detectable(comparison.overall, settings_.max_drop, level);
  result.detectable =
      "a drop of " + points(result.detectable_value) + " or more overall would be blocked with 80 % probability";
  result.findings = std::move(family);
  for (auto& finding : small) result.findings.push_back(std::move(finding));
  conclude(result, result.findings.front().sentence);
  return result;
}

}  // namespace defuse
