#include "core/gate/distil.h"

#include <algorithm>
#include <map>

#include "core/base/random.h"
#include "core/evaluate/evaluator.h"
#include "core/mixture/dp_gmm.h"

namespace defuse {
namespace {

constexpr std::int64_t kLeastCodes = 5;   // a component with fewer explains single images, not a kind of error
constexpr int kMostPerSeed = 3;           // so that one image cannot make a region
constexpr std::size_t kMostCodes = 8000;  // beyond this the mixture gains nothing but time

struct ErrorCodes {
  Matrix codes;                     // [m, latent]
  std::vector<std::uint32_t> seed;  // [m]
};

// Codes of the discovery half that the candidate gets wrong: real images by their mean code, perturbations by their
// own.
ErrorCodes collect(const ProbeSet& probes, const ProbeEvaluation& candidate, const RegionSettings& settings,
                   std::uint64_t run_seed) {
  ErrorCodes found;
  const auto latent = probes.codes.cols;
  const auto draws = static_cast<std::size_t>(probes.draws);
  std::vector<float> rows;
  Matrix draw(1, latent);
  for (std::size_t s = 0; s < probes.seeds.size(); ++s) {
    const Seed& seed = probes.seeds[s];
    if (seed.half != Half::discover) continue;
    const auto keep = [&](std::span<const float> code) {
      rows.insert(rows.end(), code.begin(), code.end());
      found.seed.push_back(static_cast<std::uint32_t>(s));
    };
    if (candidate.real[s] != seed.label) keep(probes.codes.row(s));
    int kept = 0;
    for (std::size_t q = 0; q < draws && kept < kMostPerSeed; ++q) {
      if (!probes.plausible[s * draws + q] || candidate.perturbed[s * draws + q] == seed.label) continue;
      perturbed_codes(probes, settings, run_seed, s, static_cast<int>(q), 1, draw);
      keep(draw.row(0));
      ++kept;
    }
  }
  found.codes.rows = found.seed.size();
  found.codes.cols = latent;
  found.codes.data = std::move(rows);
  return found;
}

// A seeded sample without replacement, in the original order.
void thin(ErrorCodes& found, std::uint64_t run_seed) {
  if (found.seed.size() <= kMostCodes) return;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order(found.seed.size());
  for (std::uint32_t i = 0; i < found.seed.size(); ++i) order[i] = {mix64(run_seed ^ mix64(i)), i};
  std::nth_element(order.begin(), order.begin() + kMostCodes, order.end());
  order.resize(kMostCodes);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  ErrorCodes kept;
  kept.codes = Matrix(kMostCodes, found.codes.cols);
  for (std::size_t i = 0; i < kMostCodes; ++i) {
    const auto row = found.codes.row(order[i].second);
    std::copy(row.begin(), row.end(), kept.codes.row(i).begin());
    kept.seed.push_back(found.seed[order[i].second]);
  }
  found = std::move(kept);
}

Covariance covariance_of(const std::string& name) {
  if (name == "diagonal") return Covariance::diagonal;
  if (name == "tied") return Covariance::tied;
  return Covariance::full;
}

}  // namespace

Result<Distilled> distil_errors(const ProbeSet& probes, const ProbeEvaluation& candidate,
                                const RegionSettings& settings, std::uint64_t seed, int threads) {
  Distilled out;
  out.centers.component_of_seed.assign(probes.seeds.size(), -1);
  auto found = collect(probes, candidate, settings, seed);
  thin(found, seed);
  out.codes = static_cast<std::int64_t>(found.seed.size());
  if (out.codes < kLeastCodes) return out;

  const DpGmmSettings mixture{
      .components = static_cast<int>(std::clamp<std::int64_t>(out.codes / kLeastCodes, 1, settings.components)),
      .covariance = covariance_of(settings.covariance),
      .seed = seed,
      .threads = threads};
  TRY(fit, fit_dp_gmm(found.codes, mixture));
  out.converged = fit.converged;

  std::vector<int> kept_as(static_cast<std::size_t>(fit.components), -1);
  const auto d = static_cast<std::size_t>(fit.dimensions);
  for (std::size_t k = 0; k < kept_as.size(); ++k) {
    if (fit.counts[k] < static_cast<double>(kLeastCodes)) continue;
    kept_as[k] = out.components++;
    for (std::size_t j = 0; j < d; ++j) out.centers.means.data.push_back(static_cast<float>(fit.means[k * d + j]));
  }
  out.centers.means.rows = static_cast<std::size_t>(out.components);
  out.centers.means.cols = d;

  std::map<std::uint32_t, std::map<int, int>> votes;  // seed -> kept component -> error codes in it
  for (std::size_t i = 0; i < found.seed.size(); ++i)
    if (const int component = kept_as[static_cast<std::size_t>(fit.labels[i])]; component >= 0)
      ++votes[found.seed[i]][component];
  for (const auto& [index, counts] : votes)
    out.centers.component_of_seed[index] =
        std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
          return a.second < b.second;
        })->first;
  return out;
}

}  // namespace defuse
