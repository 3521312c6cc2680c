// The inotify watch on real folders. Events of one process are in the queue when its system call returns, so nothing
// waits.
#include "core/registry/watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <utility>

#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

class RegistryWatchTest : public ::testing::Test {
 protected:
  RegistryWatchTest() : watch_(start()) {}

  RegistryWatch start() {
    tree_.file("models/digits/1/model.pt", "x");
    auto opened = RegistryWatch::open(tree_ / "models");
    if (!opened) throw std::runtime_error(opened.error().describe());
    return std::move(*opened);
  }
  bool readable() const {
    struct pollfd wait {
      watch_.fd(), POLLIN, 0
    };
    return ::poll(&wait, 1, 0) == 1;
  }
  bool changed() {
    const auto events = watch_.drain();
    if (!events) ADD_FAILURE() << events.error().describe();
    return events && events->changed;
  }

  TempTree tree_;
  RegistryWatch watch_;
};

TEST_F(RegistryWatchTest, IsSilentWhileNothingHappens) {
  EXPECT_FALSE(readable());
  EXPECT_FALSE(changed());
  EXPECT_EQ(watch_.watched(), 3U);
  EXPECT_EQ(watch_.unwatched(), 0U);
}

TEST_F(RegistryWatchTest, ReadingAModelIsNoChange) {
  tree_.read("models/digits/1/model.pt");
  EXPECT_FALSE(changed());
}

TEST_F(RegistryWatchTest, TellsOfANewVersionAndOfWhatIsLaterWrittenIntoIt) {
  tree_.folder("models/digits/2");
  EXPECT_TRUE(readable());
  EXPECT_TRUE(changed());
  EXPECT_FALSE(readable());
  tree_.file("models/digits/2/model.pt", "x");
  EXPECT_TRUE(changed());
  tree_.file("models/digits/2/READY");
  EXPECT_TRUE(changed());
}

TEST_F(RegistryWatchTest, TellsOfANewModelWithEverythingBelowIt) {
  tree_.file("models/faces/1/model.pt", "x");
  EXPECT_TRUE(changed());
  EXPECT_EQ(watch_.watched(), 5U);
  tree_.file("models/faces/1/labels.txt", "x");
  EXPECT_TRUE(changed());
}

TEST_F(RegistryWatchTest, TellsOfARenameFromATemporaryName) {
  tree_.file("models/digits/tmp-2/model.pt", "x");
  EXPECT_FALSE(changed()) << "temporary names are nobody's business";
  tree_.rename("models/digits/tmp-2", "models/digits/2");
  EXPECT_TRUE(changed());
  tree_.file("models/digits/2/labels.txt", "x");
  EXPECT_TRUE(changed());
}

TEST_F(RegistryWatchTest, TellsOfTouchingOverwritingAndDeleting) {
  tree_.modified("models/digits/1/model.pt", std::chrono::system_clock::now());
  EXPECT_TRUE(changed());
  tree_.file("models/digits/1/model.pt", "longer");
  EXPECT_TRUE(changed());
  tree_.remove("models/digits/1");
  EXPECT_TRUE(changed());
  EXPECT_EQ(watch_.watched(), 2U);
  tree_.remove("models/digits");
  EXPECT_TRUE(changed());
}

TEST_F(RegistryWatchTest, EditorFilesAreNoChange) {
  tree_.file("models/digits/1/.labels.txt.swp", "x").file("models/digits/1/labels.txt~", "x");
  EXPECT_FALSE(changed());
}

TEST_F(RegistryWatchTest, ARemovedRootIsUnavailable) {
  tree_.rename("models", "elsewhere");
  const auto events = watch_.drain();
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code, ErrorCode::unavailable);
}

TEST_F(RegistryWatchTest, AMissingRootCannotBeWatched) {
  const auto opened = RegistryWatch::open(tree_ / "absent");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unavailable);
}

TEST_F(RegistryWatchTest, ARefreshFindsNothingNewAndDoublesNothing) {
  ASSERT_TRUE(watch_.refresh());
  EXPECT_EQ(watch_.watched(), 3U);
}

TEST_F(RegistryWatchTest, DoesNotFollowLinks) {
  tree_.file("outside/1/model.pt", "x").link("models/linked", tree_ / "outside");
  EXPECT_TRUE(changed());
  tree_.file("outside/1/model.pt", "y");
  EXPECT_FALSE(changed());
}

TEST_F(RegistryWatchTest, SurvivesBeingMoved) {
  RegistryWatch moved = std::move(watch_);
  watch_ = std::move(moved);
  tree_.file("models/digits/1/labels.txt", "x");
  EXPECT_TRUE(changed());
}

}  // namespace
}  // namespace defuse::testing
