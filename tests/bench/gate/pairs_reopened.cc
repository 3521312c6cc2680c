// Reopened: a first candidate has a bug; what the gate's search finds of it is frozen as the product freezes a known
// region; a second candidate, of another base, has the same bug. The known_regions check is asked about the second one,
// beside a search from anew.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "core/base/random.h"
#include "tests/bench/gate/pairs.h"
#include "tests/bench/gate/rows.h"

namespace defuse::bench {
namespace {

constexpr double kLeastMass = 0.001, kMostMass = 0.01;

std::vector<std::uint32_t> members_of(const Region& region) {
  std::vector<std::uint32_t> members;
  for (const auto& member : region.members) members.push_back(member.seed);
  std::sort(members.begin(), members.end());
  return members;
}

double jaccard(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> shared;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(shared));
  const auto all = a.size() + b.size() - shared.size();
  return all == 0 ? 0 : static_cast<double>(shared.size()) / static_cast<double>(all);
}

// Confirmed regions before suspected ones, and among equals the one that shows most of the bug. Null if none shows any
// of it.
const Region* region_of(const std::vector<Region>& regions, const std::vector<std::uint32_t>& planted) {
  for (const bool confirmed : {true, false}) {
    const Region* best = nullptr;
    double most = 0;
    for (const auto& region : regions) {
      const bool worse = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
      if (confirmed ? !worse : region.status != RegionStatus::suspected) continue;
      const double overlap = jaccard(members_of(region), planted);
      if (overlap <= most) continue;
      most = overlap;
      best = &region;
    }
    if (best != nullptr) return best;
  }
  return nullptr;
}

// Draws from the tries of one stream until the mass is in range.
Bug draw_known(const Source& source, RandomStream& random) {
  const auto drawn = draw_bugs(source, Draw::usual, kLeastMass, kMostMass, 1, random);
  return drawn.bugs.front();
}

}  // namespace

Result<Pair> reopened_pair(Bench& bench, int number) {
  Pair pair;
  pair.info = info_of(bench, "reopened", "", number);
  World& world = *bench.world;
  pair.world = &world;
  RandomStream random(seed_in(bench.pool, pair.info.id));
  const auto& models = bench.models.regular;
  const auto first = random.below(models.size());
  const auto second = (first + 1 + random.below(models.size() - 1)) % models.size();
  const auto bug = draw_known(bench.source, random);
  pair.info.recipe = "logic";
  pair.info.bugs = {bug};
  pair.info.mass = bug.mass;
  pair.info.base = models[second].name;
  pair.planted = {seeds_in(world, bug.rule)};

  TRY(earlier, planted(world, models[first], pair.info.bugs));
  TRY(candidate, planted(world, models[second], pair.info.bugs));
  TRY(fitting, choose_incumbent(bench, world, models[second].name, test_accuracy(world, candidate), random));
  const ModelFile& incumbent = fitting != nullptr ? *fitting : bench.models.weak.front();
  pair.info.incumbent = incumbent.name;
  TRY(old_answers, honest(world, incumbent));
  TRY(health, world.health(incumbent));
  pair.incumbent = std::move(old_answers);
  pair.candidate = std::move(candidate);
  pair.health = health;

  const GatePair first_gate{world, pair.incumbent, earlier, pair.health};
  TRY(found, judge(first_gate));
  const Region* region = region_of(found.regions, pair.planted.front());
  if (region == nullptr) {
    pair.info.kind = "reopened_unknown";
    return pair;
  }
  pair.reopened = true;
  pair.known_members = members_of(*region);
  pair.known_confirmed = region->status != RegionStatus::suspected;
  pair.known = freeze(*region, first_gate, pair.candidate);
  return pair;
}

}  // namespace defuse::bench
