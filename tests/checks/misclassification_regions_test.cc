#include "checks/misclassification_regions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace defuse {
namespace {

using ::testing::HasSubstr;

// Two classes with plenty of held-back images, a good generator, an incumbent, and no region.
struct Scene {
  ProbeSet probes;
  Evaluation candidate;
  Evaluation incumbent;
  GeneratorHealth generator;
  std::vector<Region> regions;
  RegionSettings settings;
  CheckInput input;

  explicit Scene(std::int64_t confirmation_seeds = 100) {
    for (std::int64_t i = 0; i < 4 * confirmation_seeds; ++i) {
      Seed seed;
      seed.label = static_cast<std::int32_t>(i % 2);
      seed.half = (i / 2) % 2 == 0 ? Half::discover : Half::confirm;
      probes.seeds.push_back(seed);
    }
    generator.usable = true;
    input.classes = {"cat", "dog"};
    input.candidate = &candidate;
    input.incumbent = &incumbent;
    input.regions = &regions;
    input.generator = &generator;
    input.probes = &probes;
    input.alpha = 0.0125;
  }

  Region& add(RegionStatus status, const std::string& id, RegionEvidence evidence = RegionEvidence::real) {
    Region region;
    region.id = RegionId(id);
    region.status = status;
    region.evidence = evidence;
    region.sentence = "About " + id + ".";
    region.confirm.seeds = 24;
    region.confirm.candidate_error = 0.9;
    region.confirm.incumbent_error = 0.05;
    region.confirm.net_lower = 0.6;
    region.confirm.p_raw = 1e-6;
    region.confirm.p_adjusted = 1e-5;
    regions.push_back(region);
    return regions.back();
  }

  CheckResult run() const { return MisclassificationRegionsCheck(settings).run(input); }
};

TEST(MisclassificationRegions, PassesWhenEnoughWasLookedAtAndNothingFound) {
  const CheckResult result = Scene().run();
  EXPECT_EQ(result.check, "misclassification_regions");
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_TRUE(result.findings.empty());
  EXPECT_THAT(result.detectable, HasSubstr("80 % probability"));
  EXPECT_GT(result.detectable_value, 0);
  EXPECT_LT(result.detectable_value, 0.2);
}

TEST(MisclassificationRegions, AConfirmedRegionFails) {
  for (const RegionStatus status : {RegionStatus::new_bug, RegionStatus::worse}) {
    Scene scene;
    scene.add(status, "r-1");
    const CheckResult result = scene.run();
    EXPECT_EQ(result.state, VerdictState::fail);
    EXPECT_EQ(result.reason, "About r-1.");
    ASSERT_EQ(result.findings.size(), 1u);
    const Finding& f = result.findings[0];
    EXPECT_EQ(f.id, "misclassification_regions/r-1");
    EXPECT_EQ(f.region, "r-1");
    EXPECT_EQ(f.decision, Decision::violation);
    EXPECT_DOUBLE_EQ(f.value, 0.9);
    EXPECT_DOUBLE_EQ(f.incumbent_value, 0.05);
    EXPECT_DOUBLE_EQ(f.limit, 0.70);
    EXPECT_DOUBLE_EQ(f.lower, 0.6);
    EXPECT_EQ(f.n, 24);
    EXPECT_DOUBLE_EQ(f.p_adjusted, 1e-5);
  }
}

TEST(MisclassificationRegions, AViolationWithoutASentenceStillFails) {
  Scene scene;
  scene.add(RegionStatus::new_bug, "r-1").sentence.clear();
  EXPECT_EQ(scene.run().state, VerdictState::fail);
}

TEST(MisclassificationRegions, InheritedFixedAndSuspectedAreNotes) {
  Scene scene;
  scene.add(RegionStatus::inherited, "r-1");
  scene.add(RegionStatus::fixed, "r-2");
  scene.add(RegionStatus::suspected, "r-3");
  const CheckResult result = scene.run();
  EXPECT_EQ(result.state, VerdictState::pass);
  ASSERT_EQ(result.findings.size(), 3u);
  for (const Finding& f : result.findings) EXPECT_EQ(f.decision, Decision::note);
}

TEST(MisclassificationRegions, SearchThatWasNotMadeIsErrorNeverPass) {
  Scene scene;
  scene.input.regions = nullptr;
  scene.input.regions_problem = "the decoder gave NaN";
  CheckResult result = scene.run();
  EXPECT_EQ(result.state, VerdictState::error);
  EXPECT_THAT(result.reason, HasSubstr("the decoder gave NaN"));
  scene.input.regions_problem.clear();
  EXPECT_EQ(scene.run().state, VerdictState::error);
  scene.input.regions = &scene.regions;
  scene.input.probes = nullptr;
  EXPECT_EQ(scene.run().state, VerdictState::error);
}

TEST(MisclassificationRegions, MissingIncumbentIsInconclusiveNeverPass) {
  Scene scene;
  scene.input.incumbent = nullptr;
  scene.add(RegionStatus::new_bug, "r-1");  // must not happen, and must not block if it does
  const CheckResult result = scene.run();
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_TRUE(result.no_incumbent);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].decision, Decision::note);
  EXPECT_TRUE(std::isnan(result.findings[0].incumbent_value));
}

TEST(MisclassificationRegions, IncumbentThatCouldNotBeRunIsErrorNeverPass) {
  Scene scene;
  scene.input.incumbent = nullptr;
  scene.input.incumbent_problem = "its file is cut short";
  const CheckResult result = scene.run();
  EXPECT_EQ(result.state, VerdictState::error);
  EXPECT_FALSE(result.no_incumbent);
  EXPECT_THAT(result.reason, HasSubstr("cut short"));
}

TEST(MisclassificationRegions, WeakGeneratorIsInconclusiveNeverPass) {
  Scene scene;
  scene.generator.usable = false;
  scene.generator.problem = "it loses 14 points of accuracy";
  CheckResult result = scene.run();
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_FALSE(result.no_incumbent);
  EXPECT_THAT(result.reason, HasSubstr("it loses 14 points of accuracy"));
  scene.input.generator = nullptr;
  EXPECT_EQ(scene.run().state, VerdictState::inconclusive);
}

TEST(MisclassificationRegions, WeakGeneratorDoesNotHideARegionOfRealImages) {
  Scene scene;
  scene.generator.usable = false;
  scene.add(RegionStatus::new_bug, "r-generated", RegionEvidence::generated);
  EXPECT_EQ(scene.run().state, VerdictState::inconclusive);
  scene.add(RegionStatus::new_bug, "r-real", RegionEvidence::real);
  EXPECT_EQ(scene.run().state, VerdictState::fail);
}

// Waiving every violation must not turn "could not be judged" into a pass: what is missing has to be a finding of its
// own.
TEST(MisclassificationRegions, ThinEvidenceIsAFindingBesideTheViolations) {
  Scene scene;
  scene.generator.usable = false;
  scene.add(RegionStatus::new_bug, "r-real", RegionEvidence::real);
  const auto result = scene.run();
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_TRUE(std::any_of(result.findings.begin(), result.findings.end(),
                          [](const Finding& f) { return f.decision == Decision::undecided; }));
}

TEST(MisclassificationRegions, ClassesWithTooFewHeldBackImagesAreNamedAndNeverPass) {
  Scene scene;
  std::erase_if(scene.probes.seeds, [n = 0](const Seed& s) mutable { return s.label == 1 && ++n > 12; });
  const CheckResult result = scene.run();
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_THAT(result.reason, HasSubstr("dog (12)"));
  EXPECT_THAT(result.reason, ::testing::Not(HasSubstr("cat")));
  EXPECT_EQ(result.more_images, 28);  // forty are needed
}

TEST(MisclassificationRegions, NoClassesAtAllNeverPass) {
  Scene scene;
  scene.input.classes.clear();
  EXPECT_EQ(scene.run().state, VerdictState::inconclusive);
}

TEST(MisclassificationRegions, TwiceTheSupportIsEnough) {
  EXPECT_EQ(Scene(20).run().state, VerdictState::pass);
  EXPECT_EQ(Scene(19).run().state, VerdictState::inconclusive);
}

TEST(MisclassificationRegions, ShowsTheFirstFewAndSaysHowManyMore) {
  Scene scene;
  scene.settings.max_shown = 2;
  for (int i = 0; i < 5; ++i) scene.add(RegionStatus::suspected, "r-" + std::to_string(i));
  CheckResult result = scene.run();
  ASSERT_EQ(result.findings.size(), 3u);
  EXPECT_THAT(result.findings[2].sentence, HasSubstr("3 more regions"));
  EXPECT_EQ(result.findings[2].decision, Decision::note);
  // Violations are always shown, wherever they stand in the list.
  for (int i = 0; i < 4; ++i) scene.add(RegionStatus::worse, "r-worse" + std::to_string(i));
  result = scene.run();
  ASSERT_EQ(result.findings.size(), 5u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(result.findings[i].decision, Decision::violation);
  EXPECT_THAT(result.reason, HasSubstr("4 regions are new or worse"));
}

TEST(MisclassificationRegions, InfoNamesItsQuestionAndPaper) {
  const MisclassificationRegionsCheck check{RegionSettings{.mode = CheckMode::warn}};
  EXPECT_EQ(check.info().id, "misclassification_regions");
  EXPECT_TRUE(check.info().statistical);
  EXPECT_THAT(check.info().paper, HasSubstr("2102.06162"));
  EXPECT_EQ(check.mode(), CheckMode::warn);
}

}  // namespace
}  // namespace defuse
