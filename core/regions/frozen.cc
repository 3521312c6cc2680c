#include "core/regions/frozen.h"

#include <algorithm>
#include <map>
#include <utility>

namespace defuse {
namespace {

// What 95 % power needs (checks/README.md) is some 20 to 40 seeds; beyond 256 nothing is gained. Of a region that is
// not confirmed enough is kept for the day when a person calls it a bug.
struct FrozenLimits {
  std::size_t seeds;
  std::size_t bytes;
};
constexpr FrozenLimits kConfirmedLimits{256, 64UL << 20};
constexpr FrozenLimits kOtherLimits{40, 4UL << 20};
constexpr std::size_t kFrozenDraws = 5;
constexpr std::size_t kEnoughSeeds = 40;  // with fewer members, seeds just around that fail the same way are added

std::vector<float> centre_of(const Region& region, const ProbeSet& probes) {
  std::vector<float> centre(probes.codes.cols, 0.0F);
  for (const auto& member : region.members) {
    const auto row = probes.codes.row(member.seed);
    for (std::size_t k = 0; k < centre.size(); ++k) centre[k] += row[k] / static_cast<float>(region.members.size());
  }
  return centre;
}

// Seeds just around a small region that fail in its way: the incumbent is right, the candidate gives the region's wrong
// answer. At most half as many as members, so that they cannot outweigh what was confirmed. By VAE codes, whatever
// space the region was found in: its shape need not be a ball.
std::vector<std::uint32_t> seeds_around(const Region& region, const ProbeSet& probes, const ProbeEvaluation& candidate,
                                        const ProbeEvaluation* incumbent) {
  const std::size_t members = region.members.size();
  if (region.predicted_as < 0 || incumbent == nullptr || members == 0 || members >= kEnoughSeeds) return {};
  const auto centre = centre_of(region, probes);
  const auto distance = [&](std::uint32_t s) {
    double sum = 0;
    const auto row = probes.codes.row(s);
    for (std::size_t k = 0; k < centre.size(); ++k)
      sum += static_cast<double>((row[k] - centre[k]) * (row[k] - centre[k]));
    return sum;
  };
  std::vector<char> inside(probes.seeds.size(), 0);
  double reach = 0;
  for (const auto& member : region.members) {
    inside[member.seed] = 1;
    reach = std::max(reach, distance(member.seed));
  }
  std::vector<std::pair<double, std::uint32_t>> around;
  for (std::uint32_t s = 0; s < probes.seeds.size(); ++s) {
    if (inside[s] != 0 || probes.seeds[s].label != region.label || incumbent->real[s] != region.label ||
        candidate.real[s] != region.predicted_as)
      continue;
    if (const double far = distance(s); far <= reach) around.emplace_back(far, s);
  }
  std::sort(around.begin(), around.end());
  around.resize(std::min({around.size(), members / 2, kEnoughSeeds - members}));
  std::vector<std::uint32_t> seeds;
  for (const auto& [_, s] : around) seeds.push_back(s);
  return seeds;
}

std::vector<int> plausible_draws(const ProbeSet& probes, std::uint32_t seed) {
  std::vector<int> draws;
  for (int q = 0; q < probes.draws; ++q) {
    if (probes.plausible[seed * static_cast<std::size_t>(probes.draws) + static_cast<std::size_t>(q)] != 0)
      draws.push_back(q);
  }
  return draws;
}

// At most kFrozenDraws of a seed's, spread over all of them and beginning elsewhere for every seed: draws cycle through
// moves, and the first few would leave out the moves that reach furthest.
void add_some(const std::vector<int>& draws, std::size_t turn, std::vector<int>& images) {
  const std::size_t taken = std::min(draws.size(), kFrozenDraws);
  for (std::size_t k = 0; k < taken; ++k) images.push_back(draws[(turn + k * draws.size() / taken) % draws.size()]);
}

// In rounds, until there are `most`.
std::vector<FrozenImage> in_turns(const std::vector<std::uint32_t>& seeds, const std::vector<std::vector<int>>& images,
                                  std::size_t most) {
  std::vector<FrozenImage> chosen;
  bool more = true;
  for (std::size_t round = 0; more; ++round) {
    more = false;
    for (std::size_t i = 0; i < seeds.size() && chosen.size() < most; ++i) {
      if (round >= images[i].size()) continue;
      chosen.push_back({seeds[i], images[i][round]});
      more = true;
    }
  }
  return chosen;
}

}  // namespace

std::vector<std::vector<int>> draws_inside(const Region& region, const ProbeSet& probes) {
  const auto draws = static_cast<std::uint32_t>(std::max(1, probes.draws));
  std::map<std::uint32_t, std::vector<int>> by_seed;
  for (const auto at : region.draws) by_seed[at / draws].push_back(static_cast<int>(at % draws));
  std::vector<std::vector<int>> inside;
  for (const auto& member : region.members)
    inside.push_back(region.draws.empty() ? plausible_draws(probes, member.seed) : by_seed[member.seed]);
  return inside;
}

std::vector<FrozenImage> choose_frozen(const Region& region, const ProbeSet& probes, const ProbeEvaluation& candidate,
                                       const ProbeEvaluation* incumbent, std::size_t pixels) {
  const bool confirmed = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
  const FrozenLimits& limits = confirmed ? kConfirmedLimits : kOtherLimits;
  // A merged region counts "both" kinds, but one of generated images by themselves says nothing of its seeds' own
  // images.
  const bool real = region.evidence != RegionEvidence::generated && region.draws.empty();
  const bool generated = region.evidence != RegionEvidence::real;
  std::vector<std::uint32_t> seeds;
  for (const auto& member : region.members) seeds.push_back(member.seed);
  auto inside = draws_inside(region, probes);
  if (real) {
    for (const auto s : seeds_around(region, probes, candidate, incumbent)) {
      seeds.push_back(s);
      inside.push_back(plausible_draws(probes, s));
    }
  }
  seeds.resize(std::min(seeds.size(), limits.seeds));

  std::vector<std::vector<int>> images(seeds.size());
  bool any = false;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (real) images[i].push_back(-1);
    if (generated) add_some(inside[i], i, images[i]);
    any = any || !images[i].empty();
  }
  if (!any)
    for (auto& of_seed : images) of_seed.push_back(-1);
  return in_turns(seeds, images, std::max<std::size_t>(1, limits.bytes / (pixels * sizeof(float))));
}

}  // namespace defuse
