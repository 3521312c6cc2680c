// b of N images flip from right to wrong.
//   ok         one-sided Clopper-Pearson upper bound of b/N at confidence_alpha < limit
//   violation  exact binomial p of "the rate is at most the limit", adjusted by Holm over {overall, relative, classes},
//   <= alpha undecided  overall (and relative) only: neither. A class that is neither is a note, unless it is too small
//   to be tested at all.
// The never-break list is not statistics: one broken image is a violation.
#include "checks/negative_flips.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checks/conclude.h"
#include "core/stats/flips.h"
#include "core/stats/intervals.h"
#include "core/stats/multiplicity.h"
#include "core/stats/paired_tests.h"
#include "core/stats/power.h"

namespace defuse {
namespace {

constexpr char kCheck[] = "negative_flips";
constexpr double kPower = 0.8;
constexpr std::size_t kMostListed = 100;  // broken images of the never-break list that get a finding of their own

enum class Kind { overall, relative, by_class };

struct Tested {
  Kind kind;
  Finding finding;
};

Finding named(const std::string& id, const std::string& subject) {
  Finding finding;
  finding.id = std::string(kCheck) + "/" + id;
  finding.check = kCheck;
  finding.subject = subject;
  return finding;
}

Tested rate_finding(Kind kind, const std::string& id, const std::string& subject, const FourCounts& counts,
                    double limit, const CheckInput& in) {
  Finding finding = named(id, subject);
  finding.value = static_cast<double>(counts.negative_flips) / static_cast<double>(counts.total());
  finding.limit = limit;
  finding.lower = clopper_pearson_lower(counts.negative_flips, counts.total(), in.alpha);
  finding.upper = clopper_pearson_upper(counts.negative_flips, counts.total(), in.confidence_alpha);
  finding.n = counts.total();
  finding.p = binomial_tail_p(counts.negative_flips, counts.total(), limit);
  return {kind, std::move(finding)};
}

// "On 31 of 1000 images (3.1 %) the old model was right and the new one is wrong"
std::string rate_words(const Finding& f, const FourCounts& counts, const std::string& where) {
  const std::string fact = "On " + std::to_string(counts.negative_flips) + " of " + images(counts.total()) + where +
                           " (" + percent(f.value) + ") the old model was right and the new one is wrong";
  switch (f.decision) {
    case Decision::violation:
      return fact + "; the limit is " + percent(f.limit) + ".";
    case Decision::ok:
      return fact + "; that is surely below the limit of " + percent(f.limit) + ".";
    case Decision::undecided:
      return fact + "; the true rate may be as high as " + percent(f.upper) + " and the limit is " + percent(f.limit) +
             ".";
    case Decision::error:
    case Decision::note:
      break;
  }
  return fact + "; too few images to say on which side of the limit of " + percent(f.limit) + " that lies.";
}

std::string relative_words(const Finding& f) {
  const std::string fact =
      "The new model breaks " + percent(f.value) + " as many images as two models with independent errors would";
  switch (f.decision) {
    case Decision::violation:
      return fact + "; the limit is " + percent(f.limit) + ".";
    case Decision::ok:
      return fact + "; that is surely below the limit of " + percent(f.limit) + ".";
    default:
      return fact + "; it may be " + percent(f.upper) + ", and the limit is " + percent(f.limit) + ".";
  }
}

// log R is about normal, so the p of "R is at most the limit" comes from it.
std::optional<Tested> relative_finding(const FourCounts& counts, double limit, const CheckInput& in) {
  const RelativeRate rate = relative_flip_rate(counts);
  if (counts.negative_flips < kFewestFlipsForRelative || !rate.defined || !(rate.log_error > 0)) return std::nullopt;
  Finding finding = named("relative", "overall, relative");
  finding.value = rate.rate;
  finding.limit = limit;
  finding.lower = relative_lower(rate, in.alpha);
  finding.upper = relative_upper(rate, in.confidence_alpha);
  finding.n = counts.total();
  finding.p = limit > 0 ? normal_cdf(-std::log(rate.rate / limit) / rate.log_error) : 0;
  return Tested{Kind::relative, std::move(finding)};
}

Finding too_few_for_relative(const FourCounts& counts, double limit) {
  Finding finding = named("relative", "overall, relative");
  finding.limit = limit;
  finding.n = counts.total();
  finding.decision = Decision::note;
  finding.sentence = "Only " + images(counts.negative_flips) + " broken: too few to compare with chance (" +
                     std::to_string(kFewestFlipsForRelative) + " are needed); the absolute limit decides.";
  return finding;
}

// Fewest images of a class whose complete loss would be significant as the first of `family` tests: limit^n <= alpha /
// family.
std::int64_t smallest_class(double limit, double alpha, std::size_t family) {
  if (!(limit > 0)) return 1;
  if (!(limit < 1) || !(alpha > 0)) return 1'000'000'000;  // a limit of 100 % cannot be exceeded
  const double need = std::log(alpha / static_cast<double>(family)) / std::log(limit);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(need - 1e-9)));
}

// The smallest true rate of which a violation would follow with 80 % power: found by bisection over exact binomial
// tails.
double detectable(std::int64_t n, double limit, double level) {
  std::int64_t first = 0, last = n + 1;  // the first count that is significant lies in (first, last]
  while (last - first > 1) {
    const std::int64_t middle = first + (last - first) / 2;
    (binomial_tail_p(middle, n, limit) <= level ? last : first) = middle;
  }
  if (last > n) return 1;
  double low = limit, high = 1;
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (binomial_tail_p(last, n, middle) >= kPower ? high : low) = middle;
  }
  return high;
}

// The never-break list: indices of test images, judged one by one.
std::vector<Finding> never_break(const std::vector<std::int64_t>& list, const CheckInput& in) {
  std::vector<Finding> findings;
  std::size_t broken = 0, wrong_before = 0;
  for (const std::int64_t index : list) {
    const std::string id = "never_break/" + std::to_string(index);
    if (index < 0 || index >= static_cast<std::int64_t>(in.test_labels.size())) {
      Finding finding = named(id, "image " + std::to_string(index));
      finding.decision = Decision::error;
      finding.sentence = "The never-break list names image " + std::to_string(index) + ", but the test split has " +
                         images(static_cast<std::int64_t>(in.test_labels.size())) + " (counted from 0).";
      findings.push_back(std::move(finding));
      continue;
    }
    const auto i = static_cast<std::size_t>(index);
    const std::int32_t label = in.test_labels[i];
    if (in.incumbent->predicted[i] != label) {
      ++wrong_before;
      continue;
    }
    if (in.candidate->predicted[i] == label || ++broken > kMostListed) continue;
    Finding finding = named(id, "image " + std::to_string(index));
    finding.decision = Decision::violation;
    finding.n = 1;
    finding.sentence =
        "Image " + std::to_string(index) + " is on the never-break list and breaks: it shows " + class_name(in, label) +
        ", the old model says so, and the new one says " +
        (in.candidate->predicted[i] < 0 ? "nothing usable" : class_name(in, in.candidate->predicted[i])) + ".";
    findings.push_back(std::move(finding));
  }
  Finding summary = named("never_break", "never-break list");
  summary.value = static_cast<double>(broken);
  summary.limit = 0;
  summary.n = static_cast<std::int64_t>(list.size());
  summary.decision = broken > kMostListed ? Decision::violation : broken > 0 ? Decision::note : Decision::ok;
  summary.sentence =
      std::to_string(broken) + " of " + images(summary.n) + " on the never-break list break" +
      (wrong_before > 0 ? "; the old model was wrong on " + std::to_string(wrong_before) + " of them already."
                        : std::string("."));
  findings.push_back(std::move(summary));
  return findings;
}

// Everything that is tested, in a fixed order, and what cannot be.
struct Family {
  std::vector<Tested> tested;
  std::vector<const FourCounts*> counts;
  std::vector<Finding> rest;
};

Family family_of(const CheckInput& in, const NegativeFlipSettings& settings) {
  const Comparison& comparison = *in.comparison;
  Family family;
  const auto add = [&family](Tested tested, const FourCounts& counts) {
    family.tested.push_back(std::move(tested));
    family.counts.push_back(&counts);
  };
  add(rate_finding(Kind::overall, "overall", "overall", comparison.overall, settings.max_rate.value_or(0.02), in), comparison.overall);
  if (settings.max_relative) {
    if (auto relative = relative_finding(comparison.overall, *settings.max_relative, in)) {
      add(std::move(*relative), comparison.overall);
    } else {
      family.rest.push_back(too_few_for_relative(comparison.overall, *settings.max_relative));
    }
  }
  const std::int64_t fewest = smallest_class(settings.max_class_rate.value_or(0.1), in.alpha, comparison.per_class.size() + 2);
  for (std::size_t k = 0; k < comparison.per_class.size(); ++k) {
    const FourCounts& counts = comparison.per_class[k];
    const std::string id = "class/" + std::to_string(k);
    const std::string subject = class_words(in, static_cast<std::int64_t>(k));
    if (settings.max_class_rate.value_or(0.1) >= 1) continue;  // switched off: no rate can exceed it
    if (counts.total() >= fewest) {
      add(rate_finding(Kind::by_class, id, subject, counts, settings.max_class_rate.value_or(0.1), in), counts);
      continue;
    }
    Finding finding = named(id, subject);
    finding.limit = settings.max_class_rate.value_or(0.1);
    finding.n = counts.total();
    finding.decision = Decision::undecided;
    finding.sentence = "The test split has " + images(counts.total()) + " of " + subject +
                       ": too few to see even its complete loss (" + std::to_string(fewest) + " would do).";
    family.rest.push_back(std::move(finding));
  }
  return family;
}

void judge(Family& family, double alpha) {
  std::vector<double> p;
  for (const auto& tested : family.tested) p.push_back(tested.finding.p);
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < family.tested.size(); ++i) {
    auto& [kind, finding] = family.tested[i];
    finding.p_adjusted = adjusted[i];
    if (finding.p_adjusted <= alpha && finding.value > finding.limit) {
      finding.decision = Decision::violation;
    } else if (finding.upper < finding.limit) {
      finding.decision = Decision::ok;
    } else {
      finding.decision = kind == Kind::by_class ? Decision::note : Decision::undecided;
    }
    finding.sentence = kind == Kind::relative ? relative_words(finding)
                                              : rate_words(finding, *family.counts[i],
                                                           kind == Kind::overall ? "" : " of " + finding.subject);
  }
}

}  // namespace

CheckInfo NegativeFlipsCheck::info() const {
  return {.id = kCheck,
          .version = 1,
          .question = "How many images does it break that worked: in all, per class, on the never-break list?",
          .paper = "Yan et al., Positive-Congruent Training, CVPR 2021, arXiv:2011.09161"};
}

CheckResult NegativeFlipsCheck::run(const CheckInput& in) const {
  if (auto refused = cannot_compare(in, kCheck, settings_.mode)) return *refused;
  CheckResult result;
  result.check = kCheck;
  result.mode = settings_.mode;
  Family family = family_of(in, settings_);
  judge(family, in.alpha);

  const Finding& overall = family.tested.front().finding;
  const std::string summary = overall.sentence;
  if (overall.decision == Decision::undecided) {
    const std::int64_t need = images_to_bound_rate(overall.value, settings_.max_rate.value_or(0.02), in.confidence_alpha);
    result.more_images = need > 0 ? std::max<std::int64_t>(need - overall.n, 1) : 0;
  }
  const double level = in.alpha / static_cast<double>(family.tested.size());
  result.detectable_value = detectable(overall.n, settings_.max_rate.value_or(0.02), level);
  result.detectable =
      "a negative flip rate of " + percent(result.detectable_value) + " would have been blocked with 80 % power";
  for (auto& tested : family.tested) result.findings.push_back(std::move(tested.finding));
  for (auto& finding : family.rest) result.findings.push_back(std::move(finding));
  if (!settings_.never_break.empty())
    for (auto& finding : never_break(settings_.never_break, in)) result.findings.push_back(std::move(finding));
  conclude(result, summary);
  return result;
}

}  // namespace defuse
