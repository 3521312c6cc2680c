#include "core/repair/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "core/base/random.h"

namespace defuse {
namespace {

constexpr std::size_t kLeastSeeds = 5;  // of the training split, for a region to be learnt from
constexpr std::uint64_t kParts = 6;
constexpr std::uint64_t kSeedSalt = 0x636f7272656374ULL;

std::vector<std::int32_t> plausible_draws(const ProbeSet& probes, std::uint32_t seed) {
  std::vector<std::int32_t> draws;
  for (std::int32_t q = 0; q < probes.draws; ++q)
    if (probes.plausible[seed * static_cast<std::size_t>(probes.draws) + static_cast<std::size_t>(q)] != 0)
      draws.push_back(q);
  return draws;
}

// The images of one seed that bear a region's evidence.
std::vector<std::int32_t> images_of(const RegionToRepair& region, const ProbeSet& probes, std::uint32_t seed) {
  std::vector<std::int32_t> images;
  if (region.evidence != RegionEvidence::generated) images.push_back(-1);
  if (region.evidence != RegionEvidence::real) {
    const auto draws = plausible_draws(probes, seed);
    images.insert(images.end(), draws.begin(), draws.end());
  }
  return images;
}

enum class Part { tuning, validation, held_out };

Part part_of(const Seed& seed, std::uint64_t salt) {
  if (seed.split == Split::test) return Part::held_out;
  return kept_for_validation(seed.index, salt) ? Part::validation : Part::tuning;
}

struct OfSeed {
  std::uint32_t seed = 0;
  std::int32_t label = 0;
  std::uint32_t region = 0;
  std::vector<std::int32_t> images;
};

// In rounds, until there are `most`.
std::vector<Sample> in_turns(const std::vector<OfSeed>& seeds, std::size_t most) {
  std::vector<Sample> samples;
  bool more = true;
  for (std::size_t round = 0; more; ++round) {
    more = false;
    for (const OfSeed& of : seeds) {
      if (round >= of.images.size() || samples.size() == most) continue;
      samples.push_back({of.seed, of.images[round], of.label, of.region});
      more = true;
    }
  }
  return samples;
}

// Every error on a generated image of a seed that may be tuned on: what is there without regions.
std::vector<OfSeed> errors_of(const ProbeSet& probes, const ProbeEvaluation& candidate, std::uint64_t salt) {
  std::vector<OfSeed> out;
  for (std::uint32_t s = 0; s < probes.seeds.size(); ++s) {
    if (part_of(probes.seeds[s], salt) != Part::tuning) continue;
    OfSeed of{s, probes.seeds[s].label, 0, {}};
    for (const std::int32_t q : plausible_draws(probes, s)) {
      const auto at = s * static_cast<std::size_t>(probes.draws) + static_cast<std::size_t>(q);
      if (candidate.perturbed[at] != of.label) of.images.push_back(q);
    }
    if (!of.images.empty()) out.push_back(std::move(of));
  }
  return out;
}

std::vector<Sample> random_draws(const ProbeSet& probes, std::uint64_t salt, std::size_t count) {
  RandomStream random(salt, kSeedSalt);
  std::vector<Sample> out;
  if (probes.seeds.empty() || probes.draws <= 0) return out;
  for (std::size_t tries = 0; out.size() < count && tries < 200 * count; ++tries) {
    const auto s = static_cast<std::uint32_t>(random.below(probes.seeds.size()));
    const auto q = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(probes.draws)));
    if (part_of(probes.seeds[s], salt) != Part::tuning) continue;
    if (probes.plausible[s * static_cast<std::size_t>(probes.draws) + static_cast<std::size_t>(q)] == 0) continue;
    out.push_back({s, q, probes.seeds[s].label, 0});
  }
  return out;
}

}  // namespace

bool kept_for_validation(std::uint32_t train_index, std::uint64_t seed) {
  return mix64(train_index ^ mix64(seed ^ kSeedSalt)) % kParts == 0;
}

DividedSamples divide(const RepairOrder& order, const ProbeSet& probes, const ProbeEvaluation& candidate,
                      std::size_t most) {
  DividedSamples out;
  std::vector<OfSeed> tuning, validation, held_out;
  std::unordered_set<std::uint32_t> taken;
  for (std::uint32_t r = 0; r < order.regions.size(); ++r) {
    const RegionToRepair& region = order.regions[r];
    std::vector<OfSeed> to_tune, to_validate, to_judge;
    for (const std::uint32_t s : region.seeds) {
      if (s >= probes.seeds.size() || taken.contains(s)) continue;
      OfSeed of{s, region.label, r, images_of(region, probes, s)};
      if (of.images.empty()) continue;
      const Part part = part_of(probes.seeds[s], order.settings.seed);
      (part == Part::tuning ? to_tune : part == Part::validation ? to_validate : to_judge).push_back(std::move(of));
    }
    if (to_tune.size() < kLeastSeeds) {
      out.left_out.push_back(
          fmt::format("region {} is left out: {} of its images come from the training split and may be "
                      "tuned on, {} are needed",
                      region.id, to_tune.size(), kLeastSeeds));
      continue;
    }
    for (auto [from, to] : {std::pair{&to_tune, &tuning}, {&to_validate, &validation}, {&to_judge, &held_out}}) {
      for (OfSeed& of : *from) {
        taken.insert(of.seed);
        to->push_back(std::move(of));
      }
    }
  }
  out.tuning = in_turns(tuning, most);
  out.validation = in_turns(validation, most);
  out.held_out = in_turns(held_out, most);
  out.errors = in_turns(errors_of(probes, candidate, order.settings.seed), most);
  out.random = random_draws(probes, order.settings.seed, std::min(most, out.tuning.size()));
  return out;
}

}  // namespace defuse
