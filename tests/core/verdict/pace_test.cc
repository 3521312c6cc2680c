#include "core/verdict/pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace defuse {
namespace {

using std::chrono::seconds;

const TimePoint kSince{std::chrono::hours(1)};

TEST(ExpectedEnd, GoesOnAtThePaceOfThisAttempt) {
  EXPECT_EQ(expected_end({kSince, 0, kSince + seconds(30), 0.25}), kSince + seconds(120));
  // Half of it was done before: the rest took 30 s for a tenth.
  EXPECT_EQ(expected_end({kSince, 0.5, kSince + seconds(30), 0.6}), kSince + seconds(150));
  EXPECT_EQ(expected_end({kSince, 0, kSince + seconds(30), 1}), kSince + seconds(30));
}

TEST(ExpectedEnd, SaysNothingBeforeThereIsAPace) {
  EXPECT_FALSE(expected_end({kSince, 0, kSince + seconds(1), 0.5}));
  EXPECT_FALSE(expected_end({kSince, 0, kSince + seconds(60), 0.001}));
  EXPECT_FALSE(expected_end({kSince, 0.5, kSince + seconds(60), 0.2})) << "it went back";
  EXPECT_FALSE(expected_end({kSince, 0, kSince + seconds(60), std::numeric_limits<double>::quiet_NaN()}));
}

}  // namespace
}  // namespace defuse
