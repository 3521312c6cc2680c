// b of N images flip from right to wrong; R = bN / ((a + b)(b + d)) is that against independent errors. Tests of
// "at most the limit", adjusted by Holm over all of them:
//   absolute   a limit that the user set, overall or for classes: exact binomial p of b of N
//   relative   a limit that the user set for R: the larger of exact conditional and delta-method p (core/stats/flips.h)
//   own rule   where the user set no limit: p is the larger of those two, so both limits must be exceeded. A hard task
//              makes honest retrains flip many images, a good model makes most of its few errors new; neither is harm.
//   floor      predictive p: would a version as good as the siblings break so many? (core/compare/noise_floor.h)
//   violation  adjusted p <= alpha
//   ok         one-sided upper bound at confidence_alpha < limit (own rule: of either), or within the floor's limit
//   undecided  neither, for a limit that the user set overall; and what is too small for any test. Else a note: limits
//              that no one asked for must not keep a version from passing.
// The never-break list is not statistics: one broken image is a violation.
#include "checks/negative_flips.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

enum class Rule { absolute, relative, own, floor };

struct Tested {
  Rule rule;
  bool by_class = false;
  bool relative_value = false;  // the finding's value is R, not a rate
  FourCounts counts;
  Finding finding;
  // p if that many images had flipped; overall only, for the detectable rate.
  std::function<double(const FourCounts&)> p_of = nullptr;
};

Finding named(const std::string& id, const std::string& subject) {
  Finding finding;
  finding.id = std::string(kCheck) + "/" + id;
  finding.check = kCheck;
  finding.subject = subject;
  return finding;
}

double rate_of(const FourCounts& counts) {
  return static_cast<double>(counts.negative_flips) / static_cast<double>(counts.total());
}

double relative_of(const FourCounts& counts) {
  return counts.negative_flips == 0 ? 0 : relative_flip_rate(counts).rate;
}

double absolute_p(const FourCounts& counts, double limit) {
  return binomial_tail_p(counts.negative_flips, counts.total(), limit);
}

Finding rate_finding(const std::string& id, const std::string& subject, const FourCounts& counts, double limit,
                     const CheckInput& in) {
  Finding finding = named(id, subject);
  finding.value = rate_of(counts);
  finding.limit = limit;
  finding.lower = clopper_pearson_lower(counts.negative_flips, counts.total(), in.alpha);
  finding.upper = clopper_pearson_upper(counts.negative_flips, counts.total(), in.confidence_alpha);
  finding.n = counts.total();
  return finding;
}

Finding relative_finding(const std::string& id, const FourCounts& counts, double limit, const CheckInput& in) {
  Finding finding = named(id, "overall, relative");
  finding.value = relative_of(counts);
  finding.limit = limit;
  finding.lower = relative_flip_lower(counts, in.alpha);
  finding.upper = relative_flip_upper(counts, in.confidence_alpha);
  finding.n = counts.total();
  return finding;
}

// "31 of 1000 images (3.1 %) that the old model got right"
std::string fact_of(const Tested& t) {
  const Finding& f = t.finding;
  if (t.relative_value)
    return "The new model breaks " + percent(f.value) + " of what two unrelated models this accurate would break";
  return "On " + std::to_string(t.counts.negative_flips) + " of " + images(t.counts.total()) +
         (t.by_class ? " of " + f.subject : "") + " (" + percent(f.value) +
         ") the old model was right and the new one is wrong";
}

std::string limit_words(const Tested& t) {
  const Finding& f = t.finding;
  switch (t.rule) {
    case Rule::floor:
      return "equally good versions stay below " + percent(f.limit);
    case Rule::own:
      return "the limits are " + percent(f.limit) + " and " + percent(kOwnRelativeLimit) +
             " of what two unrelated models this accurate would break (here " + percent(relative_of(t.counts)) + ")";
    case Rule::absolute:
    case Rule::relative:
      break;
  }
  return "the limit is " + percent(f.limit);
}

std::string words(const Tested& t) {
  const Finding& f = t.finding;
  const std::string fact = fact_of(t);
  const std::string limit = limit_words(t);
  if (t.rule == Rule::floor || f.decision == Decision::violation) return fact + "; " + limit + ".";
  if (f.decision == Decision::ok) return fact + "; within the limit with confidence: " + limit + ".";
  if (f.decision == Decision::undecided)
    return fact + "; not decided: the true value may be up to " + percent(f.upper) + ", and " + limit + ".";
  return fact + "; too few images to decide, and no sign of harm: " + limit + ".";
}

// The smallest true rate of which a violation would follow with 80 % power. `first` is the smallest count that is a
// violation of any rule; exact binomial tails.
double detectable(std::int64_t n, std::int64_t first) {
  double low = 0, high = 1;
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (binomial_tail_p(first, n, middle) >= kPower ? high : low) = middle;
  }
  return high;
}

// The smallest number of flips that one of the overall rules would call a violation at this level, all else being as
// it is; nullopt if breaking everything would not do.
std::optional<std::int64_t> first_violation(const std::vector<Tested>& family, const FourCounts& seen, double level) {
  const std::int64_t right = seen.both_right + seen.negative_flips;
  const auto violates = [&](std::int64_t flips) {
    const FourCounts counts{right - flips, flips, seen.positive_flips, seen.both_wrong};
    return std::any_of(family.begin(), family.end(),
                       [&](const Tested& t) { return t.p_of != nullptr && t.p_of(counts) <= level; });
  };
  if (!violates(right)) return std::nullopt;
  std::int64_t below = 0, first = right;  // 0 flips violate nothing; p falls as flips grow
  while (first - below > 1) {
    const std::int64_t middle = below + (first - below) / 2;
    (violates(middle) ? first : below) = middle;
  }
  return first;
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
        "Image " + std::to_string(index) + " on the never-break list broke: it shows " + class_name(in, label) +
        ", the old model says so, and the new one says " +
        (in.candidate->predicted[i] < 0 ? "nothing usable" : class_name(in, in.candidate->predicted[i])) + ".";
    findings.push_back(std::move(finding));
  }
  Finding summary = named("never_break", "never-break list");
  summary.value = static_cast<double>(broken);
  summary.limit = 0;
  summary.n = static_cast<std::int64_t>(list.size());
  summary.decision = broken > kMostListed ? Decision::violation : broken > 0 ? Decision::note : Decision::ok;
  summary.sentence = std::to_string(broken) + " of " + images(summary.n) + " on the never-break list broke" +
                     (wrong_before > 0 ? "; on " + std::to_string(wrong_before) +
                                             " more the old model was wrong already, so they do not count."
                                       : std::string("."));
  findings.push_back(std::move(summary));
  return findings;
}

// Everything that is tested, in a fixed order, and what cannot be.
struct Family {
  std::vector<Tested> tested;
  std::vector<Finding> rest;
};

void add_overall(const CheckInput& in, const NegativeFlipSettings& settings, Family& family) {
  const FourCounts& counts = in.comparison->overall;
  const bool own = !settings.max_rate && !settings.max_relative;
  if (settings.max_rate || own) {
    Tested t{own ? Rule::own : Rule::absolute, /*by_class=*/false, /*relative_value=*/false, counts,
             rate_finding("overall", "overall", counts, settings.max_rate.value_or(kOwnRateLimit), in)};
    const double limit = t.finding.limit;
    t.p_of = [own, limit](const FourCounts& c) {
      return own ? std::max(absolute_p(c, limit), relative_flip_p(c, kOwnRelativeLimit)) : absolute_p(c, limit);
    };
    family.tested.push_back(std::move(t));
  }
  if (settings.max_relative) {
    const double limit = *settings.max_relative;
    Tested t{Rule::relative, /*by_class=*/false, /*relative_value=*/true, counts,
             relative_finding("relative", counts, limit, in)};
    t.p_of = [limit](const FourCounts& c) { return relative_flip_p(c, limit); };
    family.tested.push_back(std::move(t));
  }
  for (auto& t : family.tested) t.finding.p = t.p_of(counts);
}

void add_floor(const CheckInput& in, Family& family) {
  if (in.noise_floor == nullptr) return;
  const NoiseFloor& floor = *in.noise_floor;
  const auto missing = [&](const std::string& why) {
    Finding finding = named("floor", "overall");
    finding.decision = Decision::note;
    finding.sentence = "The noise floor was not used: " + why + ". The other limits apply.";
    family.rest.push_back(std::move(finding));
  };
  if (!floor.made()) return missing(floor.problem);
  if (!std::isfinite(floor.flips.p)) return missing("the siblings' flips could not be counted");
  const FourCounts& counts = in.comparison->overall;
  Tested rate{Rule::floor, /*by_class=*/false, /*relative_value=*/false, counts,
              rate_finding("floor/overall", "overall", counts, floor.flips.limit, in)};
  rate.p_of = [&floor](const FourCounts& c) { return chance_of_flips(floor, c); };
  rate.finding.p = floor.flips.p;
  family.tested.push_back(std::move(rate));
  if (std::isfinite(floor.relative.p)) {
    Tested relative{Rule::floor, /*by_class=*/false, /*relative_value=*/true, counts,
                    relative_finding("floor/relative", counts, floor.relative.limit, in)};
    relative.p_of = [&floor](const FourCounts& c) { return chance_of_relative(floor, c); };
    relative.finding.p = floor.relative.p;
    family.tested.push_back(std::move(relative));
  }
}

void add_classes(const CheckInput& in, const NegativeFlipSettings& settings, Family& family) {
  const auto& classes = in.comparison->per_class;
  const NoiseFloor* floor = in.noise_floor != nullptr && in.noise_floor->made() ? in.noise_floor : nullptr;
  const std::int64_t fewest =
      std::max<std::int64_t>(1, smallest_blocking_flips(in.alpha, static_cast<std::int64_t>(classes.size()) + 1));
  for (std::size_t k = 0; k < classes.size(); ++k) {
    const FourCounts& counts = classes[k];
    const std::string id = std::to_string(k);
    const std::string subject = class_words(in, static_cast<std::int64_t>(k));
    if (settings.max_class_rate.value_or(0) >= 1) continue;  // switched off: no rate can exceed it
    const bool own = !settings.max_class_rate;
    const double limit = settings.max_class_rate.value_or(kOwnClassLimit);
    if (counts.total() < fewest) {
      Finding finding = named("class/" + id, subject);
      finding.limit = limit;
      finding.n = counts.total();
      finding.decision = Decision::undecided;
      finding.sentence = "The test split has " + images(counts.total()) + " of " + subject +
                         ": too few to detect even a complete failure (at least " + std::to_string(fewest) +
                         " are needed).";
      family.rest.push_back(std::move(finding));
      continue;
    }
    Tested t{own ? Rule::own : Rule::absolute, /*by_class=*/true, /*relative_value=*/false, counts,
             rate_finding("class/" + id, subject, counts, limit, in)};
    t.finding.p = own ? std::max(absolute_p(counts, limit), relative_flip_p(counts, kOwnRelativeLimit))
                      : absolute_p(counts, limit);
    family.tested.push_back(std::move(t));
    if (floor == nullptr || k >= floor->class_flips.size() || !std::isfinite(floor->class_flips[k].p)) continue;
    Tested noise{Rule::floor, /*by_class=*/true, /*relative_value=*/false, counts,
                 rate_finding("floor/class/" + id, subject, counts,
                              std::max(floor->class_flips[k].limit, kFloorClassLimit), in)};
    // Single classes differ from retrain to retrain with a heavy tail: what is small is not harm, however rare.
    noise.finding.p = std::max(floor->class_flips[k].p, absolute_p(counts, kFloorClassLimit));
    family.tested.push_back(std::move(noise));
  }
}

Decision decide(const Tested& t, const CheckInput& in) {
  const Finding& f = t.finding;
  const bool exceeds = f.value > f.limit && (t.rule != Rule::own || relative_of(t.counts) > kOwnRelativeLimit);
  if (f.p_adjusted <= in.alpha && exceeds) return Decision::violation;
  if (t.rule == Rule::floor) return f.value <= f.limit ? Decision::ok : Decision::note;
  if (f.upper < f.limit) return Decision::ok;
  if (t.rule == Rule::own && relative_flip_upper(t.counts, in.confidence_alpha) < kOwnRelativeLimit)
    return Decision::ok;
  const bool few = t.relative_value && t.counts.negative_flips < kFewestFlipsForRelative;
  return t.by_class || t.rule == Rule::own || few ? Decision::note : Decision::undecided;
}

void judge(Family& family, const CheckInput& in) {
  std::vector<double> p;
  for (const auto& t : family.tested) p.push_back(t.finding.p);
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < family.tested.size(); ++i) {
    Tested& t = family.tested[i];
    t.finding.p_adjusted = adjusted[i];
    t.finding.decision = decide(t, in);
    t.finding.sentence = words(t);
  }
}

void add_detectable(const CheckInput& in, const Family& family, CheckResult& result) {
  const FourCounts& counts = in.comparison->overall;
  const double level = in.alpha / static_cast<double>(family.tested.size());
  const auto first = first_violation(family.tested, counts, level);
  if (!first) {
    Finding finding = named("evidence", "overall");
    finding.n = counts.total();
    finding.decision = Decision::undecided;
    finding.sentence = "The test split has " + images(counts.total()) + ": too few to detect even a complete failure.";
    result.findings.push_back(std::move(finding));
    return;
  }
  result.detectable_value = detectable(counts.total(), *first);
  result.detectable =
      "a negative flip rate of " + percent(result.detectable_value) + " or more would be blocked with 80 % probability";
}

}  // namespace

CheckInfo NegativeFlipsCheck::info() const {
  return {.id = kCheck,
          .version = 2,
          .question = "How many images does it break that worked: in all, per class, on the never-break list?",
          .paper = "Yan et al., Positive-Congruent Training, CVPR 2021, arXiv:2011.09161"};
}

CheckResult NegativeFlipsCheck::run(const CheckInput& in) const {
  if (auto refused = cannot_compare(in, kCheck, settings_.mode)) return *refused;
  CheckResult result;
  result.check = kCheck;
  result.mode = settings_.mode;
  Family family;
  add_overall(in, settings_, family);
  add_floor(in, family);
  add_classes(in, settings_, family);
  judge(family, in);

  const Finding& first = family.tested.front().finding;
  const std::string summary = first.sentence;
  if (settings_.max_rate && first.decision == Decision::undecided) {
    const std::int64_t need = images_to_bound_rate(first.value, *settings_.max_rate, in.confidence_alpha);
    result.more_images = need > 0 ? std::max<std::int64_t>(need - first.n, 1) : 0;
  }
  for (auto& t : family.tested) result.findings.push_back(t.finding);
  add_detectable(in, family, result);
  for (auto& finding : family.rest) result.findings.push_back(std::move(finding));
  if (!settings_.never_break.empty())
    for (auto& finding : never_break(settings_.never_break, in)) result.findings.push_back(std::move(finding));
  conclude(result, summary);
  return result;
}

}  // namespace defuse
