// The table of legal moves, pair by pair, against the picture in job_state.h.
#include "core/verdict/job_state.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace defuse::testing {
namespace {

constexpr std::array kStates{JobState::queued, JobState::running, JobState::done, JobState::failed,
                             JobState::cancelled};

// The arrows of the picture, written down a second time.
const std::set<std::pair<JobState, JobState>> kArrows{
    {JobState::queued, JobState::running},    {JobState::queued, JobState::cancelled},
    {JobState::running, JobState::done},      {JobState::running, JobState::failed},
    {JobState::running, JobState::cancelled}, {JobState::running, JobState::queued},
};

class JobStateMove : public ::testing::TestWithParam<std::tuple<JobState, JobState>> {};

TEST_P(JobStateMove, RejectsEveryMoveNotInTheTable) {
  const auto [from, to] = GetParam();
  EXPECT_EQ(may_move(from, to), kArrows.contains({from, to}));
}

INSTANTIATE_TEST_SUITE_P(EveryPair, JobStateMove,
                         ::testing::Combine(::testing::ValuesIn(kStates), ::testing::ValuesIn(kStates)),
                         [](const auto& pair) {
                           return std::string(to_string(std::get<0>(pair.param))) + "_to_" +
                                  std::string(to_string(std::get<1>(pair.param)));
                         });

TEST(JobStateTable, FinalIsExactlyWhatCannotBeLeft) {
  for (const auto from : kStates) {
    bool leaves = false;
    for (const auto to : kStates) leaves = leaves || may_move(from, to);
    EXPECT_EQ(is_final(from), !leaves) << to_string(from);
  }
}

TEST(JobStateTable, NoStateMovesToItself) {
  for (const auto state : kStates) EXPECT_FALSE(may_move(state, state)) << to_string(state);
}

TEST(JobStateText, RoundTrips) {
  std::set<std::string> names;
  for (const auto state : kStates) {
    names.emplace(to_string(state));
    const auto back = job_state_from(to_string(state));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, state);
  }
  EXPECT_EQ(names.size(), kStates.size());
}

TEST(JobStateText, AnUnknownStateIsAnErrorThatNamesIt) {
  for (const auto* text : {"", "Queued", "running ", "lost"}) {
    const auto state = job_state_from(text);
    ASSERT_FALSE(state) << text;
    EXPECT_EQ(state.error().code, ErrorCode::invalid_input);
    EXPECT_NE(state.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

}  // namespace
}  // namespace defuse::testing
