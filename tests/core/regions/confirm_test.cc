#include "core/regions/confirm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/regions/by_hand.h"
#include "tests/core/regions/planted.h"

namespace defuse {
namespace {

using by_hand::Answers;
using by_hand::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bases = std::vector<std::vector<ClassBase>>;

constexpr Answers kRight{0, 0}, kBroken{0, 1}, kMended{1, 0}, kBothWrong{1, 1};

Bases bases_of(ClassBase base = {}) { return Bases(2, std::vector<ClassBase>(3, base)); }

// A world as the measuring sees it.
class Seen {
 public:
  explicit Seen(World world, RegionSearchSettings settings = {.alpha = 0.05})
      : world_(std::move(world)),
        input_(world_.input()),
        settings_(std::move(settings)),
        observations_(observe_seeds(input_)) {}
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;

  SearchView view() const { return {input_, settings_, observations_}; }
  const World& world() const { return world_; }
  const Observations& observations() const { return observations_; }
  void forget_the_incumbent() {
    input_.incumbent = nullptr;
    observations_ = observe_seeds(input_);
  }
  void name_components(std::vector<int> of_seed) { input_.mixture.component_of_seed = std::move(of_seed); }

  std::vector<Region> family(const std::vector<FrozenRegion>& frozen, const Bases& bases = bases_of()) const {
    std::vector<Region> regions;
    for (const auto& f : frozen) regions.push_back(measure_region(view(), f));
    confirm_family(view(), frozen, bases, regions);
    return regions;
  }
  Region alone(const FrozenRegion& frozen, ClassBase base = {}) const {
    return family({frozen}, bases_of(base)).front();
  }

 private:
  World world_;
  RegionSearchInput input_;
  RegionSearchSettings settings_;
  Observations observations_;
};

FrozenRegion ball(Question question, ImageKind evidence, float center, double radius, std::int32_t label = 0) {
  return {question, evidence, 0, label, {.center = {center}, .radius = radius, .evidence = 0, .members = {}}};
}
FrozenRegion worse_around(float center, double radius = 1) {
  return ball(Question::worse, ImageKind::real, center, radius);
}

void expect_same_score(const RegionScore& one, const RegionScore& other, const std::string& where) {
  EXPECT_EQ(one.seeds, other.seeds) << where;
  EXPECT_EQ(one.real, other.real) << where;
  EXPECT_NEAR(one.net_flip_rate, other.net_flip_rate, 1e-12) << where;
  EXPECT_NEAR(one.candidate_error, other.candidate_error, 1e-12) << where;
  EXPECT_NEAR(one.incumbent_error, other.incumbent_error, 1e-12) << where;
  EXPECT_NEAR(one.net_lower, other.net_lower, 1e-12) << where;
  EXPECT_NEAR(one.p_raw, other.p_raw, 1e-12) << where;
  EXPECT_NEAR(one.p_adjusted, other.p_adjusted, 1e-12) << where;
}

// Every question about every kind of image, in one ball that holds a third of a random world.
std::vector<FrozenRegion> all_questions() {
  std::vector<FrozenRegion> out;
  for (const auto question : {Question::worse, Question::fails, Question::fixed})
    for (const auto kind : {ImageKind::real, ImageKind::generated})
      for (const std::int32_t label : {0, 1, 2}) out.push_back(ball(question, kind, 0.5F, 0.3, label));
  return out;
}

// --- who belongs ---

TEST(MeasureRegion, TakesTheClassWithinTheRadiusNearestFirst) {
  World world;
  world.add(0, Half::confirm, 1.0F, kRight);  // on the rim
  world.add(0, Half::discover, -0.5F, kRight);
  world.add(0, Half::confirm, 1.01F, kRight);  // outside
  world.add(1, Half::confirm, 0.1F, kRight);   // of another class
  world.add(0, Half::confirm, std::numeric_limits<float>::quiet_NaN(), kRight);
  world.add(0, Half::discover, 0.25F, kRight);
  const Seen seen(std::move(world));
  const auto region = measure_region(seen.view(), worse_around(0));
  std::vector<std::uint32_t> members;
  for (const auto& m : region.members) members.push_back(m.seed);
  EXPECT_THAT(members, ElementsAre(5, 1, 0));
  EXPECT_DOUBLE_EQ(region.members[0].distance, 0.25);
  EXPECT_DOUBLE_EQ(region.members[2].distance, 1);
  EXPECT_EQ(region.label, 0);
  EXPECT_EQ(region.space, Space::codes);
  EXPECT_EQ(region.evidence, RegionEvidence::real);
}

TEST(MeasureRegion, ScoresEachHalfByItself) {
  World world;
  world.add_many(3, Half::discover, 0, kBroken);
  world.add_many(1, Half::discover, 0, kRight);
  world.add_many(1, Half::confirm, 0, kBroken);
  world.add_many(2, Half::confirm, 0, kBothWrong);
  world.add_many(1, Half::confirm, 0, kMended);
  world.add_many(4, Half::confirm, 0, kRight);
  const Seen seen(std::move(world));
  const auto region = measure_region(seen.view(), worse_around(0));
  EXPECT_EQ(region.discover.seeds, 4);
  EXPECT_DOUBLE_EQ(region.discover.net_flip_rate, 0.75);
  EXPECT_EQ(region.confirm.seeds, 8);
  EXPECT_EQ(region.confirm.real,
            (FourCounts{.both_right = 4, .negative_flips = 1, .positive_flips = 1, .both_wrong = 2}));
  EXPECT_DOUBLE_EQ(region.confirm.net_flip_rate, 0);
  EXPECT_DOUBLE_EQ(region.confirm.candidate_error, 3.0 / 8);
  EXPECT_DOUBLE_EQ(region.confirm.incumbent_error, 3.0 / 8);
  const auto wilson = wilson_real(3, 8, kDisplayZ);
  EXPECT_DOUBLE_EQ(region.confirm.candidate_interval.lower, wilson.lower);
  EXPECT_DOUBLE_EQ(region.confirm.incumbent_interval.upper, wilson.upper);
  EXPECT_EQ(region.confirm.p_raw, 1) << "measuring tests nothing";
}

// Two seeds, one of which lost a quarter of its draws; a third one's class was lost by the decoder.
TEST(MeasureRegion, AGeneratedScoreIsTheMeanOverSeedsNotOverDraws) {
  World world(4);
  const auto quarter = world.add(0, Half::confirm, 0, kRight);
  const auto whole = world.add(0, Half::confirm, 0, kBroken);
  const auto lost = world.add(0, Half::confirm, 0, kBroken);
  world.set_draw(quarter, 2, kBroken);
  for (int q = 1; q < 4; ++q) world.probes.plausible[4 * whole + static_cast<std::size_t>(q)] = 0;
  world.incumbent.reconstructed[lost] = world.candidate.reconstructed[lost] = 2;
  const Seen seen(std::move(world));
  const auto region = measure_region(seen.view(), ball(Question::worse, ImageKind::generated, 0, 1));
  EXPECT_EQ(region.confirm.seeds, 2);
  EXPECT_DOUBLE_EQ(region.confirm.net_flip_rate, (0.25 + 1) / 2);
  EXPECT_EQ(region.confirm.generated.negative_flips, 2);
  EXPECT_EQ(region.confirm.generated.total(), 5);
  EXPECT_EQ(region.members.size(), 3U) << "a member all the same, of which nothing can be said";
}

// --- what is confirmed, by hand ---

TEST(ConfirmFamily, EightHeldBackImagesNewlyBrokenAreANewBug) {
  World world;
  world.add_many(8, Half::confirm, 0, kBroken);
  world.add_many(3, Half::discover, 0, {0, 2});
  const Seen seen(std::move(world));
  const auto region = seen.alone(worse_around(0));
  EXPECT_EQ(region.status, RegionStatus::new_bug);
  EXPECT_DOUBLE_EQ(region.confirm.p_raw, 1.0 / 256);
  EXPECT_DOUBLE_EQ(region.confirm.p_adjusted, 1.0 / 256);
  EXPECT_NEAR(region.confirm.net_lower, std::pow(0.05, 1.0 / 8), 1e-12) << "Clopper and Pearson's for 8 of 8";
  EXPECT_EQ(region.predicted_as, 2) << "as the half that found it was answered";
  EXPECT_THAT(region.sentence, HasSubstr("of 8 held-back images the new model gets 8 wrong, the old one 0"));
}

TEST(ConfirmFamily, FewerThanTheLevelAsksForStayASuspicion) {
  for (const auto& [broken, status] : {std::pair{5U, RegionStatus::suspected},
                                       {6U, RegionStatus::suspected},
                                       {7U, RegionStatus::new_bug},
                                       {8U, RegionStatus::new_bug}}) {
    World world;
    world.add_many(broken, Half::confirm, 0, kBroken);
    const Seen seen(std::move(world), {.alpha = 0.0125});  // between 2^-7 and 2^-6
    EXPECT_EQ(seen.alone(worse_around(0)).status, status) << broken;
  }
}

TEST(ConfirmFamily, BelowTheLeastSupportNothingIsConfirmed) {
  for (const auto& [support, status] :
       {std::pair{std::int64_t{4}, RegionStatus::new_bug}, {std::int64_t{5}, RegionStatus::suspected}}) {
    World world;
    world.add_many(4, Half::confirm, 0, kBroken);
    const Seen seen(std::move(world), {.alpha = 0.1, .min_support = support});
    const auto region = seen.alone(worse_around(0));
    EXPECT_DOUBLE_EQ(region.confirm.p_adjusted, 1.0 / 16) << "significant either way";
    EXPECT_EQ(region.status, status);
    if (status == RegionStatus::suspected) {
      EXPECT_THAT(region.sentence, HasSubstr("only 4 held-back images are similar, too few to decide"));
    }
  }
}

TEST(ConfirmFamily, SignificanceAloneDoesNotConfirm) {
  World world;
  world.add_many(50, Half::confirm, 0, kBroken);
  world.add_many(10, Half::confirm, 0, kMended);
  world.add_many(340, Half::confirm, 0, kRight);
  const Seen seen(std::move(world));
  const auto region = seen.alone(worse_around(2, 5));
  EXPECT_EQ(region.confirm.seeds, 400);
  EXPECT_LT(region.confirm.p_adjusted, 1e-6);
  EXPECT_GT(region.confirm.net_lower, 0);
  EXPECT_LT(region.confirm.net_lower, 0.2) << "a tenth is less than what is worth a person's time";
  EXPECT_EQ(region.status, RegionStatus::suspected);
}

// Up to a tenth of failures the incumbent is said not to have had the bug.
TEST(ConfirmFamily, ABugThatTheIncumbentHadIsWorseNotNew) {
  for (const auto& [had, status] : {std::pair{2U, RegionStatus::new_bug}, {3U, RegionStatus::worse}}) {
    World world;
    world.add_many(20 - had, Half::confirm, 0, kBroken);
    world.add_many(had, Half::confirm, 0, kBothWrong);
    const Seen seen(std::move(world));
    EXPECT_EQ(seen.alone(worse_around(0)).status, status) << had;
  }
}

TEST(ConfirmFamily, WhatBothFailMoreThanTheClassDoesIsInherited) {
  World world;
  world.add_many(10, Half::confirm, 0, kBothWrong);
  const Seen seen(std::move(world));
  const auto fails = ball(Question::fails, ImageKind::real, 0, 1);
  const double lower = std::pow(0.05, 1.0 / 10);  // of 10 of 10
  EXPECT_EQ(seen.alone(fails, {0.1, 0.1}).status, RegionStatus::inherited);
  EXPECT_EQ(seen.alone(fails, {lower - 0.01, lower - 0.01}).status, RegionStatus::inherited);
  EXPECT_EQ(seen.alone(fails, {lower + 0.01, 0.1}).status, RegionStatus::suspected) << "the candidate fails everywhere";
  EXPECT_EQ(seen.alone(fails, {0.1, lower + 0.01}).status, RegionStatus::suspected) << "the incumbent fails everywhere";
}

TEST(ConfirmFamily, WhatTheCandidateAloneFailsIsNotInherited) {
  World world;
  world.add_many(6, Half::confirm, 0, kBothWrong);
  world.add_many(4, Half::confirm, 0, kBroken);
  const Seen seen(std::move(world));
  const auto region = seen.alone(ball(Question::fails, ImageKind::real, 0, 1), {0.1, 0.1});
  EXPECT_DOUBLE_EQ(region.confirm.net_flip_rate, 0.4);
  EXPECT_EQ(region.status, RegionStatus::suspected);
}

// --- a family of tests ---

TEST(ConfirmFamily, AdjustsByHolmAndTakesBoundsAtTheSharedLevel) {
  World world;
  world.add_many(6, Half::confirm, 0, kBroken);
  world.add_many(8, Half::confirm, 10, kBroken);
  world.add_many(7, Half::confirm, 20, kBroken);
  const Seen seen(std::move(world));
  const auto regions = seen.family({worse_around(0), worse_around(10), worse_around(20)});
  EXPECT_DOUBLE_EQ(regions[1].confirm.p_adjusted, 3.0 / 256);
  EXPECT_DOUBLE_EQ(regions[2].confirm.p_adjusted, 2.0 / 128);
  EXPECT_DOUBLE_EQ(regions[0].confirm.p_adjusted, 2.0 / 128) << "never less than what is surer";
  EXPECT_DOUBLE_EQ(regions[0].confirm.p_raw, 1.0 / 64);
  for (const auto& region : regions)
    EXPECT_NEAR(region.confirm.net_lower, std::pow(0.05 / 3, 1.0 / static_cast<double>(region.confirm.seeds)), 1e-12);
}

TEST(ConfirmFamily, TheOrderOfTheFamilyDoesNotMatter) {
  const Seen seen(by_hand::random_world(240, 3, 8));
  auto frozen = all_questions();
  const auto forward = seen.family(frozen, bases_of({0.2, 0.2}));
  std::reverse(frozen.begin(), frozen.end());
  auto backward = seen.family(frozen, bases_of({0.2, 0.2}));
  std::reverse(backward.begin(), backward.end());
  for (std::size_t i = 0; i < forward.size(); ++i) {
    expect_same_score(forward[i].confirm, backward[i].confirm, std::to_string(i));
    EXPECT_EQ(forward[i].status, backward[i].status);
  }
}

// Under no difference each seed flips either way alike. A family of three may confirm anything in at most alpha of the
// rounds, and five standard errors.
TEST(ConfirmFamily, HoldsItsLevelWhereNothingChanged) {
  constexpr int kRounds = 1500;
  int wrongly = 0;
  RandomStream random(77);
  for (int round = 0; round < kRounds; ++round) {
    World world;
    for (const float place : {0.0F, 10.0F, 20.0F})
      for (int i = 0; i < 12; ++i) world.add(0, Half::confirm, place, random.below(2) == 0 ? kBroken : kMended);
    const Seen seen(std::move(world));
    const auto regions = seen.family({worse_around(0), worse_around(10), worse_around(20)});
    wrongly +=
        std::any_of(regions.begin(), regions.end(), [](const Region& r) { return r.confirm.p_adjusted <= 0.05; });
  }
  EXPECT_LE(wrongly, kRounds * 0.05 + 5 * std::sqrt(kRounds * 0.05 * 0.95));
}

// --- what must not matter ---

TEST(ConfirmFamily, TheHalfThatFoundARegionNeverSpeaksInItsTest) {
  const World world = by_hand::random_world(300, 4, 3);
  World scrambled = world;
  const auto draws = static_cast<std::size_t>(world.probes.draws);
  for (std::size_t s = 0; s < world.probes.seeds.size(); ++s) {
    if (world.probes.seeds[s].half != Half::discover) continue;
    const auto label = world.probes.seeds[s].label;
    scrambled.candidate.real[s] = by_hand::kNoAnswer;
    scrambled.incumbent.real[s] = label;
    scrambled.candidate.reconstructed[s] = label;
    for (std::size_t q = s * draws; q < (s + 1) * draws; ++q) {
      scrambled.probes.plausible[q] = 1;
      scrambled.candidate.perturbed[q] = (label + 1) % 3;
      scrambled.incumbent.perturbed[q] = label;
    }
  }
  const Seen before(world), after(scrambled);
  const auto frozen = all_questions();
  const auto one = before.family(frozen, bases_of({0.2, 0.2}));
  const auto other = after.family(frozen, bases_of({0.2, 0.2}));
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    ASSERT_GT(one[i].confirm.seeds, 5);
    expect_same_score(one[i].confirm, other[i].confirm, std::to_string(i));
    EXPECT_EQ(one[i].status, other[i].status) << i;
    EXPECT_NE(one[i].discover.net_flip_rate, other[i].discover.net_flip_rate) << "the scrambling must be seen there";
  }
}

TEST(ConfirmFamily, TheHalfThatTestsARegionChangesNothingOfHowItWasFound) {
  const World world = by_hand::random_world(300, 4, 4);
  World scrambled = world;
  for (std::size_t s = 0; s < world.probes.seeds.size(); ++s) {
    if (world.probes.seeds[s].half != Half::confirm) continue;
    scrambled.candidate.real[s] = (world.probes.seeds[s].label + 1) % 3;
    scrambled.candidate.reconstructed[s] = by_hand::kNoAnswer;
  }
  const Seen before(world), after(scrambled);
  const auto frozen = all_questions();
  const auto one = before.family(frozen), other = after.family(frozen);
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    expect_same_score(one[i].discover, other[i].discover, std::to_string(i));
    EXPECT_EQ(one[i].predicted_as, other[i].predicted_as);
    EXPECT_EQ(one[i].predicted_as_share, other[i].predicted_as_share);
    EXPECT_EQ(one[i].members.size(), other[i].members.size());
  }
}

TEST(ConfirmFamily, ManyDrawsOfFewSeedsAreFewObservations) {
  World world(200);
  world.add_many(4, Half::confirm, 0, kBroken);
  const Seen seen(std::move(world));
  const auto region = seen.alone(ball(Question::worse, ImageKind::generated, 0, 1));
  EXPECT_EQ(region.confirm.generated.negative_flips, 800);
  EXPECT_EQ(region.confirm.seeds, 4);
  EXPECT_DOUBLE_EQ(region.confirm.p_raw, 1.0 / 16) << "800 broken images of four seeds are four observations";
  EXPECT_EQ(region.status, RegionStatus::suspected);
}

TEST(ConfirmFamily, RepeatingEveryDrawConfirmsNothingMore) {
  const World world = by_hand::random_world(200, 3, 12);
  const Seen once(world), often(by_hand::with_repeated_draws(world, 9));
  const auto frozen = all_questions();
  const auto one = once.family(frozen, bases_of({0.2, 0.2})), other = often.family(frozen, bases_of({0.2, 0.2}));
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    expect_same_score(one[i].confirm, other[i].confirm, std::to_string(i));
    EXPECT_EQ(one[i].status, other[i].status);
    EXPECT_EQ(one[i].predicted_as, other[i].predicted_as);
  }
}

TEST(ConfirmFamily, AnotherOrderOfTheSeedsChangesNothing) {
  const World world = by_hand::random_world(200, 3, 13);
  std::vector<std::uint32_t> order(200);
  std::iota(order.begin(), order.end(), 0U);
  std::rotate(order.begin(), order.begin() + 71, order.end());
  std::reverse(order.begin(), order.begin() + 120);
  const Seen one(world), other(by_hand::reordered(world, order));
  const auto frozen = all_questions();
  const auto before = one.family(frozen, bases_of({0.2, 0.2})), after = other.family(frozen, bases_of({0.2, 0.2}));
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    expect_same_score(before[i].confirm, after[i].confirm, std::to_string(i));
    EXPECT_EQ(before[i].status, after[i].status);
    EXPECT_EQ(before[i].sentence, after[i].sentence);
    std::vector<std::uint32_t> members, mapped;
    for (const auto& m : before[i].members) members.push_back(m.seed);
    for (const auto& m : after[i].members) mapped.push_back(order[m.seed]);
    EXPECT_THAT(mapped, ::testing::UnorderedElementsAreArray(members));
  }
}

TEST(ConfirmFamily, RenamingTheClassesRenamesTheRegionAndNothingElse) {
  const World world = by_hand::random_world(200, 3, 14);
  World renamed = world;
  const auto next = [](std::int32_t c) { return c < 0 ? c : (c + 1) % 3; };
  for (auto& seed : renamed.probes.seeds) seed.label = next(seed.label);
  for (ProbeEvaluation* model : {&renamed.incumbent, &renamed.candidate})
    for (auto* answers : {&model->real, &model->reconstructed, &model->perturbed})
      std::transform(answers->begin(), answers->end(), answers->begin(), next);
  const Seen one(world), other(renamed);
  auto frozen = all_questions();
  const auto before = one.family(frozen, bases_of({0.2, 0.2}));
  for (auto& f : frozen) f.label = next(f.label);
  const auto after = other.family(frozen, bases_of({0.2, 0.2}));
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    expect_same_score(before[i].confirm, after[i].confirm, std::to_string(i));
    EXPECT_EQ(before[i].status, after[i].status);
    EXPECT_EQ(next(before[i].label), after[i].label);
    EXPECT_EQ(before[i].predicted_as_share, after[i].predicted_as_share);
  }
}

TEST(ConfirmFamily, WhatGotWorseOneWayGotBetterTheOtherWay) {
  World world;
  world.add_many(12, Half::confirm, 0, kBroken);
  world.add_many(2, Half::confirm, 0, kMended);
  world.add_many(1, Half::confirm, 0, kRight);
  const Seen forward(world), backward(by_hand::with_models_swapped(world));
  const auto harm = forward.alone(worse_around(0));
  const auto gain = backward.alone(ball(Question::fixed, ImageKind::real, 0, 1));
  EXPECT_EQ(harm.status, RegionStatus::worse);
  EXPECT_EQ(gain.status, RegionStatus::fixed);
  EXPECT_DOUBLE_EQ(harm.confirm.p_raw, gain.confirm.p_raw);
  EXPECT_DOUBLE_EQ(harm.confirm.net_flip_rate, -gain.confirm.net_flip_rate);
  // Neither question takes the other's answer for its own.
  EXPECT_EQ(backward.alone(worse_around(0)).status, RegionStatus::suspected);
  EXPECT_EQ(forward.alone(ball(Question::fixed, ImageKind::real, 0, 1)).status, RegionStatus::suspected);
}

// --- nothing to go by ---

TEST(ConfirmFamily, WithoutAnIncumbentEverythingIsASuspicion) {
  World world;
  world.add_many(30, Half::confirm, 0, {0, 1});
  Seen seen(std::move(world));
  seen.forget_the_incumbent();
  for (const auto question : {Question::worse, Question::fails, Question::fixed}) {
    const auto region = seen.alone(ball(question, ImageKind::real, 0, 1));
    EXPECT_EQ(region.status, RegionStatus::suspected);
    EXPECT_DOUBLE_EQ(region.confirm.candidate_error, 1);
    EXPECT_EQ(region.confirm.p_raw, 1);
    EXPECT_EQ(region.confirm.incumbent_interval.lower, 0);
    EXPECT_EQ(region.confirm.incumbent_interval.upper, 1);
    EXPECT_THAT(region.sentence, HasSubstr("no model in production yet"));
  }
}

TEST(ConfirmFamily, ARegionThatOnlyItsFindersKnowIsNeverConfirmed) {
  World world;
  world.add_many(100, Half::discover, 0, kBroken);
  const Seen seen(std::move(world));
  for (const auto question : {Question::worse, Question::fails, Question::fixed}) {
    const auto region = seen.alone(ball(question, ImageKind::real, 0, 1));
    EXPECT_EQ(region.discover.seeds, 100);
    EXPECT_EQ(region.confirm.seeds, 0);
    EXPECT_EQ(region.confirm.p_raw, 1);
    EXPECT_EQ(region.confirm.net_lower, -1);
    EXPECT_EQ(region.status, RegionStatus::suspected);
    EXPECT_THAT(region.sentence, HasSubstr("only 0 held-back images"));
  }
}

TEST(ConfirmFamily, AnEmptyPlaceAndAnEmptyFamilySayNothing) {
  World world;
  world.add_many(10, Half::confirm, 0, kBroken);
  const Seen seen(std::move(world));
  const auto nowhere = seen.alone(worse_around(50));
  EXPECT_TRUE(nowhere.members.empty());
  EXPECT_EQ(nowhere.status, RegionStatus::suspected);
  EXPECT_EQ(nowhere.predicted_as, -1);
  EXPECT_EQ(nowhere.predicted_as_share, 0);
  EXPECT_TRUE(seen.family({}).empty());
}

TEST(ConfirmFamily, OneSeedHasNoSpread) {
  World world;
  world.add_many(1, Half::confirm, 0, kBroken);
  const Seen seen(std::move(world), {.alpha = 0.9, .min_support = 1});
  const auto region = seen.alone(worse_around(0));
  EXPECT_EQ(region.confirm.net_lower, -1);
  EXPECT_EQ(region.status, RegionStatus::suspected);
}

// --- against brute force, and against a planted truth ---

TEST(ConfirmFamily, PIsTheShareOfAllSigningsThatReachTheSum) {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Seen seen(by_hand::random_world(40, 4, seed));
    const auto frozen = ball(Question::worse, ImageKind::generated, 0.5F, 1);
    const auto region = seen.alone(frozen);
    std::vector<double> d;
    for (const auto& m : region.members) {
      const auto& o = seen.observations().generated[m.seed];
      if (o.usable && seen.world().probes.seeds[m.seed].half == Half::confirm && o.net != 0) d.push_back(o.net);
    }
    if (d.empty()) continue;
    ASSERT_LE(d.size(), 16U);
    const double sum = std::accumulate(d.begin(), d.end(), 0.0);
    unsigned reached = 0;
    for (unsigned signs = 0; signs < (1U << d.size()); ++signs) {
      double signed_sum = 0;
      for (std::size_t j = 0; j < d.size(); ++j)
        signed_sum += (signs >> j & 1U) != 0 ? std::abs(d[j]) : -std::abs(d[j]);
      reached += signed_sum >= sum - 1e-9;
    }
    EXPECT_NEAR(region.confirm.p_raw, reached / static_cast<double>(1U << d.size()), 1e-12) << seed;
    ++compared;
  }
  EXPECT_GE(compared, 15);
}

// The ball around a planted pocket, measured on the world that has the pocket and on one without it.
TEST(ConfirmFamily, ConfirmsAPlantedPocketAndNotTheSamePlaceOfAnHonestRetrain) {
  planted::Options options;
  options.shape = planted::Shape::ball;
  options.seed = 6;
  const auto sick = planted::make(options);
  options.shape = planted::Shape::none;
  const auto honest = planted::make(options);
  ASSERT_EQ(sick.probes.codes.data, honest.probes.codes.data) << "the same images";

  FrozenRegion frozen{Question::worse, ImageKind::real, 0, 7, {}};
  frozen.ball.center.assign(8, 0);
  double held = 0;
  for (std::size_t s = 0; s < sick.in_pocket.size(); ++s) {
    if (!sick.in_pocket[s]) continue;
    held += 1;
    for (std::size_t j = 0; j < 8; ++j) frozen.ball.center[j] += sick.probes.codes.row(s)[j];
  }
  for (float& v : frozen.ball.center) v /= static_cast<float>(held);
  frozen.ball.radius = 1.8;

  const RegionSearchSettings settings;
  const auto judged = [&](const planted::World& world, ImageKind evidence) {
    const auto input = world.input();
    const auto observations = observe_seeds(input);
    const SearchView view{input, settings, observations};
    const std::vector<FrozenRegion> family{[&] {
      auto f = frozen;
      f.evidence = evidence;
      return f;
    }()};
    std::vector<Region> regions{measure_region(view, family.front())};
    confirm_family(view, family, Bases(2, std::vector<ClassBase>(10)), regions);
    return regions.front();
  };
  for (const auto evidence : {ImageKind::real, ImageKind::generated}) {
    const auto bug = judged(sick, evidence);
    EXPECT_EQ(bug.status, RegionStatus::new_bug) << bug.sentence;
    EXPECT_EQ(bug.predicted_as, 1) << "(7 + 4) mod 10, as it was planted";
    EXPECT_GE(bug.confirm.seeds, 5);
    const auto nothing = judged(honest, evidence);
    EXPECT_EQ(nothing.status, RegionStatus::suspected) << nothing.sentence;
    EXPECT_EQ(nothing.members.size(), bug.members.size()) << "the same place";
  }
}

// --- names ---

TEST(NameCommonest, TakesTheCommonestAndTheLowestOfEquals) {
  Region region;
  name_commonest({}, region);
  EXPECT_EQ(region.predicted_as, -1);
  EXPECT_EQ(region.predicted_as_share, 0);
  name_commonest({{-1, 2}, {3, 5}, {4, 5}}, region);
  EXPECT_EQ(region.predicted_as, 3);
  EXPECT_DOUBLE_EQ(region.predicted_as_share, 5.0 / 12);
  name_commonest({{-1, 4}, {3, 1}}, region);
  EXPECT_EQ(region.predicted_as, -1) << "most of them get no answer at all";
  EXPECT_DOUBLE_EQ(region.predicted_as_share, 0.8);
}

TEST(SetComponent, IsTheOneThatMostMembersBelongTo) {
  World world;
  world.add_many(6, Half::confirm, 0, kBroken);
  Seen seen(std::move(world));
  EXPECT_EQ(measure_region(seen.view(), worse_around(0)).component, -1) << "no mixture";
  seen.name_components({-1, -1, -1, 2, 4, 4});
  EXPECT_EQ(measure_region(seen.view(), worse_around(0)).component, 4) << "seeds without one do not vote";
  seen.name_components({7, 5, 7, 5, -1, 3});
  EXPECT_EQ(measure_region(seen.view(), worse_around(0)).component, 5) << "the lowest of equals";
  seen.name_components({-1, -1, -1, -1, -1, -1});
  EXPECT_EQ(measure_region(seen.view(), worse_around(0)).component, -1);
}

}  // namespace
}  // namespace defuse
