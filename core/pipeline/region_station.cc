#include "core/pipeline/region_station.h"

#include <utility>

#include "core/evaluate/evaluator.h"
#include "core/regions/distil.h"

namespace defuse {

RegionSearchSettings search_settings(const RegionSettings& settings, double alpha, int threads) {
  return {.alpha = alpha,
          .min_increase = settings.min_increase,
          .min_support = settings.min_support,
          .max_regions = settings.max_shown,
          .threads = threads};
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
  return search_regions(input, search);
}

}  // namespace defuse
