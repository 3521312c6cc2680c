#include "core/regions/label.h"

#include <gtest/gtest.h>

#include "core/regions/region.h"

namespace defuse {
namespace {

TEST(RegionLabel, EveryLabelHasOneWordThatReadsBackAsIt) {
  using Word = RegionLabel::Word;
  for (const RegionLabel& label :
       {RegionLabel(), RegionLabel(Word::confirmed), RegionLabel(Word::ambiguous), RegionLabel(Word::unrealistic),
        RegionLabel::of_class(0), RegionLabel::of_class(12), RegionLabel::of_class(2'147'483'647)}) {
    const auto read = RegionLabel::from(to_string(label));
    ASSERT_TRUE(read) << to_string(label);
    EXPECT_EQ(*read, label);
  }
  EXPECT_EQ(to_string(RegionLabel()), "");
  EXPECT_EQ(to_string(RegionLabel::of_class(12)), "class:12");
}

TEST(RegionLabel, OtherWordsAreRefused) {
  for (const char* text : {"wrong", "Confirmed", "none", " ", "class", "class:", "class:-1", "class:+1", "class: 1",
                           "class:x", "class:3x", "class:03", "class:2147483648", "class:99999999999"})
    EXPECT_FALSE(RegionLabel::from(text)) << text;
}

TEST(RegionLabel, OnlyAClassIsAClass) {
  EXPECT_EQ(RegionLabel::from("class:7")->named_class(), 7);
  EXPECT_EQ(RegionLabel::from("confirmed")->named_class(), std::nullopt);
  EXPECT_TRUE(RegionLabel::from("ambiguous")->without_class());
  EXPECT_TRUE(RegionLabel::from("unrealistic")->without_class());
  EXPECT_FALSE(RegionLabel::from("class:7")->without_class());
  EXPECT_FALSE(RegionLabel().without_class());
}

template <class E, std::size_t N>
std::string words(const std::array<E, N>& all) {
  std::string text;
  for (const E value : all) text += std::string(to_string(value)) + " ";
  return text;
}

TEST(RegionKinds, TheirWordsAreThoseOfResultsAndReports) {
  EXPECT_EQ(words(kImageKinds), "real generated ");
  EXPECT_EQ(words(kRegionEvidence), "real generated both ");
  EXPECT_EQ(words(kSpaces), "codes candidate_embedding incumbent_embedding image_statistics ");
  EXPECT_EQ(words(kRegionShapes), "ball half_space ");
  EXPECT_EQ(words(kMeasures), "flips clear_flips ");
}

}  // namespace
}  // namespace defuse
