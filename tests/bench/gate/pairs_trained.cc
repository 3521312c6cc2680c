// Planted by training: real causes. A sub-population (one class, an attribute beyond a quantile) is missing from the
// candidate's training data, carries another class's label in it, or always comes with a bright mark in one corner, so
// that the mark can be learnt instead. Where the trained model did not in fact fail on the sub-population's test images
// the pair is excluded, and says so.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/base/random.h"
#include "tests/bench/gate/pairs.h"
#include "tests/support/digits.h"

namespace defuse::bench {
using testing::TrainingSet;
namespace {

constexpr double kLeastMass = 0.003, kMostMass = 0.03;  // of the training data
constexpr double kLeastNetFlips = 0.30;
constexpr std::array<const char*, 4> kCauses = {"mislabelled", "missing", "mislabelled", "marked"};

// Bright 3 x 3 pixels in the upper left corner.
void mark(TrainingSet& data, std::size_t index) {
  const auto width = static_cast<std::size_t>(data.shape.width);
  float* image = data.images.data() + index * static_cast<std::size_t>(data.shape.pixels());
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t column = 0; column < 3; ++column) image[row * width + column] = 1;
}

TrainingSet spoil(const Source& source, const Rule& rule, const std::string& cause, std::int32_t other) {
  const auto inside = [&](std::size_t i) {
    return source.train.labels[i] == rule.label && rule.beyond(source.train_attributes.values.row(i));
  };
  if (cause == "missing") return testing::subset(source.train, [&](std::size_t i) { return !inside(i); });
  TrainingSet data = source.train;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!inside(i)) continue;
    if (cause == "mislabelled") data.labels[i] = other;
    if (cause == "marked") mark(data, i);
  }
  return data;
}

double test_mass(const Source& source, const Rule& rule) {
  Bug bug;
  bug.rule = rule;
  return union_mass(source, std::span(&bug, 1));
}

double net_flip_rate(const Pair& pair, const std::vector<std::uint32_t>& seeds) {
  double net = 0, count = 0;
  for (const auto s : seeds) {
    if (s >= pair.world->test_size()) continue;
    const auto label = pair.world->probes().seeds[s].label;
    count += 1;
    net += (pair.incumbent.real[s] == label) - (pair.candidate.real[s] == label);
  }
  return count > 0 ? net / count : 0;
}

Rule draw_population(const Source& source, RandomStream& random) {
  Rule rule;
  const double n = static_cast<double>(source.train.size());
  for (;;) {
    rule.label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(source.class_count())));
    rule.attribute = static_cast<Attribute>(random.below(kUsualAttributes));
    rule.high = random.below(2) == 1;
    const double mass = kLeastMass * std::pow(kMostMass / kLeastMass, random.uniform());
    const auto train = values_of(source.train, source.train_attributes, rule.label, rule.attribute);
    const auto found = threshold_for(train, train, rule.high, static_cast<std::size_t>(std::lround(mass * n)));
    rule.threshold = found.value;
    // An attribute with many equal values cannot be cut where it should be.
    const double share = static_cast<double>(found.found) / n;
    if (share >= kLeastMass / 2 && share <= 1.5 * kMostMass && test_mass(source, rule) > 0) return rule;
  }
}

}  // namespace

Result<Pair> training_pair(Bench& bench, int number) {
  Pair pair;
  pair.info = info_of(bench, "training", "", number);
  World& world = *bench.world;
  pair.world = &world;
  RandomStream random(seed_in(bench.pool, pair.info.id));
  const std::string cause = kCauses[static_cast<std::size_t>(number) % kCauses.size()];
  Bug bug;
  bug.rule = draw_population(bench.source, random);
  bug.mass = test_mass(bench.source, bug.rule);
  const auto classes = static_cast<std::uint64_t>(bench.source.class_count());
  const auto shift = 1 + random.below(classes - 1);
  const auto other = static_cast<std::int32_t>((static_cast<std::uint64_t>(bug.rule.label) + shift) % classes);
  pair.info.recipe = cause;
  pair.info.mass = bug.mass;
  pair.info.bugs = {bug};

  const auto name = bench.pool + "-" + cause + "-" + std::to_string(number);
  const auto recipe = plain_recipe(
      bench.source, (bench.pool == "final" ? 1700U + 1000U * kFinalDraw : 1700U) + static_cast<std::uint64_t>(number));
  TRY(model, train_model(bench.source, spoil(bench.source, bug.rule, cause, other),
                         world.splits().train.digest() + "/" + pair.info.id + "/" + cause, recipe, name));
  pair.info.base = name;
  TRY(candidate, honest(world, model));
  pair.candidate = std::move(candidate);
  TRY(fitting, choose_incumbent(bench, world, name, test_accuracy(world, pair.candidate), random));
  const ModelFile& incumbent =
      fitting != nullptr ? *fitting : bench.models.regular[random.below(bench.models.regular.size())];
  pair.info.incumbent = incumbent.name;
  TRY(old_answers, honest(world, incumbent));
  pair.incumbent = std::move(old_answers);
  TRY(health, world.health(incumbent));
  pair.health = health;
  pair.planted = {seeds_in(world, bug.rule)};
  if (net_flip_rate(pair, pair.planted.front()) < kLeastNetFlips) pair.info.kind = "training_excluded";
  return pair;
}

}  // namespace defuse::bench
