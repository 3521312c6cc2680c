#include "core/regions/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/core/regions/planted.h"

namespace defuse {
namespace {

using planted::make;
using planted::Options;
using planted::Shape;
using planted::World;
using ::testing::HasSubstr;

bool blocks(const Region& region) {
  return region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
}

std::vector<Region> found_in(const RegionSearchInput& input, const RegionSearchSettings& settings = {}) {
  auto regions = search_regions(input, settings);
  EXPECT_TRUE(regions) << regions.error().describe();
  return regions ? *regions : std::vector<Region>{};
}

// Share of the members that lie in the planted pocket.
double precision(const World& world, const Region& region) {
  double in = 0;
  for (const RegionMember& m : region.members) in += world.in_pocket[m.seed] ? 1 : 0;
  return in / static_cast<double>(region.members.size());
}

const Region* first_with(const std::vector<Region>& regions, RegionStatus status) {
  const auto at = std::find_if(regions.begin(), regions.end(), [&](const Region& r) { return r.status == status; });
  return at == regions.end() ? nullptr : &*at;
}

// 5,000 seeds in 8 dimensions; the pocket of 1 % of them lies in class 7.
World pocket(Shape shape = Shape::ball, double mass = 0.01) {
  Options o;
  o.shape = shape;
  o.mass = mass;
  o.seed = 5;
  return make(o);
}

TEST(RegionSearch, FindsAPlantedPocketAndDescribesIt) {
  const World world = pocket();
  const auto regions = found_in(world.input());
  ASSERT_FALSE(regions.empty());
  const Region& bug = regions.front();
  EXPECT_EQ(bug.status, RegionStatus::new_bug);
  EXPECT_EQ(bug.label, 7);
  EXPECT_EQ(bug.predicted_as, 1);  // (7 + 4) mod 10
  EXPECT_GE(bug.predicted_as_share, 0.9);
  EXPECT_EQ(bug.space, Space::codes);
  EXPECT_EQ(bug.center.size(), 8u);
  EXPECT_GE(precision(world, bug), 0.7);
  EXPECT_LE(bug.confirm.p_adjusted, 0.0125);
  EXPECT_EQ(bug.measure, Measure::clear_flips);
  EXPECT_GE(bug.confirm.net_lower, 0.20);
  EXPECT_GE(bug.confirm.seeds, 10);
  EXPECT_LT(bug.confirm.incumbent_error, 0.1);
  EXPECT_THAT(bug.sentence, HasSubstr("Images of class 7 that look like these are now read as 1: of "));
}

TEST(RegionSearch, MembersAreOfOneClassWithinTheRadiusAndNearestFirst) {
  const World world = pocket();
  for (const Region& region : found_in(world.input())) {
    double before = 0;
    for (const RegionMember& m : region.members) {
      EXPECT_EQ(world.probes.seeds[m.seed].label, region.label);
      EXPECT_GE(m.distance, before);
      before = m.distance;
    }
    // A regression's members are the seeds that did not find it; another region's are those of both halves.
    const bool regression = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
    const auto real = (regression ? 0 : region.discover.real.total()) + region.confirm.real.total();
    if (region.status != RegionStatus::suspected) {
      EXPECT_EQ(real, static_cast<std::int64_t>(region.members.size()));
    }
  }
}

TEST(RegionSearch, SameInputGivesTheSameRegions) {
  const World world = pocket();
  const auto one = found_in(world.input()), two = found_in(world.input());
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].center, two[i].center);
    EXPECT_EQ(one[i].radius, two[i].radius);
    EXPECT_EQ(one[i].sentence, two[i].sentence);
  }
}

TEST(RegionSearch, ThreadsChangeNothing) {
  const World world = pocket();
  const auto one = found_in(world.input(), {.threads = 1}), many = found_in(world.input(), {.threads = 4});
  ASSERT_EQ(one.size(), many.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].center, many[i].center);
    EXPECT_EQ(one[i].sentence, many[i].sentence);
  }
}

// The rule on which every p value rests: a seed is judged by a region that was found without it. With nothing to find
// on one half, the other half's seeds are judged by nothing.
TEST(RegionSearch, ASeedIsJudgedByARegionFoundWithoutIt) {
  World world = pocket();
  for (std::size_t i = 0; i < world.probes.seeds.size(); ++i) {
    if (world.probes.seeds[i].half != Half::confirm) continue;
    world.candidate.real[i] = world.incumbent.real[i];
    world.candidate.real_margin[i] = world.incumbent.real_margin[i];
    for (std::size_t q = i * 10; q < (i + 1) * 10; ++q) {
      world.candidate.perturbed[q] = world.incumbent.perturbed[q];
      world.candidate.perturbed_margin[q] = world.incumbent.perturbed_margin[q];
    }
  }
  std::vector<RegressionTest> tests;
  auto input = world.input();
  input.tests = &tests;
  for (const Region& region : found_in(input)) {
    EXPECT_NE(region.status, RegionStatus::new_bug) << "the bug shows on the half that found it only";
    EXPECT_NE(region.status, RegionStatus::worse);
  }
  bool looked = false;
  for (const RegressionTest& test : tests) {
    if (test.label != 7) continue;
    looked = true;
    EXPECT_EQ(test.net, 0);
    for (const RegionMember& m : test.members) EXPECT_EQ(world.probes.seeds[m.seed].half, Half::confirm);
  }
  EXPECT_TRUE(looked);
}

TEST(RegionSearch, ABugThatBothHaveIsInherited) {
  World world = pocket();
  world.incumbent = world.candidate;  // the very same model
  const auto regions = found_in(world.input());
  ASSERT_FALSE(regions.empty());
  EXPECT_EQ(regions.front().status, RegionStatus::inherited);
  EXPECT_EQ(regions.front().label, 7);
  EXPECT_GE(precision(world, regions.front()), 0.6);
  EXPECT_THAT(regions.front().sentence, HasSubstr("weak spot of both models"));
  for (const Region& region : regions) EXPECT_FALSE(blocks(region));
}

TEST(RegionSearch, ABugThatIsGoneIsFixed) {
  World world = pocket();
  std::swap(world.incumbent, world.candidate);
  const auto regions = found_in(world.input());
  const Region* fixed = first_with(regions, RegionStatus::fixed);
  ASSERT_NE(fixed, nullptr);
  EXPECT_EQ(fixed->label, 7);
  EXPECT_LT(fixed->confirm.net_flip_rate, -0.2);
  EXPECT_LE(fixed->confirm.p_adjusted, 0.0125);
  for (const Region& region : regions) EXPECT_FALSE(blocks(region)) << region.sentence;
}

TEST(RegionSearch, AWeakSpotThatGrewIsWorseNotNew) {
  World world = pocket(Shape::ball, 0.02);
  RandomStream random(3);
  for (std::size_t i = 0; i < world.probes.seeds.size(); ++i) {
    if (!world.in_pocket[i] || random.uniform() > 0.3) continue;
    world.incumbent.real[i] = 1;  // the incumbent failed on about a third of them
    for (std::size_t q = i * 10; q < (i + 1) * 10; ++q) world.incumbent.perturbed[q] = 1;
  }
  const auto regions = found_in(world.input());
  ASSERT_FALSE(regions.empty());
  EXPECT_EQ(regions.front().status, RegionStatus::worse);
  EXPECT_GT(regions.front().confirm.incumbent_error, 0.1);
}

TEST(RegionSearch, WithoutAnIncumbentNothingIsMoreThanSuspected) {
  const World world = pocket();
  RegionSearchInput input = world.input();
  input.incumbent = nullptr;
  const auto regions = found_in(input);
  ASSERT_FALSE(regions.empty());
  for (const Region& region : regions) {
    EXPECT_EQ(region.status, RegionStatus::suspected);
    EXPECT_THAT(region.sentence, HasSubstr("no model in production yet"));
    EXPECT_EQ(region.confirm.real.negative_flips, 0);
  }
}

TEST(RegionSearch, AGeneratorThatProvesNothingIsNoEvidence) {
  World world = pocket();
  for (std::size_t i = 0; i < world.probes.seeds.size(); ++i) {  // the bug shows on generated images only
    if (!world.in_pocket[i]) continue;
    world.candidate.real[i] = world.candidate.reconstructed[i] = 7;
    world.candidate.real_margin[i] = world.incumbent.real_margin[i];
  }
  const auto with = found_in(world.input());
  ASSERT_FALSE(with.empty());
  EXPECT_EQ(with.front().status, RegionStatus::new_bug);
  EXPECT_EQ(with.front().evidence, RegionEvidence::generated);
  EXPECT_THAT(with.front().sentence, HasSubstr("generated variations"));
  RegionSearchInput input = world.input();
  input.generated_usable = false;
  for (const Region& region : found_in(input)) {
    EXPECT_EQ(region.evidence, RegionEvidence::real);
    EXPECT_EQ(region.confirm.generated.total(), 0);
    EXPECT_FALSE(blocks(region));
  }
}

TEST(RegionSearch, ImplausiblePerturbationsNeverCount) {
  World world = pocket(Shape::none);
  for (std::size_t i = 0; i < world.probes.plausible.size();
       ++i) {  // the candidate fails on every implausible one of class 7
    if (world.probes.plausible[i] == 0 && world.probes.seeds[i / 10].label == 7) world.candidate.perturbed[i] = 1;
  }
  for (const Region& region : found_in(world.input())) EXPECT_FALSE(blocks(region)) << region.sentence;
}

TEST(RegionSearch, ImagesTheDecoderLostAreNobodysFault) {
  World world = pocket(Shape::none);
  for (std::size_t i = 0; i < world.probes.seeds.size(); ++i) {
    if (world.probes.seeds[i].label != 7) continue;
    world.candidate.reconstructed[i] = world.incumbent.reconstructed[i] = 3;
    for (std::size_t q = i * 10; q < (i + 1) * 10; ++q) world.candidate.perturbed[q] = 3;
  }
  for (const Region& region : found_in(world.input())) EXPECT_FALSE(blocks(region)) << region.sentence;
}

TEST(RegionSearch, TooFewHeldBackImagesAreNeverABlock) {
  const World world = pocket();
  const auto regions = found_in(world.input(), {.min_support = 1000});
  for (const Region& region : regions) EXPECT_FALSE(blocks(region));
  const Region* suspect = first_with(regions, RegionStatus::suspected);
  ASSERT_NE(suspect, nullptr);
  EXPECT_THAT(suspect->sentence, HasSubstr("too few to decide"));
}

TEST(RegionSearch, ASmallLossThatIsCertainDoesNotBlock) {
  Options o;
  o.seeds = 20000;
  o.shape = Shape::ball;
  o.mass = 0.05;      // half of the class
  o.strength = 0.08;  // fails on 8 % of it: significant, and below the 20 % that matter
  const World world = make(o);
  for (const Region& region : found_in(world.input())) EXPECT_FALSE(blocks(region)) << region.sentence;
}

TEST(RegionSearch, AnAnswerThatIsNotFiniteCountsAsWrong) {
  World world = pocket();
  for (auto* answers : {&world.candidate.real, &world.candidate.perturbed}) {
    for (std::int32_t& v : *answers) v = v == 1 ? -1 : v;
  }
  const auto regions = found_in(world.input());
  ASSERT_FALSE(regions.empty());
  EXPECT_EQ(regions.front().label == 7 ? regions.front().predicted_as : -1, -1);
  EXPECT_TRUE(blocks(regions.front()));
}

TEST(RegionSearch, NamesTheMixtureComponentOfTheErrors) {
  const World world = pocket();
  RegionSearchInput input = world.input();
  input.mixture.means = Matrix(2, 8);
  input.mixture.component_of_seed.assign(world.probes.seeds.size(), -1);
  std::vector<double> sum(8, 0.0);
  double n = 0;
  for (std::size_t i = 0; i < world.probes.seeds.size(); ++i) {
    if (!world.in_pocket[i] || world.probes.seeds[i].half != Half::discover) continue;
    input.mixture.component_of_seed[i] = 1;
    n += 1;
    for (std::size_t j = 0; j < 8; ++j) sum[j] += static_cast<double>(world.probes.codes.row(i)[j]);
  }
  for (std::size_t j = 0; j < 8; ++j) input.mixture.means.row(1)[j] = static_cast<float>(sum[j] / n);
  const auto regions = found_in(input);
  ASSERT_FALSE(regions.empty());
  EXPECT_EQ(regions.front().component, 1);
}

TEST(RegionSearch, EmptyAndTinyInputsGiveNoRegion) {
  ProbeSet probes;
  ProbeEvaluation evaluation;
  const RegionSearchInput input{.probes = &probes,
                                .candidate = &evaluation,
                                .incumbent = &evaluation,
                                .spaces = {},
                                .mixture = {},
                                .classes = 10};
  EXPECT_TRUE(found_in(input).empty());
  Options o;
  o.seeds = 30;
  const World tiny = make(o);
  EXPECT_TRUE(found_in(tiny.input()).empty());
}

TEST(RegionSearch, RefusesWhatDoesNotFitTogether) {
  const World world = pocket();
  const auto message = [](const RegionSearchInput& input, const RegionSearchSettings& settings = {}) {
    const auto r = search_regions(input, settings);
    return r ? std::string("accepted") : r.error().message;
  };
  World other = world;
  other.candidate.probe_digest = "another";
  EXPECT_THAT(message(other.input()), HasSubstr("candidate was measured on another probe set"));
  other = world;
  other.incumbent.perturbed.pop_back();
  EXPECT_THAT(message(other.input()), HasSubstr("incumbent has no prediction for every image"));
  other = world;
  other.probes.plausible.pop_back();
  EXPECT_THAT(message(other.input()), HasSubstr("plausible"));
  other = world;
  other.probes.seeds[3].label = 10;
  EXPECT_THAT(message(other.input()), HasSubstr("label is outside"));
  RegionSearchInput short_space = world.input();
  const Matrix few(3, 8);
  short_space.spaces.push_back({Space::candidate_embedding, &few});
  EXPECT_THAT(message(short_space), HasSubstr("candidate_embedding"));
  RegionSearchInput nothing;
  EXPECT_THAT(message(nothing), HasSubstr("needs"));
  EXPECT_THAT(message(world.input(), {.alpha = 0}), HasSubstr("alpha"));
  EXPECT_THAT(message(world.input(), {.neighbourhood = {10, 10}}), HasSubstr("neighbourhood"));
  EXPECT_THAT(message(world.input(), {.max_regions = 0}), HasSubstr("max_regions"));
}

double binomial_at_least(int k, int n, double s) {
  double below = 0;
  for (int i = 0; i < k; ++i) {
    below += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) + i * std::log(s) +
                      (n - i) * std::log1p(-s));
  }
  return 1 - below;
}

TEST(SmallestDetectableShare, HasEightyPercentPowerAtTheCountThatIsNeeded) {
  for (const int n : {50, 100, 500}) {
    const double s = smallest_detectable_share(n, 10, {});
    // Five clear breaks of five: P(5 of 5 | 0.05 + 1/12) = 4e-5 <= 0.0125 x 0.35 / 10.
    EXPECT_NEAR(binomial_at_least(5, n, s), 0.8, 1e-6) << n;
  }
  EXPECT_GT(smallest_detectable_share(100, 10, {.min_clear_increase = 0.7}), smallest_detectable_share(100, 10, {}));
  EXPECT_GT(smallest_detectable_share(100, 10, {.min_support = 12}), smallest_detectable_share(100, 10, {}));
}

TEST(SmallestDetectableShare, ShrinksWithImagesAndIsNoneForTooFew) {
  EXPECT_TRUE(std::isnan(smallest_detectable_share(4, 10, {})));
  EXPECT_TRUE(std::isnan(smallest_detectable_share(0, 10, {})));
  double before = 1;
  for (const std::int64_t n : {11, 20, 50, 200, 5000}) {
    const double s = smallest_detectable_share(n, 10, {});
    EXPECT_LT(s, before);
    EXPECT_GT(s, 0);
    before = s;
  }
}

}  // namespace
}  // namespace defuse
