#include "core/regions/votes.h"

#include <gtest/gtest.h>

#include <vector>

namespace defuse {
namespace {

Tally of(const std::vector<Vote>& votes) { return tally(votes); }

TEST(Tally, OnePersonsWordCounts) {
  EXPECT_EQ(of({{"ann", "confirmed"}}).label, "confirmed");
  EXPECT_EQ(of({{"ann", "confirmed"}}).agreement, 1);
}

TEST(Tally, ThePersonsLastWordIsTheirVote) {
  const auto result = of({{"ann", "confirmed"}, {"bob", "confirmed"}, {"ann", "class:3"}, {"ann", "ambiguous"}});
  EXPECT_EQ(result.voters, 2U);
  EXPECT_EQ(result.counts.count("class:3"), 0U);
  EXPECT_EQ(result.label, "") << "one against one";
  EXPECT_EQ(result.agreement, 0.5);
}

TEST(Tally, AMajorityIsMoreThanHalf) {
  EXPECT_EQ(of({{"ann", "confirmed"}, {"bob", "confirmed"}, {"cid", "ambiguous"}}).label, "confirmed");
  EXPECT_EQ(of({{"ann", "confirmed"}, {"bob", "class:2"}, {"cid", "ambiguous"}}).label, "");
  EXPECT_EQ(of({{"ann", "a"}, {"bob", "a"}, {"cid", "b"}, {"dee", "b"}}).label, "");
}

TEST(Tally, AWordTakenBackIsNoVote) {
  const auto result = of({{"ann", "confirmed"}, {"bob", "ambiguous"}, {"bob", ""}});
  EXPECT_EQ(result.label, "confirmed");
  EXPECT_EQ(result.voters, 1U);
  EXPECT_EQ(of({{"ann", "confirmed"}, {"ann", ""}}).voters, 0U);
  EXPECT_EQ(of({}).agreement, 0);
}

}  // namespace
}  // namespace defuse
