#include "core/gate/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/files.h"
#include "core/wire/documents.h"
#include "tests/core/gate/band_line.h"

namespace defuse {
namespace {

using testing::kClasses;
using testing::kShape;

class PipelineTest : public testing::BandLine {};

TEST_F(PipelineTest, AnHonestModelPassesEveryCheck) {
  const auto result = run();
  ASSERT_TRUE(result) << result.error().describe();
  for (const auto& [check, state] : states(*result)) {
    // Twelve images a spotlight are too few to say anything; it warns by default and blocks nothing.
    EXPECT_EQ(state, check == "spotlight" ? VerdictState::inconclusive : VerdictState::pass) << check;
  }
  EXPECT_EQ(result->test_images, 600);
  EXPECT_EQ(result->seeds, 1200);
  EXPECT_EQ(result->comparison->overall.negative_flips, 0);
}

TEST_F(PipelineTest, ASecondRunComesFromTheCacheAndSaysTheSame) {
  auto first = run();
  auto second = run();
  ASSERT_TRUE(first && second);
  for (const auto& station : second->stations) {
    const auto& name = station.station;
    if (name.starts_with("evaluate") || name.starts_with("answers") || name == "probes" || name == "map") {
      EXPECT_TRUE(station.cached) << name;
    }
  }
  for (auto* result : {&*first, &*second}) {
    result->stations.clear();
    result->contract.latency_ms = 0;
  }
  EXPECT_EQ(dump_json(to_json(*first)), dump_json(to_json(*second)));
}

TEST_F(PipelineTest, DrawsTheLatentSpaceWithBothModelsAnswers) {
  const auto result = run();
  ASSERT_TRUE(result) << result.error().describe();
  ASSERT_TRUE(result->map);
  EXPECT_EQ(result->map->points.size(), 1200U);
  EXPECT_TRUE(result->map->tsne) << result->map->tsne_problem;
  EXPECT_EQ(result->map->tile_height, kShape.height);
  EXPECT_TRUE(std::filesystem::exists(tree_ / "result" / result->map->sprite));
  for (const auto& point : result->map->points)
    EXPECT_EQ(point.incumbent, point.candidate) << "a scaled copy answers alike";
  ASSERT_TRUE(result->confusion);
  EXPECT_TRUE(result->confusion->incumbent);
  std::int64_t images = 0;
  for (const auto& cell : result->confusion->cells) images += cell.candidate;
  EXPECT_EQ(images, 600);
}

TEST_F(PipelineTest, ADamagedCacheIsMadeAgainAndSaysTheSame) {
  auto first = run();
  ASSERT_TRUE(first);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree_ / "cache")) {
    if (entry.path().extension() == ".npy") std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
  }
  const auto again = run();
  ASSERT_TRUE(again) << again.error().describe();
  EXPECT_EQ(states(*first), states(*again));
}

TEST_F(PipelineTest, GeneratedImagesAreKeptWhereThereIsRoomAndItSaysTheSameWithout) {
  auto kept = run();
  ASSERT_TRUE(kept) << kept.error().describe();
  EXPECT_FALSE(std::filesystem::is_empty(tree_ / "cache/generated"));
  std::filesystem::remove_all(tree_ / "cache");
  job_.cache_size = 0;
  auto decoded = run();
  ASSERT_TRUE(decoded) << decoded.error().describe();
  EXPECT_FALSE(std::filesystem::exists(tree_ / "cache/generated"));
  for (auto* result : {&*kept, &*decoded}) {
    result->stations.clear();
    result->contract.latency_ms = 0;
  }
  EXPECT_EQ(dump_json(to_json(*kept)), dump_json(to_json(*decoded)));
}

TEST_F(PipelineTest, AModelThatBreaksAClassFails) {
  auto weights = testing::band_weights(kShape, kClasses);
  for (std::size_t j = 0; j < weights.cols; ++j) weights.row(1)[j] = 0;
  testing::save_linear_model(tree_ / "new.pt", weights);
  job_.candidate = artifact("2", "new.pt");
  const auto result = run();
  ASSERT_TRUE(result);
  const auto by_check = states(*result);
  EXPECT_EQ(by_check.at("accuracy"), VerdictState::fail);
  EXPECT_EQ(by_check.at("negative_flips"), VerdictState::fail);
  EXPECT_EQ(by_check.at("misclassification_regions"), VerdictState::fail);
  const auto bug = std::find_if(result->regions.begin(), result->regions.end(),
                                [](const Region& r) { return r.status == RegionStatus::new_bug && r.label == 1; });
  ASSERT_NE(bug, result->regions.end());
  EXPECT_FALSE(bug->samples.empty());
  EXPECT_TRUE(std::filesystem::exists(tree_ / "result" / bug->samples[0].picture));
  EXPECT_TRUE(std::filesystem::exists(tree_ / "result" / bug->frozen));
  ASSERT_TRUE(bug->novelty);
  ASSERT_FALSE(bug->novelty->nearest.empty());
  EXPECT_EQ(bug->novelty->nearest[0].label, 1);
  EXPECT_TRUE(std::filesystem::exists(tree_ / "result" / bug->novelty->nearest[0].image.picture));
  ASSERT_FALSE(bug->novelty->nearest_wrong.empty()) << "the class is broken among the training images too";
  EXPECT_EQ(bug->novelty->pair_distances.size(), 5U);
  EXPECT_GT(bug->novelty->farther_pairs, 0.5);
  EXPECT_EQ(bug->frozen_cluster.empty(), false);
}

TEST_F(PipelineTest, ATruncatedCandidateIsAResultInWhichNothingPassesButSize) {
  const auto whole = read_file(tree_ / "new.pt").value();
  tree_.file("new.pt", whole.substr(0, whole.size() / 2));
  job_.candidate = artifact("2", "new.pt");
  const auto result = run();
  ASSERT_TRUE(result) << result.error().describe();
  EXPECT_FALSE(result->contract.loaded);
  for (const auto& [check, state] : states(*result)) {
    if (check == "known_regions") continue;  // no earlier bug is known, which is true whatever the candidate is
    EXPECT_EQ(state, VerdictState::error) << check;
  }
}

TEST_F(PipelineTest, AnArtifactThatChangedIsNeverJudgedAsTheOldOne) {
  job_.candidate.digest = Digest(std::string(64, '0'));
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unavailable);
  EXPECT_NE(result.error().message.find("new.pt"), std::string::npos);
}

TEST_F(PipelineTest, AnIncumbentThatCannotBeRunIsErrorNeverPass) {
  tree_.file("old.pt", "rubbish");
  job_.incumbent = artifact("1", "old.pt");
  const auto result = run();
  ASSERT_TRUE(result) << result.error().describe();
  const auto by_check = states(*result);
  for (const char* check : {"accuracy", "negative_flips", "misclassification_regions"})
    EXPECT_EQ(by_check.at(check), VerdictState::error) << check;
}

TEST_F(PipelineTest, WithoutAnIncumbentNothingIsCompared) {
  job_.incumbent.reset();
  const auto result = run();
  ASSERT_TRUE(result);
  const auto by_check = states(*result);
  EXPECT_EQ(by_check.at("contract"), VerdictState::pass);
  for (const char* check : {"accuracy", "negative_flips", "misclassification_regions"})
    EXPECT_EQ(by_check.at(check), VerdictState::inconclusive) << check;
}

TEST_F(PipelineTest, KnownBugsThatCannotBeReadAreAnError) {
  job_.known_regions.push_back({.id = "r-0123456789ab",
                                .label = 1,
                                .predicted_as = 2,
                                .first_version = "1",
                                .ambiguous = false,
                                .images = tree_ / "gone.npy",
                                .cluster = {1, 2, 3}});
  const auto result = run();
  ASSERT_TRUE(result);
  EXPECT_EQ(states(*result).at("known_regions"), VerdictState::error);
}

TEST_F(PipelineTest, DataThatCannotBeReadStopsTheGate) {
  tree_.file("data/test-labels-idx1-ubyte", "short");
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().describe().find("test-labels-idx1-ubyte"), std::string::npos);
}

}  // namespace
}  // namespace defuse
