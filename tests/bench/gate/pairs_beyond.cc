// Beyond the test split: four rules a pool; every image that lies beyond any of them is taken out of both splits, and
// generator and probe set are made of what is left. A candidate with one of the rules planted then fails where no real
// image is. Models were trained on all data. What is planted among the seeds are those with a plausible perturbation in
// the rule's region.
#include <algorithm>
#include <utility>

#include "core/base/random.h"
#include "tests/bench/gate/pairs.h"

namespace defuse::bench {
namespace {

constexpr int kRules = 4;
constexpr double kQuantile = 0.97;
constexpr double kLeastMass = 0.0015,
                 kMostMass = 0.006;  // 3 % of a class, give or take; attributes with many equal values miss it

std::vector<Bug> draw_rules(const Source& source, const std::string& pool) {
  RandomStream random(seed_in(pool, source.name + "/" + pool + "/beyond"));
  std::vector<Bug> bugs;
  while (bugs.size() < kRules) {
    Bug bug;
    bug.rule.label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(source.class_count())));
    bug.rule.attribute = static_cast<Attribute>(random.below(kUsualAttributes));
    bug.rule.high = random.below(2) == 1;
    bug.rule.salt = random.bits();
    const auto taken = std::any_of(bugs.begin(), bugs.end(), [&](const Bug& other) {
      return other.rule.label == bug.rule.label || other.rule.attribute == bug.rule.attribute;
    });
    if (taken) continue;
    const auto values = values_of(source.train, source.train_attributes, bug.rule.label, bug.rule.attribute);
    bug.rule.threshold = threshold_at(values, bug.rule.high, kQuantile);
    bug.mass = union_mass(source, std::span(&bug, 1));
    if (bug.mass >= kLeastMass && bug.mass <= kMostMass) bugs.push_back(bug);
  }
  return bugs;
}

Result<void> open_reduced(Bench& bench, Reduced& reduced) {
  if (reduced.world) return {};
  reduced.bugs = draw_rules(bench.source, bench.pool);
  const auto keep = [&](std::int32_t label, std::span<const float> attributes) {
    return std::none_of(reduced.bugs.begin(), reduced.bugs.end(),
                        [&](const Bug& bug) { return bug.rule.label == label && bug.rule.beyond(attributes); });
  };
  const auto name = "beyond-" + bench.pool;
  TRY(source, reduce(bench.source, bench.source.name + "/" + name, bench.source.folder / name, keep));
  reduced.source = std::move(source);
  TRY(world, World::open(reduced.source, bench.world->threads()));
  reduced.world = std::move(world);
  TRY_OK(reduced.world->prepare(bench.models.regular));
  return reduced.world->prepare(bench.models.weak);
}

std::vector<std::uint32_t> seeds_reaching(const World& world, const Rule& rule) {
  std::vector<std::uint32_t> inside;
  const auto& probes = world.probes();
  const auto draws = static_cast<std::size_t>(probes.draws);
  for (std::size_t s = 0; s < probes.seeds.size(); ++s) {
    if (probes.seeds[s].label != rule.label) continue;
    bool reaches = false;
    for (std::size_t q = s * draws; q < (s + 1) * draws && !reaches; ++q)
      reaches = probes.plausible[q] != 0 && rule.beyond(world.attributes().perturbed.values.row(q));
    if (reaches) inside.push_back(static_cast<std::uint32_t>(s));
  }
  return inside;
}

}  // namespace

Result<Pair> beyond_pair(Bench& bench, Reduced& reduced, int number) {
  TRY_OK(open_reduced(bench, reduced));
  Pair pair;
  pair.info = info_of(bench, "beyond", "", number);
  World& world = *reduced.world;
  pair.world = &world;
  RandomStream random(seed_in(bench.pool, pair.info.id));
  const auto& bug = reduced.bugs[static_cast<std::size_t>(number % kRules)];
  // Rule by rule, another base for each of its pairs.
  const auto& models = bench.models.regular;
  const auto& base = models[static_cast<std::size_t>(number / kRules + number % kRules) % models.size()];
  pair.info.recipe = "logic";
  pair.info.base = base.name;
  pair.info.bugs = {bug};
  pair.info.mass = bug.mass;
  TRY(candidate, planted(world, base, pair.info.bugs));
  TRY(fitting, choose_incumbent(bench, world, base.name, test_accuracy(world, candidate), random));
  const ModelFile& incumbent = fitting != nullptr ? *fitting : bench.models.weak.front();
  pair.info.incumbent = incumbent.name;
  TRY(old_answers, honest(world, incumbent));
  TRY(health, world.health(incumbent));
  pair.incumbent = std::move(old_answers);
  pair.candidate = std::move(candidate);
  pair.health = health;
  pair.planted = {seeds_reaching(world, bug.rule)};
  return pair;
}

}  // namespace defuse::bench
