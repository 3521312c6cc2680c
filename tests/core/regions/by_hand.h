// A few seed images made by hand, for tests of what a region search measures: seeds lie on a line (a space of one
// dimension), and a test says of each image what two models answer. One thread at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/random.h"
#include "core/regions/search.h"

namespace defuse::by_hand {

// What two models answer.
struct Answers {
  std::int32_t incumbent = 0;
  std::int32_t candidate = 0;
};
inline constexpr std::int32_t kNoAnswer = -1;  // logits that are not finite

struct World {
  ProbeSet probes;
  ProbeEvaluation incumbent;
  ProbeEvaluation candidate;
  int classes = 3;

  explicit World(int draws = 0) { probes.draws = draws; }

  // A seed whose image, reconstruction and perturbations all get these answers; every perturbation is plausible.
  std::uint32_t add(std::int32_t label, Half half, float place, Answers answers) {
    const auto index = static_cast<std::uint32_t>(probes.seeds.size());
    probes.seeds.push_back({.split = Split::test, .index = index, .label = label, .half = half});
    probes.codes.rows = probes.seeds.size();
    probes.codes.cols = 1;
    probes.codes.data.push_back(place);
    const auto draws = static_cast<std::size_t>(probes.draws);
    const auto answer = [draws](ProbeEvaluation& model, std::int32_t predicted) {
      model.real.push_back(predicted);
      model.reconstructed.push_back(predicted);
      model.perturbed.insert(model.perturbed.end(), draws, predicted);
    };
    answer(incumbent, answers.incumbent);
    answer(candidate, answers.candidate);
    probes.plausible.insert(probes.plausible.end(), draws, std::uint8_t{1});
    return index;
  }

  // So many seeds of class 0 beside one another from `place` on, answered alike.
  void add_many(std::size_t count, Half half, float place, Answers answers) {
    for (std::size_t i = 0; i < count; ++i) add(0, half, place + 0.01F * static_cast<float>(i), answers);
  }

  void set_draw(std::uint32_t seed, int draw, Answers answers) {
    const std::size_t at = seed * static_cast<std::size_t>(probes.draws) + static_cast<std::size_t>(draw);
    incumbent.perturbed[at] = answers.incumbent;
    candidate.perturbed[at] = answers.candidate;
  }

  RegionSearchInput input() const {
    RegionSearchInput in;
    in.probes = &probes;
    in.candidate = &candidate;
    in.incumbent = &incumbent;
    in.spaces = {{Space::codes, &probes.codes}};
    in.classes = classes;
    return in;
  }
};

// Answers without any pattern: of every 8 answers about 5 are right, and one is none.
inline World random_world(std::size_t seeds, int draws, std::uint64_t seed) {
  World world(draws);
  RandomStream random(seed, 31);
  const auto answer = [&](std::int32_t label) {
    const auto dice = random.below(8);
    if (dice < 5) return label;
    return dice == 7 ? kNoAnswer : static_cast<std::int32_t>((label + 1 + static_cast<std::int32_t>(dice % 2)) % 3);
  };
  for (std::size_t i = 0; i < seeds; ++i) {
    const auto label = static_cast<std::int32_t>(random.below(3));
    const Half half = random.below(2) == 0 ? Half::discover : Half::confirm;
    const auto place = static_cast<float>(random.uniform());
    const auto s = world.add(label, half, place, {answer(label), answer(label)});
    for (ProbeEvaluation* model : {&world.incumbent, &world.candidate}) model->reconstructed[s] = answer(label);
    for (int q = 0; q < draws; ++q) {
      world.set_draw(s, q, {answer(label), answer(label)});
      world.probes.plausible[s * static_cast<std::size_t>(draws) + static_cast<std::size_t>(q)] =
          random.below(3) > 0 ? 1 : 0;
    }
  }
  return world;
}

// Margins that go with the answers: positive where they are right, of any size.
inline void add_random_margins(World& world, std::uint64_t seed) {
  RandomStream random(seed, 32);
  const auto draws = static_cast<std::size_t>(world.probes.draws);
  for (ProbeEvaluation* model : {&world.incumbent, &world.candidate}) {
    const auto margin = [&](std::int32_t predicted, std::size_t s) {
      const auto size = static_cast<float>(0.1 + 4 * random.uniform());
      return predicted == world.probes.seeds[s].label ? size : -size;
    };
    for (std::size_t s = 0; s < model->real.size(); ++s) model->real_margin.push_back(margin(model->real[s], s));
    for (std::size_t q = 0; q < model->perturbed.size(); ++q)
      model->perturbed_margin.push_back(margin(model->perturbed[q], q / draws));
  }
}

// The same images in another order: seed i of the answer is seed order[i] of `world`.
inline World reordered(const World& world, const std::vector<std::uint32_t>& order) {
  World out(world.probes.draws);
  const auto draws = static_cast<std::size_t>(world.probes.draws);
  const auto take = [&](const ProbeEvaluation& from, ProbeEvaluation& to) {
    for (const auto s : order) {
      to.real.push_back(from.real[s]);
      to.reconstructed.push_back(from.reconstructed[s]);
      if (!from.real_margin.empty()) to.real_margin.push_back(from.real_margin[s]);
      for (std::size_t q = s * draws; q < (s + 1) * draws; ++q) {
        to.perturbed.push_back(from.perturbed[q]);
        if (!from.perturbed_margin.empty()) to.perturbed_margin.push_back(from.perturbed_margin[q]);
      }
    }
  };
  take(world.incumbent, out.incumbent);
  take(world.candidate, out.candidate);
  out.probes.codes = Matrix(0, world.probes.codes.cols);
  for (const auto s : order) {
    out.probes.seeds.push_back(world.probes.seeds[s]);
    const auto row = world.probes.codes.row(s);
    out.probes.codes.data.insert(out.probes.codes.data.end(), row.begin(), row.end());
    ++out.probes.codes.rows;
    for (std::size_t q = s * draws; q < (s + 1) * draws; ++q) out.probes.plausible.push_back(world.probes.plausible[q]);
  }
  return out;
}

// Every perturbation `times` times over: says nothing that the single ones did not say.
inline World with_repeated_draws(const World& world, int times) {
  World out(world.probes.draws * times);
  out.probes.seeds = world.probes.seeds;
  out.probes.codes = world.probes.codes;
  const auto repeat = [times](const auto& from, auto& to) {
    for (const auto value : from) to.insert(to.end(), static_cast<std::size_t>(times), value);
  };
  const auto take = [&](const ProbeEvaluation& from, ProbeEvaluation& to) {
    to = from;
    to.perturbed.clear();
    to.perturbed_margin.clear();
    repeat(from.perturbed, to.perturbed);
    repeat(from.perturbed_margin, to.perturbed_margin);
  };
  take(world.incumbent, out.incumbent);
  take(world.candidate, out.candidate);
  repeat(world.probes.plausible, out.probes.plausible);
  return out;
}

inline World with_models_swapped(const World& world) {
  World out = world;
  std::swap(out.incumbent, out.candidate);
  return out;
}

}  // namespace defuse::by_hand
