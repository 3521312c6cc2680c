// gate-plausibility: do generated images show the label they are given, and do they reach where no real image is?
// Takes the extreme 3 % of one attribute of four classes out of the data, trains a generator on the rest, draws each
// move of the code from the seeds left, and counts (a) plausible draws on which an ensemble that saw all data agrees
// with the seed's label, and (b) those of the four classes that lie beyond the removed quantile, as measured on the
// decoded image. Prints one row per move. Not a test: nothing is asserted. Single-threaded but for the generator.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/evidence/noise.h"
#include "core/evidence/predictions.h"
#include "core/generator/generator.h"
#include "core/mixture/neighbours.h"
#include "core/torch/model.h"
#include "tests/bench/gate/glyphs.h"
#include "tests/bench/gate/sources.h"
#include "tests/support/memory_dataset.h"

namespace defuse::bench {
namespace {

namespace fs = std::filesystem;
using testing::TrainingSet;

struct Arguments {
  std::string source = "digits";
  fs::path work = "plausibility";
  GeneratorSettings generator;
  std::size_t train = 20000;  // training images at most
  std::size_t seeds = 500;    // of a rule's class at most
  int draws = 2;              // of every move, per seed
  int oracles = 3;
  int threads = 1;
};

// Images of a class beyond a quantile of an attribute: what the generator must never have seen.
struct Rule {
  std::int32_t label;
  Attribute attribute;
  bool high;
  float limit = 0;
  bool beyond(std::span<const float> attributes) const {
    const float value = attributes[static_cast<std::size_t>(attribute)];
    return high ? value > limit : value < limit;
  }
};

constexpr double kRemoved = 0.03;
constexpr int kAsked = 20;
constexpr int kNeeded = 18;

TrainingSet first(const TrainingSet& data, std::size_t count) {
  TrainingSet out{data.shape, data.images, data.labels};
  if (data.size() <= count) return out;
  out.labels.resize(count);
  out.images.resize(count * static_cast<std::size_t>(data.shape.pixels()));
  return out;
}

TrainingSet joined(const TrainingSet& a, const TrainingSet& b) {
  TrainingSet out = a;
  out.images.insert(out.images.end(), b.images.begin(), b.images.end());
  out.labels.insert(out.labels.end(), b.labels.begin(), b.labels.end());
  return out;
}

std::vector<Rule> rules_for(const TrainingSet& train, const AttributeTable& table) {
  std::vector<Rule> rules = {
      {6, Attribute::ink, false}, {7, Attribute::slant, true}, {4, Attribute::slant, false}, {3, Attribute::ink, true}};
  const auto classes = *std::max_element(train.labels.begin(), train.labels.end()) + 1;
  for (auto& rule : rules) {
    rule.label %= classes;
    auto values = values_of(train, table, rule.label, rule.attribute);
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    rule.limit = values[static_cast<std::size_t>(std::lround(last * (rule.high ? 1 - kRemoved : kRemoved)))];
  }
  return rules;
}

TrainingSet without(const TrainingSet& data, const AttributeTable& table, const std::vector<Rule>& rules) {
  const auto pixels = static_cast<std::size_t>(data.shape.pixels());
  TrainingSet out{data.shape, {}, {}};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool removed = std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
      return rule.label == data.labels[i] && rule.beyond(table.values.row(i));
    });
    if (removed) continue;
    const auto begin = data.images.begin() + static_cast<std::ptrdiff_t>(i * pixels);
    out.images.insert(out.images.end(), begin, begin + static_cast<std::ptrdiff_t>(pixels));
    out.labels.push_back(data.labels[i]);
  }
  return out;
}

// Classifiers that saw everything; what most of them say is taken as what an image shows.
class Oracle {
 public:
  static Result<Oracle> train(const TrainingSet& data, const Source& source, const Arguments& arguments) {
    Oracle oracle;
    for (int i = 0; i < arguments.oracles; ++i) {
      const auto file = arguments.work / ("oracle-" + source.name + "-" + std::to_string(i) + ".pt");
      if (!fs::exists(file)) {
        const testing::CnnRecipe recipe{.classes = source.class_count(),
                                        .epochs = source.epochs + 2,
                                        .width = 16,
                                        .seed = static_cast<std::uint64_t>(100 + i)};
        TRY_OK(testing::train_and_save(data, recipe, file));
      }
      TRY(net, TorchModel::load(file, source.input, {1, "cpu"}));
      oracle.nets_.push_back(std::move(net));
    }
    return oracle;
  }

  // [n] the class of the largest mean probability.
  Result<std::vector<std::int32_t>> ask(std::span<const float> images, std::size_t n) const {
    Matrix sums;
    for (const auto& net : nets_) {
      TRY(output, net.run(images, n, false));
      if (sums.empty()) sums = Matrix(n, output.logits.cols);
      for (std::size_t i = 0; i < n; ++i) {
        const auto row = output.logits.row(i);
        const float largest = *std::max_element(row.begin(), row.end());
        double total = 0;
        for (const float value : row) total += std::exp(static_cast<double>(value - largest));
        for (std::size_t c = 0; c < row.size(); ++c)
          sums.row(i)[c] += std::exp(row[c] - largest) / static_cast<float>(total);
      }
    }
    std::vector<std::int32_t> says(n);
    for (std::size_t i = 0; i < n; ++i) says[i] = predicted_class(sums.row(i));
    return says;
  }

 private:
  std::vector<TorchModel> nets_;
};

// Codes of one class: mean, principal axes, and how far apart neighbours are.
struct ClassCodes {
  std::vector<float> mean;
  std::vector<std::vector<double>> axes;  // unit, by falling variance
  std::vector<double> deviations;
  std::vector<std::size_t> rows;
  double gap = 0;  // 95 % quantile of the distance from a code to the nearest other one
};

double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    const double difference = static_cast<double>(a[j]) - static_cast<double>(b[j]);
    sum += difference * difference;
  }
  return sum;
}

double nearest(const Matrix& codes, const ClassCodes& own, std::span<const float> z, std::size_t except) {
  double best = 1e300;
  for (const auto row : own.rows)
    if (row != except) best = std::min(best, squared_distance(codes.row(row), z));
  return std::sqrt(best);
}

// Leading eigenvectors by power iteration with deflation: precise enough for directions to push along.
void find_axes(const Matrix& codes, ClassCodes& own) {
  const std::size_t d = codes.cols;
  std::vector<double> covariance(d * d);
  for (const auto row : own.rows)
    for (std::size_t a = 0; a < d; ++a)
      for (std::size_t b = 0; b < d; ++b)
        covariance[a * d + b] += static_cast<double>(codes.row(row)[a] - own.mean[a]) *
                                 static_cast<double>(codes.row(row)[b] - own.mean[b]) /
                                 static_cast<double>(own.rows.size());
  for (std::size_t k = 0; k < std::min<std::size_t>(d, 8); ++k) {
    RandomStream random(k, 77);
    std::vector<double> axis(d), next(d);
    for (auto& value : axis) value = random.normal();
    double norm = 0;
    for (int round = 0; round < 200; ++round) {
      norm = 0;
      for (std::size_t a = 0; a < d; ++a) {
        next[a] = 0;
        for (std::size_t b = 0; b < d; ++b) next[a] += covariance[a * d + b] * axis[b];
        norm += next[a] * next[a];
      }
      norm = std::sqrt(std::max(norm, 1e-30));
      for (std::size_t a = 0; a < d; ++a) axis[a] = next[a] / norm;
    }
    for (std::size_t a = 0; a < d; ++a)
      for (std::size_t b = 0; b < d; ++b) covariance[a * d + b] -= norm * axis[a] * axis[b];
    own.deviations.push_back(std::sqrt(norm));
    own.axes.push_back(axis);
  }
}

std::map<std::int32_t, ClassCodes> classes_of(const Matrix& codes, const std::vector<std::int32_t>& labels) {
  std::map<std::int32_t, ClassCodes> all;
  for (std::size_t i = 0; i < codes.rows; ++i) all[labels[i]].rows.push_back(i);
  for (auto& [label, own] : all) {
    own.mean.assign(codes.cols, 0);
    for (const auto row : own.rows)
      for (std::size_t j = 0; j < codes.cols; ++j)
        own.mean[j] += codes.row(row)[j] / static_cast<float>(own.rows.size());
    find_axes(codes, own);
    std::vector<double> gaps;
    for (std::size_t i = 0; i < own.rows.size(); i += 1 + own.rows.size() / 200)
      gaps.push_back(nearest(codes, own, codes.row(own.rows[i]), own.rows[i]));
    std::sort(gaps.begin(), gaps.end());
    own.gap = gaps[gaps.size() * 95 / 100];
  }
  return all;
}

// A move under trial: writes the moved code, false where it does not apply to this seed.
struct Trial {
  std::string name;
  std::function<bool(std::span<const float> z, const ClassCodes&, RandomStream&, int draw, std::span<float> out)> make;
};

Trial stretch(double by, double noise) {
  char name[64];
  std::snprintf(name, sizeof name, by > 1 ? "m + %.1f (z - m) + N(0, %.2f^2)" : "z + N(0, %.2f^2)", by > 1 ? by : noise,
                noise);
  return {name, [by, noise](auto z, const ClassCodes& own, RandomStream& random, int, auto out) {
            make_move({.stretch = by, .spread = 1}, NoiseMode::gaussian, noise, random, z, own.mean, {}, out);
            return true;
          }};
}

// Pushes a seed along the axes of its class on which it already lies beyond `from` deviations: further to `by` times
// its score. Draw q takes the q-th such axis.
Trial tail(double from, double by, double noise) {
  char name[64];
  std::snprintf(name, sizeof name, "tail axis, from %.1f sd, x %.1f", from, by);
  return {name, [=](std::span<const float> z, const ClassCodes& own, RandomStream& random, int draw, auto out) {
            std::vector<std::pair<double, std::size_t>> beyond;
            for (std::size_t k = 0; k < own.axes.size(); ++k) {
              double score = 0;
              for (std::size_t j = 0; j < z.size(); ++j)
                score += static_cast<double>(z[j] - own.mean[j]) * own.axes[k][j];
              if (std::abs(score) > from * own.deviations[k]) beyond.emplace_back(score, k);
            }
            if (beyond.empty()) return false;
            const auto& [score, k] = beyond[static_cast<std::size_t>(draw) % beyond.size()];
            std::vector<float> moved(z.begin(), z.end());
            for (std::size_t j = 0; j < z.size(); ++j)
              moved[j] += static_cast<float>((by - 1) * score * own.axes[k][j]);
            add_noise(NoiseMode::gaussian, noise, random, moved, out);
            return true;
          }};
}

std::vector<Trial> trials() {
  return {stretch(1, 0),       stretch(1, 0.3),     stretch(1, 0.5),    stretch(1.3, 0.2),
          stretch(1.6, 0.2),   stretch(2.0, 0.2),   stretch(2.5, 0.2),  stretch(1.6, 0.4),
          tail(1.5, 1.5, 0.2), tail(1.5, 2.0, 0.2), tail(1.0, 2.0, 0.2)};
}

struct Count {
  std::size_t draws = 0, plausible = 0, right = 0;
  std::size_t consistent = 0, consistent_right = 0, near = 0, near_right = 0;
  std::size_t beyond = 0, beyond_right = 0;
  std::set<std::size_t> seeds;
  std::vector<std::size_t> per_rule;
};

struct World {
  const Generator& generator;
  const Oracle& oracle;
  const TrainingSet& data;  // seeds: training images, then test images
  const Matrix& codes;      // of `data`
  std::size_t train = 0;
  const Neighbours& neighbours;
  const std::map<std::int32_t, ClassCodes>& classes;
  const std::vector<Rule>& rules;
};

// Draws one move from the given seeds; counts reach only where a rule is given.
Result<void> draw(const World& world, const Trial& trial, const std::vector<std::size_t>& seeds, int draws,
                  const Rule* rule, Count& count) {
  const auto pixels = static_cast<std::size_t>(world.data.shape.pixels());
  Matrix queries;
  queries.cols = world.codes.cols;
  std::vector<std::size_t> from;
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> exclude;
  std::vector<float> out(world.codes.cols);
  for (const auto seed : seeds) {
    const auto label = world.data.labels[seed];
    for (int q = 0; q < draws; ++q) {
      RandomStream random(5, seed, static_cast<std::uint64_t>(q));
      if (!trial.make(world.codes.row(seed), world.classes.at(label), random, q, out)) continue;
      queries.data.insert(queries.data.end(), out.begin(), out.end());
      ++queries.rows;
      from.push_back(seed);
      labels.push_back(label);
      exclude.push_back(seed < world.train ? static_cast<std::int64_t>(seed) : Neighbours::kNone);
    }
  }
  count.draws += queries.rows;
  if (queries.rows == 0) return {};
  std::vector<float> images(queries.rows * pixels);
  TRY_OK(world.generator.decode(queries, images));
  TRY(says, world.oracle.ask(images, queries.rows));
  TRY(again, world.generator.encode(images, queries.rows));
  const auto votes = world.neighbours.agreeing(queries, labels, exclude, kAsked);
  const auto votes_again = world.neighbours.agreeing(again.mean, labels, exclude, kAsked);
  for (std::size_t i = 0; i < queries.rows; ++i) {
    if (votes[i] < kNeeded) continue;
    const bool right = says[i] == labels[i];
    ++count.plausible;
    count.right += right ? 1 : 0;
    if (votes_again[i] >= kNeeded) {
      ++count.consistent;
      count.consistent_right += right ? 1 : 0;
    }
    const auto& own = world.classes.at(labels[i]);
    if (nearest(world.codes, own, queries.row(i), from[i]) <= 1.5 * own.gap) {
      ++count.near;
      count.near_right += right ? 1 : 0;
    }
    if (rule == nullptr || !rule->beyond(measure({images.data() + i * pixels, pixels}, world.data.shape))) continue;
    ++count.beyond;
    if (!right) continue;
    ++count.beyond_right;
    count.seeds.insert(from[i]);
  }
  return {};
}

double share(std::size_t part, std::size_t all) {
  return all == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(all);
}

Result<void> print_rows(const World& world, const Arguments& arguments) {
  std::vector<std::size_t> any;  // seeds of every class, for the truth
  std::vector<std::vector<std::size_t>> own(world.rules.size());
  std::map<std::int32_t, std::size_t> taken;
  for (std::size_t i = world.data.size(); i-- > 0;) {
    if (taken[world.data.labels[i]]++ < arguments.seeds / 4) any.push_back(i);
    for (std::size_t r = 0; r < world.rules.size(); ++r)
      if (world.rules[r].label == world.data.labels[i] && own[r].size() < arguments.seeds) own[r].push_back(i);
  }
  std::printf("%-32s %8s %7s | %15s %15s | %8s %6s %6s  beyond per rule\n", "move", "plausible", "truth",
              "consistent truth", "near truth", "beyond", "right", "seeds");
  for (const auto& trial : trials()) {
    Count all, reach;
    TRY_OK(draw(world, trial, any, arguments.draws, nullptr, all));
    for (std::size_t r = 0; r < world.rules.size(); ++r) {
      const auto before = reach.beyond_right;
      TRY_OK(draw(world, trial, own[r], arguments.draws, &world.rules[r], reach));
      reach.per_rule.push_back(reach.beyond_right - before);
    }
    std::printf("%-32s %7.1f%% %6.2f%% | %6.1f%% %7.2f%% %6.1f%% %7.2f%% | %4zu/%-6zu %4zu %5zu ", trial.name.c_str(),
                share(all.plausible, all.draws), share(all.right, all.plausible), share(all.consistent, all.plausible),
                share(all.consistent_right, all.consistent), share(all.near, all.plausible),
                share(all.near_right, all.near), reach.beyond, reach.plausible, reach.beyond_right, reach.seeds.size());
    for (const auto value : reach.per_rule) std::printf(" %zu", value);
    std::printf("\n");
    std::fflush(stdout);
  }
  return {};
}

Result<Generator> generator_for(const Dataset& train, const Arguments& arguments) {
  const auto& settings = arguments.generator;
  const auto folder =
      arguments.work / ("generator-" + train.digest().substr(0, 12) + "-" + std::to_string(settings.latent) + "-" +
                        std::to_string(settings.beta) + "-" + std::to_string(settings.epochs));
  if (fs::exists(folder / "generator.json")) return Generator::load(folder, train.shape(), arguments.threads);
  NoProgress progress;
  TRY(made, Generator::train(train, settings, 1, arguments.threads, progress));
  TRY_OK(made.save(folder));
  return made;
}

void print_generator(const Generator& generator, const Matrix& codes, double bare, double decoded) {
  int active = 0;
  for (std::size_t j = 0; j < codes.cols; ++j) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < codes.rows; ++i) {
      const auto value = static_cast<double>(codes.row(i)[j]);
      sum += value;
      squares += value * value;
    }
    const auto n = static_cast<double>(codes.rows);
    active += squares / n - (sum / n) * (sum / n) > 0.01 ? 1 : 0;
  }
  std::printf(
      "generator: %d of %d dimensions active, bound %.2f nats, trained in %.1f s; oracle right on x %.2f %%, on "
      "D(mean) %.2f %%\n",
      active, generator.latent(), generator.log().bound.back(), generator.log().seconds, bare, decoded);
}

Result<void> run(const Arguments& arguments) {
  TRY(source, open_source(arguments.source, arguments.work));
  const TrainingSet all_train = first(source.train, arguments.train);
  const auto rules = rules_for(all_train, source.train_attributes);
  const auto train = without(all_train, source.train_attributes, rules);
  const auto test = without(source.test, source.test_attributes, rules);
  TRY(oracle,
      Oracle::train(source.name == "synthetic" ? draw_glyphs(0x0fac1e, 40000).data : joined(all_train, source.test),
                    source, arguments));
  const auto data = joined(train, test);
  TRY(dataset, testing::dataset_from_memory(train.shape, train.images, train.labels));
  TRY(generator, generator_for(dataset, arguments));
  TRY(encoded, generator.encode(data.images, data.size()));
  Matrix references(train.size(), encoded.mean.cols);
  std::copy_n(encoded.mean.data.begin(), references.data.size(), references.data.begin());
  const auto classes = classes_of(references, train.labels);
  TRY(neighbours, Neighbours::create(references, train.labels));

  const auto n = test.size();
  TRY(says, oracle.ask(test.images, n));
  std::vector<float> decoded(test.images.size());
  Matrix codes(n, references.cols);
  std::copy(encoded.mean.data.begin() + static_cast<std::ptrdiff_t>(references.data.size()), encoded.mean.data.end(),
            codes.data.begin());
  TRY_OK(generator.decode(codes, decoded));
  TRY(says_decoded, oracle.ask(decoded, n));
  std::size_t right = 0, right_decoded = 0;
  for (std::size_t i = 0; i < n; ++i) {
    right += says[i] == test.labels[i] ? 1 : 0;
    right_decoded += says_decoded[i] == test.labels[i] ? 1 : 0;
  }
  std::printf("%s: %zu training and %zu test images left; latent %d, beta %g, %d epochs\n", source.name.c_str(),
              train.size(), n, arguments.generator.latent, arguments.generator.beta, arguments.generator.epochs);
  print_generator(generator, references, share(right, n), share(right_decoded, n));
  for (const auto& rule : rules)
    std::printf("rule: class %s, %s %s %.4f\n", source.classes[static_cast<std::size_t>(rule.label)].c_str(),
                std::string(name_of(rule.attribute)).c_str(), rule.high ? ">" : "<", static_cast<double>(rule.limit));
  return print_rows({generator, oracle, data, encoded.mean, train.size(), neighbours, classes, rules}, arguments);
}

}  // namespace
}  // namespace defuse::bench

int main(int count, char** values) {
  using defuse::bench::Arguments;
  Arguments arguments;
  arguments.generator.epochs = 10;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string key = values[i];
    const char* value = values[i + 1];
    if (key == "--source")
      arguments.source = value;
    else if (key == "--work")
      arguments.work = value;
    else if (key == "--latent")
      arguments.generator.latent = std::atoi(value);
    else if (key == "--beta")
      arguments.generator.beta = std::atof(value);
    else if (key == "--epochs")
      arguments.generator.epochs = std::atoi(value);
    else if (key == "--train")
      arguments.train = static_cast<std::size_t>(std::atol(value));
    else if (key == "--seeds")
      arguments.seeds = static_cast<std::size_t>(std::atol(value));
    else if (key == "--draws")
      arguments.draws = std::atoi(value);
    else if (key == "--oracles")
      arguments.oracles = std::atoi(value);
    else if (key == "--threads")
      arguments.threads = std::atoi(value);
    else {
      std::fprintf(stderr, "unknown option %s\n", key.c_str());
      return 2;
    }
  }
  if (auto done = defuse::bench::run(arguments); !done) {
    std::fprintf(stderr, "%s\n", done.error().describe().c_str());
    return 1;
  }
  return 0;
}
