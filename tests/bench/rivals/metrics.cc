#include "tests/bench/rivals/metrics.h"

#include <algorithm>
#include <set>

namespace defuse {
namespace {

std::size_t shared(const Slice& a, const Slice& b) {
  const std::set<std::uint32_t> held(b.begin(), b.end());
  return static_cast<std::size_t>(std::count_if(a.begin(), a.end(), [&](auto i) { return held.count(i) != 0; }));
}

}  // namespace

double precision_at(std::span<const double> scores, std::span<const std::uint8_t> in_slice, std::size_t k) {
  const auto top = highest(scores, k);
  if (top.empty()) return 0;
  const auto hits = std::count_if(top.begin(), top.end(), [&](auto i) { return in_slice[i] != 0; });
  return static_cast<double>(hits) / static_cast<double>(top.size());
}

double average_precision(std::span<const std::uint8_t> relevance_by_rank) {
  double relevant = 0;
  double sum = 0;
  for (std::size_t j = 0; j < relevance_by_rank.size(); ++j) {
    if (relevance_by_rank[j] == 0) continue;
    relevant += 1;
    sum += relevant / static_cast<double>(j + 1);
  }
  return relevant > 0 ? sum / relevant : 0;
}

double average_precision(std::span<const double> scores, std::span<const std::uint8_t> in_slice) {
  std::vector<std::uint8_t> relevance;
  for (const auto i : highest(scores, scores.size())) relevance.push_back(in_slice[i]);
  return average_precision(relevance);
}

double mean_best_precision_at(std::span<const std::vector<double>> found_scores,
                              std::span<const std::vector<std::uint8_t>> truths, std::size_t k) {
  if (truths.empty()) return 0;
  double sum = 0;
  for (const auto& truth : truths) {
    double best = 0;
    for (const auto& scores : found_scores) best = std::max(best, precision_at(scores, truth, k));
    sum += best;
  }
  return sum / static_cast<double>(truths.size());
}

double blindspot_precision(const Slice& found, const Slice& truth) {
  return found.empty() ? 0 : static_cast<double>(shared(found, truth)) / static_cast<double>(found.size());
}

double blindspot_recall(std::span<const Slice> found, const Slice& truth, double lambda_p) {
  if (truth.empty()) return 0;
  std::set<std::uint32_t> covered;
  for (const auto& slice : found)
    if (blindspot_precision(slice, truth) > lambda_p) covered.insert(slice.begin(), slice.end());
  const Slice all(covered.begin(), covered.end());
  return static_cast<double>(shared(truth, all)) / static_cast<double>(truth.size());
}

DiscoveryRates discovery_rates(std::span<const Slice> found, std::span<const Slice> truths, double lambda_p,
                               double lambda_r) {
  DiscoveryRates rates{.lambda_p = lambda_p, .lambda_r = lambda_r};
  for (const auto& truth : truths) rates.discovered += blindspot_recall(found, truth, lambda_p) > lambda_r ? 1 : 0;
  if (!truths.empty()) rates.discovered /= static_cast<double>(truths.size());
  for (const auto& slice : found) {
    double best = 0;
    for (const auto& truth : truths) best = std::max(best, blindspot_precision(slice, truth));
    rates.false_found += truths.empty() || best < lambda_p ? 1 : 0;
  }
  if (!found.empty()) rates.false_found /= static_cast<double>(found.size());
  return rates;
}

std::vector<DiscoveryRates> discovery_grid(std::span<const Slice> found, std::span<const Slice> truths) {
  constexpr double kGrid[] = {0.5, 0.6, 0.7, 0.8, 0.9};
  std::vector<DiscoveryRates> grid;
  for (const double p : kGrid)
    for (const double r : kGrid) grid.push_back(discovery_rates(found, truths, p, r));
  return grid;
}

std::vector<double> best_match_jaccard(std::span<const Slice> one, std::span<const Slice> other) {
  std::vector<double> best;
  for (const auto& slice : one) {
    best.push_back(0);
    for (const auto& match : other) best.back() = std::max(best.back(), jaccard(slice, match));
  }
  return best;
}

}  // namespace defuse
