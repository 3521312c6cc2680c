#include "core/regions/novelty.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace defuse {
namespace {

// Seeds on a line: test images at 0, 1, 2, …, 9; training images at 0.5, 1.5, … 99.5. The candidate errs on the
// training images at 30.5 and 40.5 and on the test image at 3.
struct Line {
  ProbeSet probes;
  ProbeEvaluation candidate;
  Region region;

  Line() {
    probes.codes = Matrix(110, 1);
    probes.statistics = Matrix(110, 2);
    for (std::uint32_t i = 0; i < 110; ++i) {
      const bool test = i < 10;
      probes.seeds.push_back({test ? Split::test : Split::train, test ? i : i - 10, 7, Half::discover});
      probes.codes.row(i)[0] = test ? static_cast<float>(i) : static_cast<float>(i - 10) + 0.5F;
      probes.statistics.row(i)[0] = 1000 * probes.codes.row(i)[0];
      candidate.real.push_back(7);
    }
    candidate.real[3] = candidate.real[10 + 30] = candidate.real[10 + 40] = 1;
    region.space = Space::codes;
    region.members = {{2, 0}, {4, 0}};  // their middle is 3
  }
  std::optional<RegionNovelty> look() const { return novelty_of(region, {probes, candidate, nullptr, 5}); }
};

TEST(Novelty, FindsTheNearestImagesAndTheNearestTrainingImagesThatAreWrong) {
  const Line line;
  const auto found = line.look();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->nearest.size(), kNeighboursShown);
  EXPECT_EQ(found->nearest[0].image.index, 3U) << "the test image in the middle, though it is wrong";
  EXPECT_EQ(found->nearest[0].distance, 0);
  EXPECT_EQ(found->nearest[1].distance, 0.5);
  EXPECT_EQ(found->nearest[1].image.split, Split::train);
  ASSERT_EQ(found->nearest_wrong.size(), 2U) << "training images only";
  EXPECT_EQ(found->nearest_wrong[0].image.index, 30U);
  EXPECT_EQ(found->nearest_wrong[0].distance, 27.5);
  EXPECT_EQ(found->nearest_wrong[0].image.candidate_predicted, 1);
  EXPECT_EQ(found->nearest_wrong[0].image.incumbent_predicted, -1);
  EXPECT_EQ(found->nearest_wrong[0].label, 7);
}

TEST(Novelty, MeasuresRandomPairsOfTrainingImages) {
  const Line line;
  const auto found = line.look();
  ASSERT_EQ(found->pair_distances.size(), 5U);
  EXPECT_TRUE(std::is_sorted(found->pair_distances.begin(), found->pair_distances.end()));
  // Of two of 100 places on a line P(distance > t) = (1 - t / 100)^2; 2,000 pairs give 2 points of it.
  EXPECT_NEAR(found->pair_distances[2], 29.3, 3);
  EXPECT_NEAR(found->farther_pairs, 0.525, 0.04);
  EXPECT_EQ(line.look()->pair_distances, found->pair_distances);
}

TEST(Novelty, ImageStatisticsCountInTheirStandardDeviations) {
  Line line;
  line.region.space = Space::image_statistics;
  const auto found = line.look();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->nearest_wrong[0].image.index, 30U);
  EXPECT_LT(found->nearest_wrong[0].distance, 1.0) << "not the thousands that the statistic itself differs by";
  EXPECT_NEAR(found->farther_pairs, line.look()->farther_pairs, 1e-12);
}

TEST(Novelty, SaysNothingWhereThereIsNothingToMeasure) {
  Line line;
  line.region.space = Space::incumbent_embedding;
  EXPECT_FALSE(line.look()) << "there is no incumbent";
  line.region.space = Space::codes;
  line.region.members.clear();
  EXPECT_FALSE(line.look());
}

TEST(Novelty, WithoutErrorsInTrainingThereIsNoNearestOne) {
  Line line;
  line.candidate.real.assign(110, 7);
  const auto found = line.look();
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->nearest_wrong.empty());
  EXPECT_EQ(found->farther_pairs, 0);
  EXPECT_EQ(found->nearest.size(), kNeighboursShown);
}

}  // namespace
}  // namespace defuse
