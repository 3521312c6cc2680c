#include "tests/bench/gate/rivals.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <map>
#include <utility>

#include "core/evaluate/evaluator.h"
#include "core/mixture/dp_gmm.h"
#include "core/slices/cross_entropy.h"
#include "core/slices/spotlight.h"
#include "core/stats/multiplicity.h"
#include "core/stats/paired_tests.h"
#include "tests/bench/rivals/baselines.h"
#include "tests/bench/rivals/domino.h"
#include "tests/support/statistics/clustered.h"

namespace defuse::bench {
namespace {

using Members = std::vector<std::uint32_t>;

constexpr std::size_t kSlices = 5;  // each search keeps so many
constexpr double kAlpha = 0.05;
constexpr double kMinIncrease = 0.20;  // net flip rate whose lower bound blocks, as in our own gate
constexpr double kSliceShare = 0.02;   // of the images ranked, as published for images
constexpr double kMaxDrop = 0.01, kMaxClassDrop = 0.02;
constexpr std::size_t kMostCodes = 8000;  // of new errors; beyond this a mixture takes time and learns nothing
constexpr int kLiteralComponents = 20;
constexpr double kEllipsoid = 0.90;

// --- simple comparisons, on the test split ---

struct Drop {
  std::int64_t negative = 0, positive = 0, images = 0;
  Members flipped;
  void add(double net, std::uint32_t seed) {
    ++images;
    if (net > 0) {
      ++negative;
      flipped.push_back(seed);
    }
    if (net < 0) ++positive;
  }
  double rate() const {
    return images > 0 ? static_cast<double>(negative - positive) / static_cast<double>(images) : 0;
  }
};

Drop overall(const RealImages& real) {
  Drop drop;
  for (const auto s : real.test) drop.add(real.net[s], s);
  return drop;
}

// They name no slice: what they would show is every image that flipped.
ColumnAnswer whole(double score, bool blocked, Members members) {
  ColumnAnswer answer{.score = score, .blocked = blocked, .members = std::move(members), .shown = 0, .slices = {}};
  if (blocked) {
    answer.shown = 1;
    answer.slices.push_back(answer.members);
  }
  return answer;
}

Result<ColumnAnswer> accuracy_margin(const PairAnswers& pair) {
  auto drop = overall(real_images(pair));
  return whole(drop.rate(), drop.rate() > kMaxDrop, std::move(drop.flipped));
}

Result<ColumnAnswer> mcnemar_test(const PairAnswers& pair) {
  auto drop = overall(real_images(pair));
  const double p = mcnemar_worse_p(drop.negative, drop.positive);
  return whole(0.0 - std::log10(std::max(p, 1e-300)), p <= kAlpha, std::move(drop.flipped));
}

Result<ColumnAnswer> per_class(const PairAnswers& pair) {
  const auto real = real_images(pair);
  std::map<std::int32_t, Drop> classes;
  for (const auto s : real.test) classes[real.labels[s]].add(real.net[s], s);
  if (classes.empty()) return whole(-1, false, {});
  const auto worst = std::max_element(classes.begin(), classes.end(),
                                      [](const auto& a, const auto& b) { return a.second.rate() < b.second.rate(); });
  return whole(worst->second.rate(), worst->second.rate() > kMaxClassDrop, std::move(worst->second.flipped));
}

// --- searches: found on the discovery half, frozen, judged on the other ---

// `slices`: members of each frozen slice among the seeds of both halves.
ColumnAnswer confirm(const PairAnswers& pair, const RealImages& real, const std::vector<Members>& slices) {
  std::vector<std::pair<double, std::size_t>> bounds;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    std::vector<double> net;
    for (const auto s : slices[i])
      if (pair.probes.seeds[s].half == Half::confirm) net.push_back(real.net[s]);
    bounds.emplace_back(net_rate_lower_bound(net, kAlpha / static_cast<double>(kSlices)), i);
  }
  std::stable_sort(bounds.begin(), bounds.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  ColumnAnswer answer{.score = -1, .blocked = false, .members = {}, .shown = 0, .slices = {}};
  if (bounds.empty()) return answer;
  answer.score = bounds.front().first;
  answer.blocked = answer.score > kMinIncrease;
  answer.members = slices[bounds.front().second];
  for (const auto& [bound, i] : bounds)
    if (bound > kMinIncrease) answer.slices.push_back(slices[i]);
  answer.shown = static_cast<int>(answer.slices.size());
  return answer;
}

Result<ColumnAnswer> judge_top_loss(const PairAnswers& pair) {
  const auto real = real_images(pair);
  std::vector<ScoreSlice> found{top_loss(real.discover, real.candidate_loss, kSliceShare)};
  for (auto& slice : top_loss_per_class(real.discover, real.labels, real.candidate_loss, kSliceShare))
    if (found.size() < kSlices) found.push_back(std::move(slice));
  std::vector<Members> slices;
  for (const auto& slice : found) {
    if (slice.members.empty()) continue;
    slices.emplace_back();
    for (const auto s : real.all)
      if ((slice.label < 0 || real.labels[s] == slice.label) && real.candidate_loss[s] >= slice.cut)
        slices.back().push_back(s);
  }
  return confirm(pair, real, slices);
}

Result<ColumnAnswer> judge_confusion(const PairAnswers& pair) {
  const auto real = real_images(pair);
  const auto p = softmax(pair.candidate.logits);
  std::vector<Members> slices;
  for (const auto& slice : confusion_slices(real.discover, real.labels, p, kSliceShare, kSlices)) {
    slices.emplace_back();
    for (const auto s : real.all)
      if (real.labels[s] == slice.label &&
          static_cast<double>(p.row(s)[static_cast<std::size_t>(slice.answer)]) >= slice.cut)
        slices.back().push_back(s);
  }
  return confirm(pair, real, slices);
}

Result<ColumnAnswer> judge_domino(const PairAnswers& pair) {
  const auto real = real_images(pair);
  if (pair.candidate.embeddings.empty()) return confirm(pair, real, {});
  DominoParameters parameters;
  parameters.keep = static_cast<int>(kSlices);
  parameters.seed = pair.seed;
  TRY(found,
      find_domino(pair.candidate.embeddings, real.discover, real.labels, softmax(pair.candidate.logits), parameters));
  const auto component = found.components_of(pair.candidate.embeddings, real.labels);
  std::vector<Members> slices(found.slices.size());
  for (const auto s : real.all)
    for (std::size_t i = 0; i < found.slices.size(); ++i)
      if (component[s] == found.slices[i]) slices[i].push_back(s);
  return confirm(pair, real, slices);
}

Result<ColumnAnswer> judge_spotlight(const PairAnswers& pair, const RealImages& real, std::span<const double> loss) {
  const Matrix& points = pair.candidate.embeddings;
  if (points.empty()) return confirm(pair, real, {});
  SpotlightParameters parameters;
  parameters.share = kSliceShare;
  parameters.spotlights = static_cast<int>(kSlices);
  TRY(found, find_spotlights(points, real.discover, loss, parameters));
  std::vector<Members> slices;
  for (const auto& spotlight : found) {
    if (spotlight.state == SpotlightState::empty) continue;
    slices.emplace_back();
    for (const auto s : real.all)
      if (spotlight.contains(points.row(s))) slices.back().push_back(s);
  }
  return confirm(pair, real, slices);
}

Result<ColumnAnswer> spotlight_candidate(const PairAnswers& pair) {
  const auto real = real_images(pair);
  return judge_spotlight(pair, real, real.candidate_loss);
}

Result<ColumnAnswer> spotlight_difference(const PairAnswers& pair) {
  const auto real = real_images(pair);
  auto difference = real.candidate_loss;
  for (std::size_t s = 0; s < difference.size(); ++s) difference[s] -= real.incumbent_loss[s];
  return judge_spotlight(pair, real, difference);
}

// --- Defuse taken literally: a mixture over the codes of new errors, ellipsoids, significance ---

struct NewErrors {
  Matrix codes;
  std::vector<std::int32_t> label;  // [m] of the seed
};

NewErrors new_errors(const PairAnswers& pair) {
  const auto& probes = pair.probes;
  const auto draws = static_cast<std::size_t>(probes.draws);
  const ModelSettings settings;  // the benchmark's worlds keep its defaults
  NewErrors found;
  found.codes.cols = probes.codes.cols;
  Matrix draw(1, probes.codes.cols);
  const auto keep = [&](std::span<const float> code, std::int32_t label) {
    found.codes.data.insert(found.codes.data.end(), code.begin(), code.end());
    found.label.push_back(label);
  };
  for (std::size_t s = 0; s < probes.seeds.size(); ++s) {
    const auto& seed = probes.seeds[s];
    if (seed.half != Half::discover) continue;
    if (pair.incumbent.real[s] == seed.label && pair.candidate.real[s] != seed.label)
      keep(probes.codes.row(s), seed.label);
    for (std::size_t q = 0; q < draws; ++q) {
      const std::size_t i = s * draws + q;
      if (!probes.plausible[i] || pair.incumbent.perturbed[i] != seed.label ||
          pair.candidate.perturbed[i] == seed.label)
        continue;
      perturbed_codes(probes, settings.checks.misclassification_regions, settings.seed, s, static_cast<int>(q), 1,
                      draw);
      keep(draw.row(0), seed.label);
    }
  }
  // Every n-th, where there are too many.
  const std::size_t step = found.label.size() / kMostCodes + 1;
  NewErrors kept;
  for (std::size_t i = 0; i < found.label.size(); i += step) {
    const auto first = found.codes.data.begin() + static_cast<std::ptrdiff_t>(i * found.codes.cols);
    kept.codes.data.insert(kept.codes.data.end(), first, first + static_cast<std::ptrdiff_t>(found.codes.cols));
    kept.label.push_back(found.label[i]);
  }
  kept.codes.cols = found.codes.cols;
  kept.codes.rows = kept.label.size();
  return kept;
}

// Squared Mahalanobis distances by a Cholesky factor of the covariance.
class Ellipsoid {
 public:
  Ellipsoid(std::span<const double> mean, std::span<const double> covariance)
      : mean_(mean.begin(), mean.end()), factor_(covariance.begin(), covariance.end()) {
    const std::size_t d = mean_.size();
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = factor_[i * d + j];
        for (std::size_t k = 0; k < j; ++k) sum -= factor_[i * d + k] * factor_[j * d + k];
        factor_[i * d + j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / factor_[j * d + j];
      }
    }
  }
  double distance(std::span<const float> point) const {
    const std::size_t d = mean_.size();
    std::vector<double> y(d);
    double total = 0;
    for (std::size_t i = 0; i < d; ++i) {
      double sum = static_cast<double>(point[i]) - mean_[i];
      for (std::size_t k = 0; k < i; ++k) sum -= factor_[i * d + k] * y[k];
      y[i] = sum / factor_[i * d + i];
      total += y[i] * y[i];
    }
    return total;
  }

 private:
  std::vector<double> mean_, factor_;
};

std::vector<Members> literal_slices(const PairAnswers& pair, const NewErrors& errors, const DpGmm& fit) {
  const auto d = static_cast<std::size_t>(fit.dimensions);
  const double limit = boost::math::quantile(boost::math::chi_squared(static_cast<double>(d)), kEllipsoid);
  std::vector<Members> slices;
  for (int k = 0; k < fit.components; ++k) {
    std::map<std::int32_t, int> votes;
    for (std::size_t i = 0; i < errors.label.size(); ++i)
      if (fit.labels[i] == k) ++votes[errors.label[i]];
    if (votes.empty()) continue;
    const auto label = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) {
                         return a.second < b.second;
                       })->first;
    const auto at = static_cast<std::size_t>(k);
    const Ellipsoid ellipsoid(std::span(fit.means).subspan(at * d, d),
                              std::span(fit.covariances).subspan(at * d * d, d * d));
    slices.emplace_back();
    for (std::size_t s = 0; s < pair.probes.seeds.size(); ++s)
      if (pair.probes.seeds[s].label == label && ellipsoid.distance(pair.probes.codes.row(s)) <= limit)
        slices.back().push_back(static_cast<std::uint32_t>(s));
  }
  return slices;
}

// Net flip rate of each member of the confirmation half, over its real image and its plausible perturbations.
std::vector<double> literal_rates(const PairAnswers& pair, const Members& members) {
  const auto draws = static_cast<std::size_t>(pair.probes.draws);
  std::vector<ClusterCounts> clusters;
  for (const auto s : members) {
    const auto& seed = pair.probes.seeds[s];
    if (seed.half != Half::confirm) continue;
    ClusterCounts cluster;
    const auto add = [&](std::int32_t before, std::int32_t after) {
      ++cluster.images;
      if (before == seed.label && after != seed.label) ++cluster.negative;
      if (before != seed.label && after == seed.label) ++cluster.positive;
    };
    add(pair.incumbent.real[s], pair.candidate.real[s]);
    for (std::size_t i = s * draws; i < (s + 1) * draws; ++i)
      if (pair.probes.plausible[i]) add(pair.incumbent.perturbed[i], pair.candidate.perturbed[i]);
    clusters.push_back(cluster);
  }
  return net_flip_rates(clusters);
}

Result<ColumnAnswer> defuse_literal(const PairAnswers& pair) {
  ColumnAnswer answer;
  const auto errors = new_errors(pair);
  if (errors.label.size() < 2) return answer;
  TRY(fit, fit_dp_gmm(errors.codes, {.components = std::min(kLiteralComponents, static_cast<int>(errors.label.size())),
                                     .covariance = Covariance::full,
                                     .seed = pair.seed}));
  const auto slices = literal_slices(pair, errors, fit);
  std::vector<double> p;
  for (const auto& members : slices) p.push_back(sign_test_p(literal_rates(pair, members)));
  const auto adjusted = holm(p);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < slices.size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return adjusted[a] < adjusted[b]; });
  if (order.empty()) return answer;
  answer.score = 0.0 - std::log10(std::max(adjusted[order.front()], 1e-300));
  answer.blocked = adjusted[order.front()] <= kAlpha;
  answer.members = slices[order.front()];
  for (const auto i : order)
    if (adjusted[i] <= kAlpha) answer.slices.push_back(slices[i]);
  answer.shown = static_cast<int>(answer.slices.size());
  return answer;
}

}  // namespace

RealImages real_images(const PairAnswers& pair) {
  RealImages real;
  const auto& seeds = pair.probes.seeds;
  for (const auto& seed : seeds) real.labels.push_back(seed.label);
  real.candidate_loss = cross_entropy(pair.candidate.logits, real.labels);
  real.incumbent_loss = cross_entropy(pair.incumbent.logits, real.labels);
  real.net.assign(seeds.size(), 0);
  real.candidate_loss.resize(seeds.size(), std::nan(""));
  real.incumbent_loss.resize(seeds.size(), std::nan(""));
  for (std::uint32_t s = 0; s < seeds.size(); ++s) {
    if (!std::isfinite(real.candidate_loss[s]) || !std::isfinite(real.incumbent_loss[s])) continue;
    const bool before = pair.incumbent.real[s] == seeds[s].label;
    const bool after = pair.candidate.real[s] == seeds[s].label;
    real.net[s] = (before ? 1.0 : 0.0) - (after ? 1.0 : 0.0);
    real.all.push_back(s);
    (seeds[s].half == Half::discover ? real.discover : real.confirm).push_back(s);
    if (seeds[s].split == Split::test) real.test.push_back(s);
  }
  return real;
}

std::vector<Column> rival_columns() {
  return {{"accuracy_margin", accuracy_margin},
          {"mcnemar", mcnemar_test},
          {"per_class", per_class},
          {"top_loss", judge_top_loss},
          {"confusion_sdm", judge_confusion},
          {"domino", judge_domino},
          {"spotlight", spotlight_candidate},
          {"spotlight_difference", spotlight_difference},
          {"defuse_literal", defuse_literal}};
}

}  // namespace defuse::bench
