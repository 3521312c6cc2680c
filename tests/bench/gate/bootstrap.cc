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

Matrix taken(const StoredMatrix& from, std::size_t each, std::span<const std::uint32_t> source) {
  Matrix whole(from.rows(), from.cols());
  std::copy(from.all().begin(), from.all().end(), whole.data.begin());
  return taken(whole, each, source);
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

// Fields are taken apart by name so that a new one cannot be forgotten: it would not compile.
ProbeSet resampled(const ProbeSet& probes, std::span<const std::uint32_t> source) {
  const auto& [digest, generator_digest, data_digest, seeds, perturbed, codes, class_means, tails, draws, plausible,
               reconstruction_error, plausible_share, statistics, draw_statistics] = probes;
  const auto& [slopes, axes] = tails;
  const auto each = static_cast<std::size_t>(draws);
  const std::size_t ranks = seeds.empty() ? 0 : axes.size() / seeds.size();
  return {.digest = digest,
          .generator_digest = generator_digest,
          .data_digest = data_digest,
          .seeds = taken(seeds, 1, source),
          .perturbed = perturbed,
          .codes = taken(codes, 1, source),
          .class_means = class_means,
          .tails = {slopes, taken(axes, ranks, source)},
          .draws = draws,
          .plausible = taken(plausible, each, source),
          .reconstruction_error = reconstruction_error,
          .plausible_share = plausible_share,
          .statistics = taken(statistics, 1, source),
          .draw_statistics = taken(draw_statistics, each, source)};
}

ProbeEvaluation resampled(const ProbeEvaluation& answers, int draws, std::span<const std::uint32_t> source) {
  const auto& [model_digest, probe_digest, real, reconstructed, perturbed, embeddings, logits, real_margin,
               perturbed_margin] = answers;
  const auto each = static_cast<std::size_t>(draws);
  return {.model_digest = model_digest,
          .probe_digest = probe_digest,
          .real = taken(real, 1, source),
          .reconstructed = taken(reconstructed, 1, source),
          .perturbed = taken(perturbed, each, source),
          .embeddings = taken(embeddings, 1, source),
          .logits = taken(logits, 1, source),
          .real_margin = taken(real_margin, 1, source),
          .perturbed_margin = taken(perturbed_margin, each, source)};
}

Stability stability_of(std::span<const Redone> redone) {
  Stability out;
  double sum = 0;
  std::int64_t pairs = 0, blocked = 0;
  for (std::size_t i = 0; i < redone.size(); ++i) {
    if (!redone[i].blocked) continue;
    ++blocked;
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
  if (!redone.empty()) out.blocked = static_cast<double>(blocked) / static_cast<double>(redone.size());
  out.jaccard = pairs > 0 ? sum / static_cast<double>(pairs) : std::numeric_limits<double>::quiet_NaN();
  return out;
}

std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> seeds) {
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  return seeds;
}

}  // namespace defuse::bench
