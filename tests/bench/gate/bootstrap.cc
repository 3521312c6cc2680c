#include "tests/bench/gate/bootstrap.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <tuple>

namespace defuse::bench {
namespace {

// Rows [i * each, (i + 1) * each) of every source i. What does not belong to seeds row by row (an empty table) stays.
template <typename T>
std::vector<T> taken(const std::vector<T>& from, std::size_t each, std::span<const std::uint32_t> source) {
  if (from.size() != source.size() * each) return from;
  std::vector<T> out;
  out.reserve(from.size());
  for (const auto s : source) {
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(s * each);
    out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(each));
  }
  return out;
}

Matrix taken(const Matrix& from, std::size_t each, std::span<const std::uint32_t> source) {
  Matrix out = from;
  if (from.rows == source.size() * each) out.data = taken(from.data, each * from.cols, source);
  return out;
}

std::vector<std::uint32_t> shared(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace

std::vector<std::uint32_t> draw_seeds(const ProbeSet& probes, RandomStream& random) {
  std::map<std::tuple<std::int32_t, Half, bool>, std::vector<std::uint32_t>> strata;
  for (std::uint32_t i = 0; i < probes.seeds.size(); ++i)
    strata[{probes.seeds[i].label, probes.seeds[i].half, i < probes.perturbed}].push_back(i);
  std::vector<std::uint32_t> source(probes.seeds.size());
  for (const auto& [_, places] : strata)
    for (const auto place : places) source[place] = places[random.below(places.size())];
  return source;
}

ProbeSet resampled(const ProbeSet& probes, std::span<const std::uint32_t> source) {
  const auto draws = static_cast<std::size_t>(probes.draws);
  const std::size_t ranks = probes.seeds.empty() ? 0 : probes.tails.axes.size() / probes.seeds.size();
  ProbeSet out;
  out.digest = probes.digest;
  out.generator_digest = probes.generator_digest;
  out.data_digest = probes.data_digest;
  out.seeds = taken(probes.seeds, 1, source);
  out.perturbed = probes.perturbed;
  out.codes = taken(probes.codes, 1, source);
  out.class_means = probes.class_means;
  out.tails.slopes = probes.tails.slopes;
  out.tails.axes = taken(probes.tails.axes, ranks, source);
  out.draws = probes.draws;
  out.plausible = taken(probes.plausible, draws, source);
  out.plausible_share = probes.plausible_share;
  out.statistics = taken(probes.statistics, 1, source);
  out.draw_statistics = taken(probes.draw_statistics, draws, source);
  return out;
}

ProbeEvaluation resampled(const ProbeEvaluation& answers, int draws, std::span<const std::uint32_t> source) {
  const auto each = static_cast<std::size_t>(draws);
  ProbeEvaluation out;
  out.model_digest = answers.model_digest;
  out.probe_digest = answers.probe_digest;
  out.real = taken(answers.real, 1, source);
  out.reconstructed = taken(answers.reconstructed, 1, source);
  out.perturbed = taken(answers.perturbed, each, source);
  out.embeddings = taken(answers.embeddings, 1, source);
  out.logits = taken(answers.logits, 1, source);
  out.real_margin = taken(answers.real_margin, 1, source);
  out.perturbed_margin = taken(answers.perturbed_margin, each, source);
  return out;
}

Stability stability_of(std::span<const Redone> redone) {
  Stability out;
  double sum = 0;
  std::int64_t pairs = 0;
  for (std::size_t i = 0; i < redone.size(); ++i) {
    if (!redone[i].blocked) continue;
    out.blocked += 1 / static_cast<double>(redone.size());
    for (std::size_t j = 0; j < i; ++j) {
      if (!redone[j].blocked) continue;
      const auto both = shared(redone[i].present, redone[j].present);
      const auto a = shared(redone[i].members, both), b = shared(redone[j].members, both);
      const auto common = shared(a, b).size(), all = a.size() + b.size() - common;
      if (all == 0) continue;
      sum += static_cast<double>(common) / static_cast<double>(all);
      ++pairs;
    }
  }
  out.jaccard = pairs > 0 ? sum / static_cast<double>(pairs) : std::numeric_limits<double>::quiet_NaN();
  return out;
}

std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> seeds) {
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  return seeds;
}

}  // namespace defuse::bench
