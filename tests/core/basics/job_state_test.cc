#include "core/pipeline/job_state.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <utility>

namespace defuse {
namespace {

constexpr std::array kAll = {JobState::queued, JobState::running, JobState::done, JobState::failed,
                             JobState::cancelled};

TEST(JobState, AllowsExactlyTheMovesOfTheTable) {
  const std::set<std::pair<JobState, JobState>> legal = {
      {JobState::queued, JobState::running}, {JobState::queued, JobState::cancelled},
      {JobState::running, JobState::done},   {JobState::running, JobState::failed},
      {JobState::running, JobState::queued}, {JobState::running, JobState::cancelled},
  };
  for (const auto from : kAll)
    for (const auto to : kAll)
      EXPECT_EQ(may_move(from, to), legal.count({from, to}) != 0) << to_string(from) << " -> " << to_string(to);
}

TEST(JobState, NothingLeavesAFinalState) {
  for (const auto from : kAll) {
    bool leaves = false;
    for (const auto to : kAll) leaves = leaves || may_move(from, to);
    EXPECT_EQ(is_final(from), !leaves) << to_string(from);
  }
}

TEST(JobState, ReadsWhatItWrites) {
  for (const auto state : kAll) EXPECT_EQ(job_state_from(to_string(state)).value(), state);
  EXPECT_FALSE(job_state_from("paused").has_value());
}

}  // namespace
}  // namespace defuse
