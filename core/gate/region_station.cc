#include "core/gate/region_station.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>
#include <vector>

#include "core/evaluate/evaluator.h"
#include "core/gate/distil.h"
#include "core/torch/thread_team.h"

namespace defuse {

namespace {

// The image statistics of seeds and draws on one scale: a statistic's mean over the seeds becomes 0, its standard
// deviation 1. Those of the draws stay where they are stored and are scaled when asked for.
class Statistics {
 public:
  explicit Statistics(const ProbeSet& probes)
      : real_(probes.statistics), stored_(probes.draw_statistics), draws_(static_cast<std::size_t>(probes.draws)) {
    for (std::size_t j = 0; j < real_.cols; ++j) {
      double mean = 0, square = 0;
      for (std::size_t i = 0; i < real_.rows; ++i) {
        const auto x = static_cast<double>(real_.row(i)[j]);
        mean += x / static_cast<double>(real_.rows);
        square += x * x / static_cast<double>(real_.rows);
      }
      mean_.push_back(mean);
      deviation_.push_back(std::sqrt(std::max(square - mean * mean, 1e-12)));
    }
    for (std::size_t i = 0; i < real_.rows; ++i) scale(real_.row(i), real_.row(i));
  }

  const Matrix& real() const { return real_; }
  void of_draws(std::size_t seed, Matrix& out) {
    if (out.rows != draws_ || out.cols != real_.cols) out = Matrix(draws_, real_.cols);
    for (std::size_t q = 0; q < draws_; ++q) scale(stored_.row(seed * draws_ + q), out.row(q));
    // Every so often: what was read long ago need not stay in memory.
    constexpr std::size_t kOften = 64UL << 20;
    const std::size_t bytes = out.data.size() * sizeof(float);
    if (read_.fetch_add(bytes, std::memory_order_relaxed) % kOften + bytes >= kOften) stored_.release();
  }

 private:
  void scale(std::span<const float> from, std::span<float> to) const {
    for (std::size_t j = 0; j < to.size(); ++j)
      to[j] = static_cast<float>((static_cast<double>(from[j]) - mean_[j]) / deviation_[j]);
  }

  Matrix real_;
  StoredMatrix stored_;
  std::size_t draws_;
  std::vector<double> mean_, deviation_;
  std::atomic<std::size_t> read_{0};  // bytes
};

// The codes of a seed's draws, [draws, latent]; those that are not plausible are never looked at and not made.
void plausible_codes(const ProbeSet& probes, const RegionSettings& settings, std::uint64_t seed, std::size_t index,
                     Matrix& out) {
  const auto draws = static_cast<std::size_t>(probes.draws);
  if (out.rows != draws || out.cols != probes.codes.cols) out = Matrix(draws, probes.codes.cols);
  thread_local Matrix code;
  for (std::size_t q = 0; q < draws; ++q) {
    if (probes.plausible[index * draws + q] == 0) continue;
    perturbed_codes(probes, settings, seed, index, static_cast<int>(q), 1, code);
    std::copy(code.data.begin(), code.data.end(), out.row(q).begin());
  }
}

}  // namespace

RegionSearchSettings search_settings(const RegionSettings& settings, double alpha, int threads) {
  return {.alpha = alpha,
          .min_increase = settings.min_increase,
          .min_clear_increase = settings.min_clear_increase,
          .min_support = settings.min_support,
          .max_regions = settings.max_shown,
          .threads = resolve_threads(threads)};
}

Result<std::vector<Region>> regions_between(const RegionPair& pair, const RegionSettings& settings,
                                            const RegionSearchSettings& search, std::uint64_t seed) {
  TRY(distilled, distil_errors(pair.probes, pair.candidate, settings, seed, search.threads));
  RegionSearchInput input{
      .probes = &pair.probes,
      .candidate = &pair.candidate,
      .incumbent = pair.incumbent,
      .spaces = {{Space::codes, &pair.probes.codes,
                  [&](std::size_t i, Matrix& codes) { plausible_codes(pair.probes, settings, seed, i, codes); }}},
      .mixture = std::move(distilled.centers),
      .generated_usable = pair.generated_usable,
      .classes = pair.classes};
  if (!pair.candidate.embeddings.empty())
    input.spaces.push_back({Space::candidate_embedding, &pair.candidate.embeddings});
  if (pair.incumbent != nullptr && !pair.incumbent->embeddings.empty())
    input.spaces.push_back({Space::incumbent_embedding, &pair.incumbent->embeddings});
  Statistics statistics(pair.probes);
  if (!statistics.real().empty())
    input.spaces.push_back({Space::image_statistics, &statistics.real(),
                            [&](std::size_t i, Matrix& out) { statistics.of_draws(i, out); }, true});
  if (const auto& only = search.shapes.spaces; !only.empty())
    std::erase_if(input.spaces, [&](const RegionSpace& space) {
      return std::find(only.begin(), only.end(), space.name) == only.end();
    });
  return search_regions(input, search);
}

}  // namespace defuse
