#include "core/regions/observations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/core/regions/by_hand.h"

namespace defuse {
namespace {

using by_hand::World;
using ::testing::HasSubstr;

void expect_same_rates(const SeedObservation& one, const SeedObservation& other, const std::string& where) {
  EXPECT_EQ(one.usable, other.usable) << where;
  EXPECT_DOUBLE_EQ(one.net, other.net) << where;
  EXPECT_DOUBLE_EQ(one.clear_net, other.clear_net) << where;
  EXPECT_DOUBLE_EQ(one.candidate_error, other.candidate_error) << where;
  EXPECT_DOUBLE_EQ(one.incumbent_error, other.incumbent_error) << where;
}

World world_with_margins(std::size_t seeds = 120, int draws = 4) {
  World world = by_hand::random_world(seeds, draws, 5);
  by_hand::add_random_margins(world, 6);
  return world;
}

// --- known values ---

TEST(Observations, ARealImageIsOneOfFourCases) {
  World world;
  world.add(1, Half::discover, 0, {1, 1});                  // both right
  world.add(1, Half::discover, 0, {1, 2});                  // newly broken
  world.add(1, Half::confirm, 0, {0, 1});                   // fixed
  world.add(1, Half::confirm, 0, {0, 2});                   // both wrong, differently
  world.add(1, Half::confirm, 0, {1, by_hand::kNoAnswer});  // no answer is a wrong answer
  const auto observed = observe_seeds(world.input()).real;
  const std::vector<double> net{0, 1, -1, 0, 1}, candidate{0, 1, 0, 1, 1}, incumbent{0, 0, 1, 1, 0};
  for (std::size_t i = 0; i < net.size(); ++i) {
    EXPECT_TRUE(observed[i].usable) << i;
    EXPECT_EQ(observed[i].counts.total(), 1) << i;
    EXPECT_EQ(observed[i].net, net[i]) << i;
    EXPECT_EQ(observed[i].candidate_error, candidate[i]) << i;
    EXPECT_EQ(observed[i].incumbent_error, incumbent[i]) << i;
  }
}

// Of five plausible perturbations two are newly broken, one is fixed, one is wrong for both; the sixth does not count.
TEST(Observations, TheDrawsOfASeedArePooledIntoOneObservation) {
  World world(6);
  const auto s = world.add(0, Half::discover, 0, {0, 0});
  world.set_draw(s, 0, {0, 1});
  world.set_draw(s, 1, {0, 2});
  world.set_draw(s, 2, {1, 0});
  world.set_draw(s, 3, {1, 1});
  world.set_draw(s, 5, {0, 1});
  world.probes.plausible[5] = 0;
  const auto observed = observe_seeds(world.input());
  ASSERT_EQ(observed.generated.size(), 1U);
  const auto& pooled = observed.generated[0];
  EXPECT_EQ(pooled.counts, (FourCounts{.both_right = 1, .negative_flips = 2, .positive_flips = 1, .both_wrong = 1}));
  EXPECT_DOUBLE_EQ(pooled.net, 1.0 / 5);
  EXPECT_DOUBLE_EQ(pooled.candidate_error, 3.0 / 5);
  EXPECT_DOUBLE_EQ(pooled.incumbent_error, 2.0 / 5);
  std::vector<int> net;
  for (const auto& draw : observed.draws) net.push_back(draw.usable ? draw.net : 9);
  EXPECT_EQ(net, (std::vector<int>{1, 1, -1, 0, 0, 9}));
}

TEST(Observations, WhatIsNotPlausibleChangesNothing) {
  World world = world_with_margins();
  const auto before = observe_seeds(world.input());
  for (std::size_t q = 0; q < world.probes.plausible.size(); ++q) {
    if (world.probes.plausible[q] != 0) continue;
    world.candidate.perturbed[q] = by_hand::kNoAnswer;
    world.candidate.perturbed_margin[q] = std::numeric_limits<float>::quiet_NaN();
  }
  const auto after = observe_seeds(world.input());
  for (std::size_t s = 0; s < before.generated.size(); ++s) {
    expect_same_rates(before.generated[s], after.generated[s], "seed " + std::to_string(s));
    EXPECT_EQ(before.generated[s].counts, after.generated[s].counts);
  }
  for (std::size_t q = 0; q < before.draws.size(); ++q) EXPECT_EQ(before.draws[q].usable, after.draws[q].usable) << q;
}

TEST(Observations, ASeedWithoutAPlausibleDrawSaysNothingByItsDraws) {
  World world(3);
  world.add(0, Half::discover, 0, {0, 1});
  std::fill(world.probes.plausible.begin(), world.probes.plausible.end(), std::uint8_t{0});
  const auto observed = observe_seeds(world.input());
  EXPECT_TRUE(observed.real[0].usable);
  EXPECT_FALSE(observed.generated[0].usable);
  EXPECT_EQ(observed.generated[0].net, 0);
}

// Where neither model reads the reconstruction as its class, the decoder lost the class. Either model's word is enough.
TEST(Observations, ASeedThatTheDecoderLostIsLeftOut) {
  struct Case {
    by_hand::Answers reconstructed;
    bool usable;
  };
  for (const auto& [reconstructed, usable] :
       {Case{{0, 0}, true}, Case{{0, 1}, true}, Case{{1, 0}, true}, Case{{1, 1}, false}, Case{{2, -1}, false}}) {
    World world(2);
    world.add(0, Half::discover, 0, {0, 1});
    world.incumbent.reconstructed[0] = reconstructed.incumbent;
    world.candidate.reconstructed[0] = reconstructed.candidate;
    const auto observed = observe_seeds(world.input());
    EXPECT_EQ(observed.generated[0].usable, usable) << reconstructed.incumbent << " " << reconstructed.candidate;
    for (const auto& draw : observed.draws) EXPECT_EQ(draw.usable, usable);
    EXPECT_TRUE(observed.real[0].usable) << "the real image does not depend on the decoder";
  }
}

TEST(Observations, AGeneratorThatWasFoundTooWeakIsNoEvidence) {
  const World world = world_with_margins();
  auto input = world.input();
  input.generated_usable = false;
  const auto observed = observe_seeds(input);
  const auto strong = observe_seeds(world.input());
  for (const auto& o : observed.generated) EXPECT_FALSE(o.usable);
  for (const auto& draw : observed.draws) EXPECT_FALSE(draw.usable);
  for (std::size_t s = 0; s < observed.real.size(); ++s) expect_same_rates(observed.real[s], strong.real[s], "real");
}

TEST(Observations, WithoutAnIncumbentThereAreErrorsButNoFlips) {
  const World world = world_with_margins();
  auto input = world.input();
  const auto both = observe_seeds(input);
  input.incumbent = nullptr;
  const auto alone = observe_seeds(input);
  double errors = 0;
  for (std::size_t s = 0; s < alone.real.size(); ++s) {
    EXPECT_EQ(alone.real[s].net, 0);
    EXPECT_EQ(alone.real[s].clear_net, 0);
    EXPECT_EQ(alone.real[s].incumbent_error, 0);
    EXPECT_EQ(alone.real[s].candidate_error, both.real[s].candidate_error);
    EXPECT_EQ(alone.generated[s].incumbent_error, 0);
    EXPECT_EQ(alone.generated[s].net, 0);
    errors += alone.generated[s].candidate_error;
  }
  EXPECT_GT(errors, 1) << "the world must have something to see";
}

// Ordinary sureness is 4 in both models, so on real images a clear flip is one from +2 to -2.
TEST(Observations, AClearFlipIsOneBetweenSureAnswers) {
  World world(1);
  for (int i = 0; i < 5; ++i) world.add(0, Half::discover, 0, {0, 0});
  const auto clear = world.add(0, Half::discover, 0, {0, 1});
  const auto unsure = world.add(0, Half::discover, 0, {0, 1});
  const auto fixed = world.add(0, Half::confirm, 0, {1, 0});
  const auto broken_off = world.add(0, Half::confirm, 0, {0, by_hand::kNoAnswer});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  world.incumbent.real_margin = {4, 4, 4, 4, 4, 4, 4, -4, 4};
  world.candidate.real_margin = {4, 4, 4, 4, 4, -4, -1, 4, nan};
  world.incumbent.perturbed_margin = world.incumbent.real_margin;
  world.candidate.perturbed_margin = world.candidate.real_margin;
  const auto observed = observe_seeds(world.input());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(observed.real[static_cast<std::size_t>(i)].clear_net, 0);
  EXPECT_EQ(observed.real[clear].clear_net, 1);
  EXPECT_EQ(observed.real[unsure].clear_net, 0);
  EXPECT_EQ(observed.real[unsure].net, 1) << "a flip all the same";
  EXPECT_EQ(observed.real[fixed].clear_net, -1);
  EXPECT_EQ(observed.real[broken_off].clear_net, 1) << "no answer where the incumbent was sure";
  // Generated images are asked for less: 0.35 of 4.
  world.candidate.perturbed_margin[unsure] = -1.5F;
  EXPECT_EQ(observe_seeds(world.input()).generated[unsure].clear_net, 1);
}

TEST(Observations, WithoutMarginsNoFlipIsClear) {
  const World world = by_hand::random_world(80, 3, 2);
  const auto observed = observe_seeds(world.input());
  double net = 0;
  for (std::size_t s = 0; s < observed.real.size(); ++s) {
    EXPECT_EQ(observed.real[s].clear_net, 0);
    EXPECT_EQ(observed.generated[s].clear_net, 0);
    net += std::abs(observed.real[s].net);
  }
  EXPECT_GT(net, 10);
}

// --- what must not matter ---

TEST(Observations, AnotherOrderOfTheSeedsGivesTheSameObservations) {
  const World world = world_with_margins();
  std::vector<std::uint32_t> order(world.probes.seeds.size());
  std::iota(order.begin(), order.end(), 0U);
  RandomStream random(9);
  for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  const auto before = observe_seeds(world.input());
  const World shuffled = by_hand::reordered(world, order);
  const auto after = observe_seeds(shuffled.input());
  for (std::size_t i = 0; i < order.size(); ++i) {
    expect_same_rates(after.real[i], before.real[order[i]], "real " + std::to_string(i));
    expect_same_rates(after.generated[i], before.generated[order[i]], "generated " + std::to_string(i));
  }
}

TEST(Observations, MoreDrawsOfTheSameKindMakeNoFurtherObservation) {
  const World world = world_with_margins();
  const World repeated = by_hand::with_repeated_draws(world, 7);
  const auto once = observe_seeds(world.input());
  const auto often = observe_seeds(repeated.input());
  ASSERT_EQ(once.generated.size(), often.generated.size());
  for (std::size_t s = 0; s < once.generated.size(); ++s) {
    expect_same_rates(once.generated[s], often.generated[s], "seed " + std::to_string(s));
    EXPECT_EQ(often.generated[s].counts.total(), 7 * once.generated[s].counts.total());
  }
}

TEST(Observations, SwappingTheModelsMirrorsEveryFlip) {
  const World world = world_with_margins();
  const World swapped = by_hand::with_models_swapped(world);
  const auto forward = observe_seeds(world.input());
  const auto backward = observe_seeds(swapped.input());
  double clear = 0;
  for (const auto kind : {ImageKind::real, ImageKind::generated}) {
    for (std::size_t s = 0; s < forward.real.size(); ++s) {
      const auto& one = forward.of(kind)[s];
      const auto& other = backward.of(kind)[s];
      EXPECT_EQ(one.usable, other.usable);
      EXPECT_DOUBLE_EQ(one.net, -other.net);
      EXPECT_DOUBLE_EQ(one.clear_net, -other.clear_net);
      EXPECT_DOUBLE_EQ(one.candidate_error, other.incumbent_error);
      EXPECT_DOUBLE_EQ(one.incumbent_error, other.candidate_error);
      clear += std::abs(one.clear_net);
    }
  }
  EXPECT_GT(clear, 5);
}

TEST(Observations, TheNamesOfTheClassesDoNotMatter) {
  const World world = world_with_margins();
  World renamed = world;
  const auto rename = [](std::int32_t& c) { c = c < 0 ? c : (c + 1) % 3; };
  for (auto& seed : renamed.probes.seeds) rename(seed.label);
  for (ProbeEvaluation* model : {&renamed.incumbent, &renamed.candidate})
    for (auto* answers : {&model->real, &model->reconstructed, &model->perturbed})
      std::for_each(answers->begin(), answers->end(), rename);
  const auto before = observe_seeds(world.input());
  const auto after = observe_seeds(renamed.input());
  for (std::size_t s = 0; s < before.real.size(); ++s) {
    expect_same_rates(before.real[s], after.real[s], "real");
    expect_same_rates(before.generated[s], after.generated[s], "generated");
  }
}

// The definition, written down once more without any of the code under test.
TEST(Observations, AgreeWithADirectCount) {
  const World world = by_hand::random_world(300, 5, 11);
  const auto observed = observe_seeds(world.input());
  for (std::size_t s = 0; s < observed.real.size(); ++s) {
    const auto label = world.probes.seeds[s].label;
    const bool recognised = world.candidate.reconstructed[s] == label || world.incumbent.reconstructed[s] == label;
    double images = 0, broken = 0, wrong_now = 0, wrong_before = 0;
    for (std::size_t q = 5 * s; q < 5 * s + 5; ++q) {
      if (!recognised || world.probes.plausible[q] == 0) continue;
      const bool now = world.candidate.perturbed[q] != label, before = world.incumbent.perturbed[q] != label;
      images += 1;
      wrong_now += now;
      wrong_before += before;
      broken += static_cast<int>(now && !before) - static_cast<int>(before && !now);
    }
    EXPECT_EQ(observed.generated[s].usable, images > 0);
    if (images == 0) continue;
    EXPECT_NEAR(observed.generated[s].net, broken / images, 1e-15);
    EXPECT_NEAR(observed.generated[s].candidate_error, wrong_now / images, 1e-15);
    EXPECT_NEAR(observed.generated[s].incumbent_error, wrong_before / images, 1e-15);
    EXPECT_NEAR(observed.generated[s].net,
                observed.generated[s].candidate_error - observed.generated[s].incumbent_error, 1e-15);
  }
}

// --- what is refused ---

TEST(Observations, AProbeSetWithoutAnySeedIsAnEmptyAnswer) {
  World world;
  world.probes.codes = Matrix(0, 1);
  ASSERT_TRUE(check_search_input(world.input(), {}));
  EXPECT_TRUE(observe_seeds(world.input()).real.empty());
}

struct Refusal {
  const char* name;
  const char* words;
  std::function<void(World&, RegionSearchInput&, RegionSearchSettings&)> spoil;
};

class RegionInput : public ::testing::TestWithParam<Refusal> {};

TEST_P(RegionInput, IsRefusedInWordsThatNameWhatDoesNotFit) {
  World world = world_with_margins(20, 2);
  auto input = world.input();
  RegionSearchSettings settings;
  ASSERT_TRUE(check_search_input(input, settings)) << "whole as it is";
  GetParam().spoil(world, input, settings);
  const auto checked = check_search_input(input, settings);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::invalid_input);
  EXPECT_THAT(checked.error().message, HasSubstr(GetParam().words));
}

using Input = RegionSearchInput;
using Settings = RegionSearchSettings;
INSTANTIATE_TEST_SUITE_P(
    Spoilt, RegionInput,
    ::testing::Values(
        Refusal{"no_candidate", "candidate's answers", [](World&, Input& in, Settings&) { in.candidate = nullptr; }},
        Refusal{"no_probes", "needs a probe set", [](World&, Input& in, Settings&) { in.probes = nullptr; }},
        Refusal{"no_classes", "number of classes", [](World&, Input& in, Settings&) { in.classes = 0; }},
        Refusal{"label_outside", "label is outside", [](World&, Input& in, Settings&) { in.classes = 2; }},
        Refusal{"other_probe_set", "candidate was measured on another probe set",
                [](World& w, Input&, Settings&) { w.candidate.probe_digest = "other"; }},
        Refusal{"other_incumbent", "incumbent was measured on another probe set",
                [](World& w, Input&, Settings&) { w.incumbent.probe_digest = "other"; }},
        Refusal{"short_real", "candidate has no prediction",
                [](World& w, Input&, Settings&) { w.candidate.real.pop_back(); }},
        Refusal{"short_reconstructed", "incumbent has no prediction",
                [](World& w, Input&, Settings&) { w.incumbent.reconstructed.pop_back(); }},
        Refusal{"long_perturbed", "candidate has no prediction",
                [](World& w, Input&, Settings&) { w.candidate.perturbed.push_back(0); }},
        Refusal{"half_the_margins", "incumbent has no margin",
                [](World& w, Input&, Settings&) { w.incumbent.perturbed_margin.clear(); }},
        Refusal{"short_plausible", "whether it is plausible",
                [](World& w, Input&, Settings&) { w.probes.plausible.pop_back(); }},
        Refusal{"negative_draws", "whether it is plausible", [](World& w, Input&, Settings&) { w.probes.draws = -1; }},
        Refusal{"space_too_short", "space \"codes\"", [](World& w, Input&, Settings&) { --w.probes.codes.rows; }},
        Refusal{"space_of_nothing", "space \"image_statistics\"",
                [](World&, Input& in, Settings&) {
                  in.spaces.push_back({Space::image_statistics, nullptr});
                }},
        Refusal{"mixture_without_components", "which component",
                [](World&, Input& in, Settings&) { in.mixture.means = Matrix(2, 1); }},
        Refusal{"alpha", "alpha", [](World&, Input&, Settings& s) { s.alpha = 0; }},
        Refusal{"alpha_not_a_number", "alpha",
                [](World&, Input&, Settings& s) { s.alpha = std::numeric_limits<double>::quiet_NaN(); }},
        Refusal{"min_increase", "min_increase", [](World&, Input&, Settings& s) { s.min_increase = 1; }},
        Refusal{"min_support", "min_support", [](World&, Input&, Settings& s) { s.min_support = 0; }},
        Refusal{"max_regions", "max_regions", [](World&, Input&, Settings& s) { s.max_regions = 0; }},
        Refusal{"sizes_that_fall", "sizes must rise", [](World&, Input&, Settings& s) { s.neighbourhood = {10, 5}; }},
        Refusal{"no_sizes", "sizes must rise", [](World&, Input&, Settings& s) { s.neighbourhood.clear(); }}),
    [](const auto& refusal) { return refusal.param.name; });

}  // namespace
}  // namespace defuse
