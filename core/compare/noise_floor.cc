// n siblings give v_1 … v_2n, two values each: the sibling as candidate and the incumbent as candidate. The two of one
// pair are not independent, so each counts half: m is their mean and S = 1/2 sum (v - m)^2.
// Regions. Conjugate prior (normal, inverse chi-square) that weighs as k0 = 2 siblings for the mean and f0 = 4 for the
// spread, with mean mu0 = L0/2 and a spread s0 such that without siblings the bound is the default limit L0:
//   mu = (k0 mu0 + n m)/(k0 + n)     f = f0 + n     f s^2 = f0 s0^2 + S + k0 n/(k0 + n) (m - mu0)^2
//   limit = mu + t_{f, 1-alpha} s sqrt(1 + 1/(k0 + n))            (posterior predictive bound)
// Few siblings thus move the limit a little, many set it; siblings that disagree with the default or with each other
// widen it. One sibling with a true bug could raise it far, so it stays within [0.02, 0.9].
// Flips have no default that would fit every line, so the prior is on the spread only, f0 = 4 at s0 = the larger of a
// quarter of the mean (published and own retrains vary by 10 to 20 %; of one class the whole mean, for those vary most)
// and the binomial error of a rate on N images:
//   f = f0 + n - 1     f s^2 = f0 s0^2 + S     limit = m + t_{f, 1-alpha} s sqrt(1 + 1/n)
#include "core/compare/noise_floor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/stats/flips.h"
#include "core/stats/intervals.h"
#include "core/stats/paired_tests.h"

namespace defuse {
namespace {

constexpr double kLowest = 0.02;
constexpr double kHighest = 0.90;
constexpr double kPriorMean = 2;  // siblings that the default limit weighs as
constexpr double kPriorSpread = 4;
constexpr double kPriorShare = 0.5;      // the prior's mean, of the default limit
constexpr double kVariation = 0.25;      // of flip rates among retrains, of their mean
constexpr double kClassVariation = 1.0;  // the same of one class: retraining moves classes against each other
constexpr double kDifferent = 0.01;      // level at which a sibling's accuracy differs

struct Prediction {
  double center = 0;
  double scale = 1;
  double degrees = 1;
  double limit(double alpha) const { return center + student_quantile(1 - alpha, degrees) * scale; }
  double tail(double value) const { return student_tail((value - center) / scale, degrees); }
};

struct Sample {
  std::vector<double> values;
  double siblings = 0;
  double mean = 0;
  double squares = 0;  // S

  explicit Sample(std::span<const BothWays> both) {
    for (const BothWays& pair : both)
      if (std::isfinite(pair.forward) && std::isfinite(pair.backward))
        values.insert(values.end(), {pair.forward, pair.backward});
    siblings = static_cast<double>(values.size()) / 2;
    if (values.empty()) return;
    for (const double v : values) mean += v;
    mean /= static_cast<double>(values.size());
    for (const double v : values) squares += 0.5 * (v - mean) * (v - mean);
  }

  void describe(NoiseLimit& limit) const {
    limit.values = static_cast<std::int64_t>(values.size());
    if (values.empty()) return;
    limit.mean = mean;
    limit.largest = *std::max_element(values.begin(), values.end());
  }
};

Prediction predict_region(const Sample& sample, double default_limit, double alpha) {
  const double mean0 = kPriorShare * default_limit;
  const double scale0 =
      (default_limit - mean0) / (student_quantile(1 - alpha, kPriorSpread) * std::sqrt(1 + 1 / kPriorMean));
  const double n = sample.siblings;
  const double weight = kPriorMean + n;
  const double degrees = kPriorSpread + n;
  const double off = sample.mean - mean0;
  const double squares =
      kPriorSpread * scale0 * scale0 + (n > 0 ? sample.squares + kPriorMean * n / weight * off * off : 0);
  return {(kPriorMean * mean0 + n * sample.mean) / weight, std::sqrt(squares / degrees * (1 + 1 / weight)), degrees};
}

Prediction predict_flips(const Sample& sample, double images, double variation) {
  const double n = sample.siblings;
  // Laplace's rate, so that a class without a flip so far is not one in which flips cannot happen.
  const double rate = (sample.mean * images + 1) / (images + 2);
  const double scale0 = std::max(variation * sample.mean, std::sqrt(rate * (1 - rate) / images));
  const double degrees = kPriorSpread + n - 1;
  const double squares = kPriorSpread * scale0 * scale0 + sample.squares;
  return {sample.mean, std::sqrt(squares / degrees * (1 + 1 / n)), degrees};
}

FourCounts mirrored(FourCounts counts) {
  std::swap(counts.negative_flips, counts.positive_flips);
  return counts;
}

double rate_of(const FourCounts& counts) {
  const double n = static_cast<double>(counts.total());
  return n > 0 ? static_cast<double>(counts.negative_flips) / n : kUnmeasured;
}

double relative_of(const FourCounts& counts) {
  if (counts.total() == 0) return kUnmeasured;
  return counts.negative_flips == 0 ? 0 : flip_rates(counts).relative;
}

template <class Measure>
BothWays both_ways(const FourCounts& counts, Measure&& measure) {
  return {measure(counts), measure(mirrored(counts))};
}

std::vector<BothWays> collect(const NoiseFloor& floor, const BothWays SiblingValues::*field) {
  std::vector<BothWays> values;
  for (const auto& sibling : floor.siblings)
    if (sibling.left_out.empty()) values.push_back(sibling.*field);
  return values;
}

// The quantities that come from counts: overall and relative (k < 0), or of class k.
enum class Rate { absolute, relative };
std::vector<BothWays> collect(const NoiseFloor& floor, Rate rate, std::int64_t k) {
  std::vector<BothWays> values;
  for (const auto& sibling : floor.siblings) {
    if (!sibling.left_out.empty()) continue;
    const auto index = static_cast<std::size_t>(std::max<std::int64_t>(k, 0));
    if (k >= 0 && index >= sibling.per_class.size()) continue;
    const FourCounts& counts = k < 0 ? sibling.overall : sibling.per_class[index];
    values.push_back(both_ways(counts, rate == Rate::absolute ? rate_of : relative_of));
  }
  return values;
}

double images_of(const NoiseFloor& floor, std::int64_t k) {
  for (const auto& sibling : floor.siblings) {
    if (!sibling.left_out.empty()) continue;
    if (k < 0) return static_cast<double>(sibling.overall.total());
    if (static_cast<std::size_t>(k) < sibling.per_class.size())
      return static_cast<double>(sibling.per_class[static_cast<std::size_t>(k)].total());
  }
  return 0;
}

void place(const Sample& sample, const Prediction& prediction, double candidate, NoiseLimit& limit) {
  limit.candidate = candidate;
  if (!std::isfinite(candidate) || sample.values.empty()) return;
  limit.at_least = std::count_if(sample.values.begin(), sample.values.end(), [&](double v) { return v >= candidate; });
  limit.p = prediction.tail(candidate);
}

NoiseLimit flip_limit(const NoiseFloor& floor, Rate rate, std::int64_t k, double alpha) {
  NoiseLimit limit;
  const Sample sample(collect(floor, rate, k));
  sample.describe(limit);
  const double images = images_of(floor, k);
  if (sample.values.empty() || !(images > 0)) return limit;
  limit.limit = predict_flips(sample, images, k < 0 ? kVariation : kClassVariation).limit(alpha);
  return limit;
}

NoiseLimit placed(NoiseLimit limit, const NoiseFloor& floor, Rate rate, std::int64_t k, const FourCounts& counts) {
  const Sample sample(collect(floor, rate, k));
  const double images = images_of(floor, k);
  if (sample.values.empty() || !(images > 0)) return limit;
  place(sample, predict_flips(sample, images, k < 0 ? kVariation : kClassVariation),
        rate == Rate::absolute ? rate_of(counts) : relative_of(counts), limit);
  return limit;
}

}  // namespace

double largest_harm(const std::vector<Region>& regions, Measure measure, std::int64_t min_support) {
  double largest = 0;
  for (const Region& region : regions) {
    const bool other = region.status == RegionStatus::inherited || region.status == RegionStatus::fixed;
    if (other || region.measure != measure || region.confirm.seeds < min_support) continue;
    largest = std::max(largest, region.confirm.net_lower);
  }
  return largest;
}

std::string contradicts_equality(const FourCounts& counts, double max_drop) {
  if (counts.total() == 0) return "it was measured on no image";
  const double drop =
      static_cast<double>(counts.negative_flips - counts.positive_flips) / static_cast<double>(counts.total());
  const double p = 2 * mcnemar_worse_p(std::max(counts.negative_flips, counts.positive_flips),
                                       std::min(counts.negative_flips, counts.positive_flips));
  if (p > kDifferent || std::abs(drop) <= max_drop) return {};
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "it is not equally good: its accuracy is %.2f points %s (p %.1g)",
                100 * std::fabs(drop), drop > 0 ? "lower" : "higher", p);
  return text.data();
}

NoiseLimit region_limit(std::span<const BothWays> values, double default_limit, double alpha) {
  NoiseLimit limit;
  limit.default_limit = default_limit;
  const Sample sample(values);
  sample.describe(limit);
  limit.limit = std::clamp(predict_region(sample, default_limit, alpha).limit(alpha), std::min(kLowest, default_limit),
                           std::max(kHighest, default_limit));
  return limit;
}

NoiseFloor with_flip_limits(NoiseFloor floor, double alpha) {
  floor.flips = flip_limit(floor, Rate::absolute, -1, alpha);
  floor.relative = flip_limit(floor, Rate::relative, -1, alpha);
  std::size_t classes = 0;
  for (const auto& sibling : floor.siblings) classes = std::max(classes, sibling.per_class.size());
  floor.class_flips.clear();
  for (std::size_t k = 0; k < classes; ++k)
    floor.class_flips.push_back(flip_limit(floor, Rate::absolute, static_cast<std::int64_t>(k), alpha));
  return floor;
}

NoiseFloor with_flips_placed(NoiseFloor floor, const Comparison& candidate) {
  floor.flips = placed(floor.flips, floor, Rate::absolute, -1, candidate.overall);
  floor.relative = placed(floor.relative, floor, Rate::relative, -1, candidate.overall);
  for (std::size_t k = 0; k < std::min(floor.class_flips.size(), candidate.per_class.size()); ++k)
    floor.class_flips[k] =
        placed(floor.class_flips[k], floor, Rate::absolute, static_cast<std::int64_t>(k), candidate.per_class[k]);
  return floor;
}

NoiseLimit with_region_placed(NoiseLimit limit, std::span<const BothWays> values, double candidate, double alpha) {
  const Sample sample(values);
  place(sample, predict_region(sample, limit.default_limit, alpha), candidate, limit);
  return limit;
}

double chance_of_flips(const NoiseFloor& floor, const FourCounts& counts) {
  return placed({}, floor, Rate::absolute, -1, counts).p;
}

double chance_of_relative(const NoiseFloor& floor, const FourCounts& counts) {
  return placed({}, floor, Rate::relative, -1, counts).p;
}

std::vector<BothWays> flips_of(const NoiseFloor& floor) { return collect(floor, &SiblingValues::flips); }
std::vector<BothWays> clear_flips_of(const NoiseFloor& floor) { return collect(floor, &SiblingValues::clear_flips); }

}  // namespace defuse
