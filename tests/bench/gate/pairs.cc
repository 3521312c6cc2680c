#include "tests/bench/gate/pairs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/base/random.h"
#include "core/evidence/predictions.h"

namespace defuse::bench {
namespace {

constexpr int kTries = 200;  // draws of bugs before the nearest to the band is taken
constexpr double kLeastStrength = 0.4;

template <class T>
void shuffle(std::vector<T>& values, RandomStream& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

// One rule whose region holds about `wanted` test images.
Bug draw_bug(const Source& source, Draw which, std::size_t wanted, RandomStream& random) {
  Bug bug;
  bug.rule.label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(source.class_count())));
  bug.rule.attribute =
      static_cast<Attribute>(which == Draw::usual ? random.below(kUsualAttributes)
                                                  : kUsualAttributes + random.below(kAttributes - kUsualAttributes));
  bug.rule.high = random.below(2) == 1;
  bug.rule.strength = kLeastStrength + (1 - kLeastStrength) * random.uniform();
  bug.rule.salt = random.bits();
  const auto train = values_of(source.train, source.train_attributes, bug.rule.label, bug.rule.attribute);
  const auto test = values_of(source.test, source.test_attributes, bug.rule.label, bug.rule.attribute);
  const auto found = threshold_for(train, test, bug.rule.high, wanted);
  bug.rule.threshold = found.value;
  bug.mass = static_cast<double>(found.found) / static_cast<double>(source.test.size());
  return bug;
}

// Seeds on which the candidate is given the right answer, so that it is no worse than the incumbent overall.
std::vector<std::uint8_t> draw_gains(const World& world, const ProbeEvaluation& candidate, std::span<const Bug> bugs,
                                     double wanted, std::uint64_t salt, double& share) {
  const auto& seeds = world.probes().seeds;
  const auto eligible = [&](std::size_t s) {
    if (candidate.real[s] == seeds[s].label) return false;
    return std::none_of(bugs.begin(), bugs.end(), [&](const Bug& bug) {
      return bug.rule.label == seeds[s].label && bug.rule.beyond(world.attributes().real.values.row(s));
    });
  };
  const auto draw = [&](std::size_t s) {
    const auto hash = static_cast<std::uint32_t>(world.attributes().real.hashes[s]);
    return static_cast<double>(mix64(hash ^ salt) >> 11) * 0x1.0p-53;
  };
  std::vector<double> draws;  // of eligible test images
  for (std::size_t s = 0; s < world.test_size(); ++s)
    if (eligible(s)) draws.push_back(draw(s));
  std::sort(draws.begin(), draws.end());
  const auto needed = std::min(draws.size(), static_cast<std::size_t>(std::ceil(wanted)));
  share = draws.empty() ? 0 : static_cast<double>(needed) / static_cast<double>(draws.size());
  const double limit = needed == 0 ? -1 : draws[needed - 1];
  std::vector<std::uint8_t> gains(seeds.size(), 0);
  for (std::size_t s = 0; s < seeds.size(); ++s) gains[s] = eligible(s) && draw(s) <= limit ? 1 : 0;
  return gains;
}

}  // namespace

Result<Bench> open_bench(const std::string& source, const std::string& pool, const std::filesystem::path& work,
                         int threads) {
  Bench bench;
  TRY(opened, open_source(source, work));
  bench.source = std::move(opened);
  bench.pool = pool;
  TRY(models, train_pool(bench.source, pool));
  bench.models = std::move(models);
  TRY(world, World::open(bench.source, threads));
  bench.world = std::move(world);
  TRY_OK(bench.world->prepare(bench.models.regular));
  TRY_OK(bench.world->prepare(bench.models.weak));
  return bench;
}

std::string pair_id(const Bench& bench, const std::string& kind, const std::string& band, int number) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%04d", number);
  return bench.source.name + "/" + bench.pool + "/" + kind + "/" + (band.empty() ? "" : band + "/") + digits;
}

PairInfo info_of(const Bench& bench, const std::string& kind, const std::string& band, int number) {
  PairInfo info;
  info.id = pair_id(bench, kind, band, number);
  info.source = bench.source.name;
  info.pool = bench.pool;
  info.kind = kind;
  info.band = band;
  return info;
}

int most_pairs(const Bench& bench, const std::string& kind) {
  const auto regular = static_cast<int>(bench.models.regular.size());
  if (kind == "null") return regular * (regular - 1);
  if (kind == "beyond") return 12;
  return 0;
}

Drawn draw_bugs(const Source& source, Draw which, double low, double high, int count, RandomStream& random) {
  Drawn best;
  double best_miss = 1e9;
  const double n = static_cast<double>(source.test.size());
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const double mass = low * std::pow(high / low, random.uniform());
    Drawn drawn;
    for (int b = 0; b < count; ++b) {
      const auto wanted = std::max(1.0, std::round(mass * n / count));
      drawn.bugs.push_back(draw_bug(source, which, static_cast<std::size_t>(wanted), random));
    }
    drawn.mass = union_mass(source, drawn.bugs);
    const bool every = std::all_of(drawn.bugs.begin(), drawn.bugs.end(), [](const Bug& b) { return b.mass > 0; });
    const double miss = !every ? 1e6 : drawn.mass < low ? low - drawn.mass : std::max(0.0, drawn.mass - high);
    if (miss < best_miss) {
      best = drawn;
      best_miss = miss;
    }
    if (miss <= 0) break;
  }
  return best;
}

double union_mass(const Source& source, std::span<const Bug> bugs) {
  std::size_t inside = 0;
  for (std::size_t i = 0; i < source.test.size(); ++i)
    inside += std::any_of(bugs.begin(), bugs.end(), [&](const Bug& bug) {
      return bug.rule.label == source.test.labels[i] && bug.rule.beyond(source.test_attributes.values.row(i));
    });
  return static_cast<double>(inside) / static_cast<double>(source.test.size());
}

std::vector<std::uint32_t> seeds_in(const World& world, const Rule& rule) {
  std::vector<std::uint32_t> inside;
  const auto& seeds = world.probes().seeds;
  for (std::size_t s = 0; s < seeds.size(); ++s)
    if (seeds[s].label == rule.label && rule.beyond(world.attributes().real.values.row(s)))
      inside.push_back(static_cast<std::uint32_t>(s));
  return inside;
}

std::vector<Rule> rules_of(std::span<const Bug> bugs) {
  std::vector<Rule> rules;
  for (const auto& bug : bugs) rules.push_back(bug.rule);
  return rules;
}

double test_accuracy(const World& world, const ProbeEvaluation& answers) {
  std::size_t right = 0;
  for (std::size_t s = 0; s < world.test_size(); ++s) right += answers.real[s] == world.probes().seeds[s].label;
  return static_cast<double>(right) / static_cast<double>(world.test_size());
}

Result<double> honest_accuracy(World& world, const ModelFile& model) {
  TRY(base, world.answers(model));
  std::size_t right = 0;
  for (std::size_t s = 0; s < world.test_size(); ++s)
    right += predicted_class(base->real.row(s)) == world.probes().seeds[s].label;
  return static_cast<double>(right) / static_cast<double>(world.test_size());
}

Result<ProbeEvaluation> honest(World& world, const ModelFile& model) { return planted(world, model, {}); }

Result<ProbeEvaluation> planted(World& world, const ModelFile& model, std::span<const Bug> bugs) {
  TRY(base, world.answers(model));
  return compose(world.probes(), *base, world.attributes(), rules_of(bugs), {});
}

Result<const ModelFile*> choose_incumbent(Bench& bench, World& world, const std::string& base, double accuracy,
                                          RandomStream& random) {
  for (const auto* group : {&bench.models.regular, &bench.models.weak}) {
    std::vector<const ModelFile*> fitting;
    for (const auto& model : *group) {
      if (model.name == base) continue;
      TRY(own, honest_accuracy(world, model));
      if (own <= accuracy) fitting.push_back(&model);
    }
    if (!fitting.empty()) return fitting[random.below(fitting.size())];
  }
  return nullptr;
}

Result<Pair> null_pair(Bench& bench, int number) {
  const auto& models = bench.models.regular;
  std::vector<std::pair<std::size_t, std::size_t>> ordered;
  for (std::size_t i = 0; i < models.size(); ++i)
    for (std::size_t j = 0; j < models.size(); ++j)
      if (i != j) ordered.emplace_back(i, j);
  RandomStream random(seed_in(bench.pool, bench.source.name + "/" + bench.pool + "/null"));
  shuffle(ordered, random);
  const auto [old_model, new_model] = ordered[static_cast<std::size_t>(number) % ordered.size()];
  Pair pair;
  pair.info = info_of(bench, "null", "", number);
  pair.info.recipe = "retrain";
  pair.info.base = models[new_model].name;
  pair.info.incumbent = models[old_model].name;
  pair.world = bench.world.get();
  TRY(incumbent, honest(*bench.world, models[old_model]));
  TRY(candidate, honest(*bench.world, models[new_model]));
  TRY(health, bench.world->health(models[old_model]));
  pair.incumbent = std::move(incumbent);
  pair.candidate = std::move(candidate);
  pair.health = health;
  return pair;
}

Result<Pair> logic_pair(Bench& bench, const std::string& kind, const Band& band, int number) {
  Pair pair;
  pair.info = info_of(bench, kind, band.name, number);
  pair.info.recipe = "logic";
  RandomStream random(seed_in(bench.pool, pair.info.id));
  World& world = *bench.world;
  pair.world = &world;
  const auto& base = bench.models.regular[random.below(bench.models.regular.size())];
  pair.info.base = base.name;
  const double share = random.uniform();
  auto drawn = draw_bugs(bench.source, kind == "unseen" ? Draw::unseen : Draw::usual, band.low, band.high,
                         share < 0.6    ? 1
                         : share < 0.85 ? 2
                                        : 3,
                         random);
  pair.info.bugs = std::move(drawn.bugs);
  pair.info.mass = drawn.mass;
  TRY(candidate, planted(world, base, pair.info.bugs));
  TRY(fitting, choose_incumbent(bench, world, base.name, test_accuracy(world, candidate), random));
  const ModelFile* incumbent = fitting != nullptr ? fitting : &bench.models.weak.front();
  TRY(old_answers, honest(world, *incumbent));
  if (fitting == nullptr) {
    const double behind = test_accuracy(world, old_answers) - test_accuracy(world, candidate);
    const auto gains =
        draw_gains(world, candidate, pair.info.bugs, std::round(behind * static_cast<double>(world.test_size())),
                   random.bits(), pair.info.gains);
    TRY(own, world.answers(base));
    candidate = compose(world.probes(), *own, world.attributes(), rules_of(pair.info.bugs), gains);
  }
  pair.info.incumbent = incumbent->name;
  TRY(health, world.health(*incumbent));
  pair.health = health;
  pair.incumbent = std::move(old_answers);
  pair.candidate = std::move(candidate);
  for (const auto& bug : pair.info.bugs) pair.planted.push_back(seeds_in(world, bug.rule));
  return pair;
}

}  // namespace defuse::bench
