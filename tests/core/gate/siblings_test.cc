// The noise floor's station, through whole pipelines: sibling versions are run as the incumbent is, and what they show
// becomes the limit that the checks hold the candidate to.
#include "core/gate/siblings.h"

#include <algorithm>
#include <cmath>

#include "core/base/files.h"
#include "core/wire/documents.h"
#include "tests/core/gate/band_line.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;
using testing::kClasses;
using testing::kShape;
using testing::ModelKind;

class SiblingsStation : public testing::BandLine {
 protected:
  // A linear model that sees class `label` at only this share of its brightness. The background of the other classes
  // has 0.15, images of the class have 0.65 to 0.95: at a share of 0.24 the faintest few break, at 0 all of them.
  ArtifactRef dimmed(const std::string& version, std::size_t label, float share) {
    auto weights = testing::band_weights(kShape, kClasses);
    for (float& w : weights.row(label)) w *= share;
    testing::save_linear_model(tree_ / (version + ".pt"), weights);
    return artifact(version, version + ".pt");
  }
  ArtifactRef other(const std::string& version, ModelKind kind) {
    testing::save_model(tree_ / (version + ".pt"), kind, kShape, kClasses);
    return artifact(version, version + ".pt");
  }
  void add_sibling(const ArtifactRef& a) { job_.siblings.push_back({a.version, a.digest, a.path, {}}); }
  void add_two_siblings() {
    add_sibling(dimmed("a", 1, 0.238F));
    add_sibling(dimmed("b", 2, 0.238F));
  }
  void break_the_candidate() { job_.candidate = dimmed("bad", 0, 0); }

  WorkerResult judged() {
    auto result = run();
    if (result) return std::move(*result);
    ADD_FAILURE() << result.error().describe();
    return {};
  }
  NoiseFloor floor() {
    auto result = judged();
    if (result.noise_floor) return std::move(*result.noise_floor);
    ADD_FAILURE() << "no noise floor was looked for";
    return {};
  }
  static const Finding* find(const WorkerResult& result, const std::string& id) {
    for (const auto& check : result.checks)
      for (const auto& finding : check.findings)
        if (finding.id == id) return &finding;
    return nullptr;
  }
  // Limits of the findings on regions: what the check was held to.
  static std::vector<double> region_limits(const WorkerResult& result, Measure measure) {
    std::vector<double> limits;
    for (const auto& region : result.regions)
      if (const auto* f = find(result, "misclassification_regions/" + region.id); f && region.measure == measure)
        limits.push_back(f->limit);
    return limits;
  }
  std::vector<fs::path> entries(const std::string& station) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(tree_ / "cache"))
      if (entry.path().filename() == "meta.json" &&
          entry.path().string().find("/" + station + "/") != std::string::npos)
        found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(SiblingsStation, NobodyAskedForAFloorSoNoneIsMade) { EXPECT_FALSE(judged().noise_floor); }

TEST_F(SiblingsStation, AFloorThatIsWantedSaysThatTheLineHasNoOtherVersionYet) {
  job_.settings.noise_floor.last_promoted = 3;
  const auto made = floor();
  EXPECT_FALSE(made.made());
  EXPECT_EQ(made.problem, "no other version of the line was promoted yet");
}

TEST_F(SiblingsStation, EquallyGoodVersionsSetTheLimitsThatTheChecksHoldTheCandidateTo) {
  add_two_siblings();
  break_the_candidate();
  const auto result = judged();
  ASSERT_TRUE(result.noise_floor);
  const auto& floor = *result.noise_floor;
  EXPECT_TRUE(floor.made()) << floor.problem;
  EXPECT_EQ(floor.counted, 2);
  EXPECT_EQ(floor.flips.values, 4) << "two siblings, both ways";
  EXPECT_EQ(floor.region.values, 4);
  EXPECT_GT(floor.flips.largest, 0) << "the siblings break the faintest images";
  EXPECT_LT(floor.flips.largest, 0.02);
  const auto& defaults = job_.settings.checks.misclassification_regions;
  EXPECT_EQ(floor.region.default_limit, defaults.min_increase);
  EXPECT_GT(floor.region.limit, defaults.min_increase) << "they break all of their faintest images: that widens it";
  EXPECT_LE(floor.region.limit, 0.9);
  const auto limits = region_limits(result, Measure::flips);
  const auto clear_limits = region_limits(result, Measure::clear_flips);
  ASSERT_FALSE(limits.empty() && clear_limits.empty()) << "a class that is lost makes a region";
  for (const double limit : limits) EXPECT_DOUBLE_EQ(limit, floor.region.limit);
  for (const double limit : clear_limits) EXPECT_DOUBLE_EQ(limit, floor.clear_region.limit);
  const auto* flips = find(result, "negative_flips/floor/overall");
  ASSERT_NE(flips, nullptr);
  EXPECT_DOUBLE_EQ(flips->limit, floor.flips.limit);
  EXPECT_EQ(flips->decision, Decision::violation);
  EXPECT_LT(floor.flips.p, 0.01);
  EXPECT_EQ(floor.flips.at_least, 0) << "no sibling differs as the candidate does";
}

TEST_F(SiblingsStation, VersionsThatAnswerAlikeTightenTheLimitForRegions) {
  for (const auto& [version, factor] : {std::pair{"a", 3.0F}, std::pair{"b", 4.0F}}) {
    testing::save_linear_model(tree_ / (std::string(version) + ".pt"),
                               scaled(testing::band_weights(kShape, kClasses), factor));
    add_sibling(artifact(version, std::string(version) + ".pt"));
  }
  const auto made = floor();
  EXPECT_TRUE(made.made()) << made.problem;
  EXPECT_EQ(made.counted, 2);
  EXPECT_EQ(made.region.largest, 0);
  EXPECT_LT(made.region.limit, job_.settings.checks.misclassification_regions.min_increase);
  EXPECT_GT(made.region.limit, 0);
}

TEST_F(SiblingsStation, ACandidateLikeTheSiblingsPassesBesideThem) {
  add_two_siblings();
  job_.candidate = dimmed("c", 0, 0.238F);
  const auto result = judged();
  ASSERT_TRUE(result.noise_floor && result.noise_floor->made());
  EXPECT_GT(result.noise_floor->flips.p, 0.05);
  const auto by_check = states(result);
  EXPECT_EQ(by_check.at("negative_flips"), VerdictState::pass);
  EXPECT_EQ(by_check.at("misclassification_regions"), VerdictState::pass);
}

TEST_F(SiblingsStation, OneThatCannotBeRunMakesNoFloorAndItsNeighbourAloneSetsNoLimit) {
  add_two_siblings();
  add_sibling(other("hurt", ModelKind::throws));
  break_the_candidate();
  const auto result = judged();
  ASSERT_TRUE(result.noise_floor);
  const auto& floor = *result.noise_floor;
  EXPECT_FALSE(floor.made());
  EXPECT_TRUE(floor.problem.starts_with("sibling hurt: it could not be run: ")) << floor.problem;
  EXPECT_EQ(floor.siblings.at(2).left_out, floor.problem.substr(std::string("sibling hurt: ").size()));
  EXPECT_TRUE(std::isnan(floor.flips.limit));
  EXPECT_TRUE(std::isnan(floor.region.limit));
  // The candidate is held to the configured limits, and told that there is no floor.
  for (const double limit : region_limits(result, Measure::flips))
    EXPECT_DOUBLE_EQ(limit, job_.settings.checks.misclassification_regions.min_increase);
  EXPECT_EQ(find(result, "negative_flips/floor/overall"), nullptr);
  const auto* missing = find(result, "negative_flips/floor");
  ASSERT_NE(missing, nullptr);
  EXPECT_NE(missing->sentence.find("sibling hurt"), std::string::npos);
  EXPECT_NE(missing->decision, Decision::ok);
  for (const char* check : {"accuracy", "negative_flips", "misclassification_regions"})
    EXPECT_EQ(states(result).at(check), VerdictState::fail) << check << ": a lost class fails without any floor";
}

TEST_F(SiblingsStation, OneThatIsNotInTheRegistryMakesNoFloorAndSaysSo) {
  add_two_siblings();
  job_.siblings.push_back({Version("9"), {}, "", "the registry has no version 9 of bands"});
  const auto made = floor();
  EXPECT_FALSE(made.made());
  EXPECT_EQ(made.problem, "sibling 9: the registry has no version 9 of bands");
  EXPECT_EQ(made.siblings.at(2).left_out, "the registry has no version 9 of bands");
}

TEST_F(SiblingsStation, OneWhoseFileIsAnotherOneNowIsNotTakenForTheOldOne) {
  add_two_siblings();
  dimmed("a", 1, 0);  // overwritten after the job was specified
  const auto made = floor();
  EXPECT_FALSE(made.made());
  EXPECT_NE(made.problem.find("a.pt changed"), std::string::npos) << made.problem;
}

TEST_F(SiblingsStation, VersionsThatSayNothingAboutNoiseAreLeftOutWithTheReason) {
  add_two_siblings();
  add_sibling({Version("incumbent again"), job_.incumbent->digest, job_.incumbent->path});
  add_sibling({Version("candidate again"), job_.candidate.digest, job_.candidate.path});
  add_sibling({Version("a again"), job_.siblings[0].digest, job_.siblings[0].path});
  const auto made = floor();
  EXPECT_TRUE(made.made()) << made.problem;
  EXPECT_EQ(made.counted, 2);
  EXPECT_EQ(made.siblings.at(2).left_out, "it is the incumbent itself");
  EXPECT_EQ(made.siblings.at(3).left_out, "it is the candidate itself");
  EXPECT_EQ(made.siblings.at(4).left_out, "it is the same as version a");
  EXPECT_EQ(made.region.values, 4);
}

TEST_F(SiblingsStation, WhereEverySiblingIsLeftOutThereIsNoFloor) {
  add_sibling({Version("incumbent again"), job_.incumbent->digest, job_.incumbent->path});
  const auto made = floor();
  EXPECT_FALSE(made.made());
  EXPECT_EQ(made.problem, "no sibling is left that counts");
}

TEST_F(SiblingsStation, AVersionThatIsNotEquallyGoodDoesNotWidenTheLimits) {
  add_two_siblings();
  const auto before = floor();
  add_sibling(dimmed("lost class", 0, 0));
  const auto made = floor();
  EXPECT_TRUE(made.made()) << made.problem;
  EXPECT_TRUE(made.siblings.at(2).left_out.starts_with("it is not equally good")) << made.siblings.at(2).left_out;
  EXPECT_DOUBLE_EQ(made.flips.limit, before.flips.limit);
  EXPECT_DOUBLE_EQ(made.region.limit, before.region.limit);
  EXPECT_DOUBLE_EQ(made.clear_region.limit, before.clear_region.limit);
}

TEST_F(SiblingsStation, AnswersThatAreNoNumbersNeverCountAsNoise) {
  add_two_siblings();
  add_sibling(other("numb", ModelKind::nan));
  const auto made = floor();
  EXPECT_FALSE(made.siblings.at(2).left_out.empty());
  EXPECT_LE(made.counted, 2);
}

TEST_F(SiblingsStation, ASecondGateNeedsNoSiblingsFilesAndMeasuresTheSameFloor) {
  add_two_siblings();
  const auto first = floor();
  const auto made = entries("sibling_search").size();
  EXPECT_GE(made, 4U) << "two siblings, both ways";
  fs::remove(tree_ / "a.pt");
  fs::remove(tree_ / "b.pt");
  const auto result = judged();
  ASSERT_TRUE(result.noise_floor);
  EXPECT_EQ(dump_json(to_json(*result.noise_floor)), dump_json(to_json(first)));
  EXPECT_EQ(entries("sibling_search").size(), made);
  int asked = 0;
  for (const auto& station : result.stations) {
    if (station.station != "evaluate_sibling" && station.station != "answers_sibling") continue;
    EXPECT_TRUE(station.cached) << station.station;
    ++asked;
  }
  EXPECT_GE(asked, 4);
}

TEST_F(SiblingsStation, AnotherLevelIsAnotherSearch) {
  add_two_siblings();
  floor();
  const auto made = entries("sibling_search").size();
  job_.settings.alpha = 0.01;
  floor();
  EXPECT_GT(entries("sibling_search").size(), made);
}

TEST_F(SiblingsStation, ADamagedSearchIsMadeAgainAndSaysTheSame) {
  add_two_siblings();
  const auto first = floor();
  const auto files = entries("sibling_search");
  ASSERT_GE(files.size(), 4U);
  fs::resize_file(files[0], 5);
  ASSERT_TRUE(write_file(files[1], R"({"flips": null, "clear_flips": 0.9})"));
  EXPECT_EQ(dump_json(to_json(floor())), dump_json(to_json(first)));
  EXPECT_GT(fs::file_size(files[0]), 5U);
}

TEST_F(SiblingsStation, AStopWhileASiblingIsRunStopsTheGateAndIsNoLackOfAFloor) {
  struct StopAtSibling final : Progress {
    bool stop = false;
    void report(std::string_view station, double) override { stop = stop || station == "evaluate_sibling"; }
    bool stop_requested() const override { return stop; }
  } progress;
  add_two_siblings();
  const auto checks = make_checks(job_.settings.checks);
  const auto result = run_pipeline(job_, checks, tree_ / "result", progress);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
}

TEST_F(SiblingsStation, WithoutAnIncumbentThereIsNothingToSetThemAgainst) {
  add_two_siblings();
  job_.incumbent.reset();
  const auto result = judged();
  EXPECT_FALSE(result.noise_floor);
  EXPECT_EQ(states(result).at("misclassification_regions"), VerdictState::inconclusive);
}

}  // namespace
}  // namespace defuse
