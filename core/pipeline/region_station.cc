#include "core/pipeline/region_station.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/evaluate/evaluator.h"
#include "core/ml/inference.h"
#include "core/regions/distil.h"

namespace defuse {

namespace {

// The image statistics of seeds and draws on one scale: a statistic's mean over the seeds becomes 0, its standard
// deviation 1.
struct Statistics {
  Matrix real;
  Matrix draws;

  explicit Statistics(const ProbeSet& probes) : real(probes.statistics), draws(probes.draw_statistics) {
    for (std::size_t j = 0; j < real.cols; ++j) {
      double mean = 0, square = 0;
      for (std::size_t i = 0; i < real.rows; ++i) {
        const auto x = static_cast<double>(real.row(i)[j]);
        mean += x / static_cast<double>(real.rows);
        square += x * x / static_cast<double>(real.rows);
      }
      const double deviation = std::sqrt(std::max(square - mean * mean, 1e-12));
      for (Matrix* matrix : {&real, &draws}) {
        for (std::size_t i = 0; i < matrix->rows; ++i)
          matrix->row(i)[j] = static_cast<float>((static_cast<double>(matrix->row(i)[j]) - mean) / deviation);
      }
    }
  }
};

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
  TRY(distilled, distil_errors(pair.probes, pair.candidate, settings, seed));
  RegionSearchInput input{.probes = &pair.probes,
                          .candidate = &pair.candidate,
                          .incumbent = pair.incumbent,
                          .spaces = {{"codes", &pair.probes.codes}},
                          .mixture = std::move(distilled.centers),
                          .draw_codes =
                              [&](std::size_t i, Matrix& codes) {
                                perturbed_codes(pair.probes, settings, seed, i, 0, pair.probes.draws, codes);
                              },
                          .generated_usable = pair.generated_usable,
                          .classes = pair.classes};
  if (!pair.candidate.embeddings.empty()) input.spaces.push_back({"candidate_embedding", &pair.candidate.embeddings});
  if (pair.incumbent != nullptr && !pair.incumbent->embeddings.empty())
    input.spaces.push_back({"incumbent_embedding", &pair.incumbent->embeddings});
  const Statistics statistics(pair.probes);
  if (!statistics.real.empty()) input.spaces.push_back({"image_statistics", &statistics.real, &statistics.draws, true});
  if (const auto& only = search.shapes.spaces; !only.empty())
    std::erase_if(input.spaces, [&](const RegionSpace& space) {
      return std::find(only.begin(), only.end(), space.name) == only.end();
    });
  return search_regions(input, search);
}

}  // namespace defuse
