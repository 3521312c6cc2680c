#include "core/compare/comparison.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "core/base/random.h"

namespace defuse {
namespace {

using Labels = std::vector<std::int32_t>;

TEST(FourCounts, CountEachOfTheFourCasesOnce) {
  FourCounts counts;
  counts.add(/*incumbent_right=*/true, /*candidate_right=*/true);
  counts.add(true, false);
  counts.add(true, false);
  counts.add(false, true);
  counts.add(false, false);
  EXPECT_EQ(counts, (FourCounts{1, 2, 1, 1}));
  EXPECT_EQ(counts.total(), 5);
}

TEST(FourCounts, AddUpOverBatches) {
  FourCounts sum{1, 2, 3, 4};
  sum += FourCounts{10, 20, 30, 40};
  EXPECT_EQ(sum, (FourCounts{11, 22, 33, 44}));
}

TEST(Compare, CountsOverallAndPerClassAndNamesTheFlippedImages) {
  const Labels labels = {0, 0, 1, 1, 2, 2};
  const Labels incumbent = {0, 0, 1, 0, 2, 1};
  const Labels candidate = {0, 1, 0, 1, 2, 0};
  const auto got = compare(labels, incumbent, candidate, 3);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->overall, (FourCounts{2, 2, 1, 1}));
  ASSERT_EQ(got->per_class.size(), 3U);
  EXPECT_EQ(got->per_class[0], (FourCounts{1, 1, 0, 0}));
  EXPECT_EQ(got->per_class[1], (FourCounts{0, 1, 1, 0}));
  EXPECT_EQ(got->per_class[2], (FourCounts{1, 0, 0, 1}));
  EXPECT_EQ(got->negative_flip_images, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(got->positive_flip_images, (std::vector<std::int64_t>{3}));
}

TEST(Compare, CountsAnImageWithoutFiniteLogitsAsWrong) {
  const Labels labels = {0, 1};
  const auto got = compare(labels, Labels{0, -1}, Labels{-1, -1}, 2);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->overall, (FourCounts{0, 1, 0, 1}));
}

TEST(Compare, KeepsAClassThatHasNoImage) {
  const auto got = compare(Labels{0}, Labels{0}, Labels{0}, 3);
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->per_class.size(), 3U);
  EXPECT_EQ(got->per_class[2].total(), 0);
}

TEST(Compare, OfNoImagesIsEmptyNotAnError) {
  const auto got = compare(Labels{}, Labels{}, Labels{}, 2);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->overall.total(), 0);
}

TEST(Compare, RefusesPredictionsOfOtherLength) {
  for (const auto& got :
       {compare(Labels{0, 1}, Labels{0}, Labels{0, 1}, 2), compare(Labels{0, 1}, Labels{0, 1}, Labels{0}, 2)}) {
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, ErrorCode::invalid_input);
  }
}

TEST(Compare, RefusesALabelOutOfRangeAndNamesItsImage) {
  for (const std::int32_t bad : {-1, 2, 700}) {
    const auto got = compare(Labels{0, 1, bad}, Labels{0, 1, 0}, Labels{0, 1, 0}, 2);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, ErrorCode::invalid_input);
    EXPECT_NE(got.error().message.find("image 2"), std::string::npos) << got.error().message;
  }
  EXPECT_FALSE(compare(Labels{}, Labels{}, Labels{}, 0).has_value());
}

TEST(Compare, SwappingTheModelsMirrorsTheCounts) {
  RandomStream random(4);
  Labels labels(500), incumbent(500), candidate(500);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<std::int32_t>(random.below(7));
    incumbent[i] = static_cast<std::int32_t>(random.below(8)) - 1;
    candidate[i] = random.below(2) == 0 ? labels[i] : incumbent[i];
  }
  const auto one = compare(labels, incumbent, candidate, 7);
  const auto two = compare(labels, candidate, incumbent, 7);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->overall.negative_flips, two->overall.positive_flips);
  EXPECT_EQ(one->overall.both_right, two->overall.both_right);
  EXPECT_EQ(one->negative_flip_images, two->positive_flip_images);
  EXPECT_EQ(one->overall.total(), 500);
  FourCounts sum;
  for (const auto& of_class : one->per_class) sum += of_class;
  EXPECT_EQ(sum, one->overall);
}

}  // namespace
}  // namespace defuse
