// The pairs (incumbent, candidate) of the benchmark, drawn by seed, each with its truth: which seeds lie in the planted
// bug. A pair is a pure function of its id and of the pool's models. Not thread-safe (the world caches).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/evidence/evaluation.h"
#include "tests/bench/gate/gate_column.h"
#include "tests/bench/gate/world.h"

namespace defuse::bench {

// One source and pool, ready to make pairs from.
struct Bench {
  Source source;
  std::string pool;  // "tuning" or "final"
  ModelPool models;
  std::unique_ptr<World> world;
};
Result<Bench> open_bench(const std::string& source, const std::string& pool, const std::filesystem::path& work,
                         int threads);

struct Bug {
  Rule rule;
  double mass = 0;  // share of the (original) test split that lies beyond
};

struct PairInfo {
  std::string id, source, pool, kind, band, recipe;
  std::string base, incumbent;  // model names
  std::vector<Bug> bugs;
  double mass = 0;   // of the union
  double gains = 0;  // share of the base's other errors that the candidate was given right
};

struct Pair {
  PairInfo info;
  World* world = nullptr;
  GeneratorHealth health;
  ProbeEvaluation incumbent, candidate;
  std::vector<std::vector<std::uint32_t>> planted;  // seeds in each bug, ascending; empty for null pairs
  bool reopened = false;
  KnownRegion known;  // what the earlier candidate left behind, answered by this pair
  std::vector<std::uint32_t> known_members;
  bool known_confirmed = false;  // the earlier search confirmed the region; else a person would have had to
};

struct Band {
  const char* name;
  double low, high;  // shares of the test split
};
inline constexpr Band kBands[] = {{"0.5-2", 0.005, 0.02}, {"0.2-0.5", 0.002, 0.005}, {"0.05-0.2", 0.0005, 0.002}};

// "synthetic/final/logic/0.2-0.5/0017"
std::string pair_id(const Bench& bench, const std::string& kind, const std::string& band, int number);

// How many pairs there can be of a kind that does not draw freely; 0 = any number.
int most_pairs(const Bench& bench, const std::string& kind);

Result<Pair> null_pair(Bench& bench, int number);
// `kind` is "logic", or "unseen" for bugs that depend on an attribute which the product does not measure.
Result<Pair> logic_pair(Bench& bench, const std::string& kind, const Band& band, int number);
// pairs_trained.cc: models are trained for it.
Result<Pair> training_pair(Bench& bench, int number);
// pairs_beyond.cc: generator and probe set are those of a reduced source, opened on first use into `reduced`.
struct Reduced {
  Source source;
  std::vector<Bug> bugs;
  std::unique_ptr<World> world;
};
Result<Pair> beyond_pair(Bench& bench, Reduced& reduced, int number);
// pairs_reopened.cc
Result<Pair> reopened_pair(Bench& bench, int number);

// Shared by the above.
struct Drawn {
  std::vector<Bug> bugs;
  double mass = 0;
};
enum class Draw { usual, unseen };
Drawn draw_bugs(const Source& source, Draw which, double low, double high, int count, RandomStream& random);
PairInfo info_of(const Bench& bench, const std::string& kind, const std::string& band, int number);
// Share of the test split beyond any of the bugs.
double union_mass(const Source& source, std::span<const Bug> bugs);
std::vector<std::uint32_t> seeds_in(const World& world, const Rule& rule);
std::vector<Rule> rules_of(std::span<const Bug> bugs);
double test_accuracy(const World& world, const ProbeEvaluation& answers);
Result<double> honest_accuracy(World& world, const ModelFile& model);
Result<ProbeEvaluation> honest(World& world, const ModelFile& model);
Result<ProbeEvaluation> planted(World& world, const ModelFile& model, std::span<const Bug> bugs);
// The incumbent a planted candidate is not worse than: another regular model if one fits, else a weak one; null if none
// fits.
Result<const ModelFile*> choose_incumbent(Bench& bench, World& world, const std::string& base, double accuracy,
                                          RandomStream& random);

}  // namespace defuse::bench
