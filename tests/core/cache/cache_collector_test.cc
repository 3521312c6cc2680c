#include "core/cache/cache_collector.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "core/base/files.h"
#include "core/cache/station_cache.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::TempTree;

constexpr std::uint64_t kEntry = 64 << 10;
constexpr std::uint64_t kAllowance = 16 << 10;  // for the folders themselves, on whatever file system this runs

struct Cache : ::testing::Test {
  TempTree tree;
  TimePoint now = SystemClock().now();
  CacheCollection asked;

  void SetUp() override {
    asked.root = tree.root() / "cache";
    asked.now = now;
    fs::create_directories(asked.root);
  }
  void set_time(const fs::path& path, TimePoint time) const {
    const auto ms = time.time_since_epoch().count();
    const timespec both[2] = {{ms / 1000, (ms % 1000) * 1'000'000}, {ms / 1000, (ms % 1000) * 1'000'000}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, AT_SYMLINK_NOFOLLOW), 0);
  }
  // An entry of 64 KiB that was used `ago`.
  fs::path entry(const std::string& name, std::chrono::milliseconds ago) const {
    const auto folder = asked.root / name;
    fs::create_directories(folder);
    EXPECT_TRUE(write_file(folder / "blob.npy", std::string(kEntry, 'x')));
    set_time(folder / "blob.npy", now - ago);
    set_time(folder, now - ago);
    return folder;
  }
  std::string dead_scratch() const {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
    return "tmp-" + std::to_string(child) + "-0";
  }
};

TEST_F(Cache, WithinItsBudgetLosesNothing) {
  const auto kept = entry("generator/a", minutes(60 * 24 * 365));
  asked.budget = 10 * kEntry;
  const auto sweep = collect_cache(asked);
  EXPECT_TRUE(fs::exists(kept / "blob.npy"));
  EXPECT_EQ(sweep.dropped, 0u);
  EXPECT_EQ(sweep.freed, 0u);
  EXPECT_GE(sweep.before, kEntry);
  EXPECT_FALSE(sweep.over_budget);
}

TEST_F(Cache, OverItsBudgetLosesWhatWentUnusedLongestOfWhateverStation) {
  const auto oldest = entry("probes/a", minutes(30));
  const auto old = entry("generator/b", minutes(20));
  const auto fresh = entry("answers/c", minutes(10));
  asked.budget = 2 * (kEntry + kAllowance);
  const auto sweep = collect_cache(asked);
  EXPECT_FALSE(fs::exists(oldest));
  EXPECT_TRUE(fs::exists(old / "blob.npy"));
  EXPECT_TRUE(fs::exists(fresh / "blob.npy"));
  EXPECT_EQ(sweep.dropped, 1u);
  EXPECT_GE(sweep.freed, kEntry);
  EXPECT_FALSE(sweep.over_budget);
}

TEST_F(Cache, ABudgetOfNothingEmptiesItButLeavesTheStations) {
  entry("probes/a", minutes(30));
  entry("generator/b", minutes(20));
  const auto sweep = collect_cache(asked);
  EXPECT_EQ(sweep.dropped, 2u);
  EXPECT_EQ(sweep.freed, sweep.before);
  EXPECT_TRUE(fs::is_empty(asked.root / "probes"));
  EXPECT_TRUE(fs::is_empty(asked.root / "generator"));
}

TEST_F(Cache, UseMakesAnEntryYoungAgain) {
  const auto used = entry("probes/a", minutes(30));
  const auto unused = entry("probes/b", minutes(20));
  mark_used(used);
  asked.budget = kEntry + kAllowance;
  EXPECT_EQ(collect_cache(asked).dropped, 1u);
  EXPECT_TRUE(fs::exists(used / "blob.npy"));
  EXPECT_FALSE(fs::exists(unused));
}

TEST_F(Cache, MarkingWhatIsNotThereDoesNothing) {
  mark_used(asked.root / "probes" / "gone");
  EXPECT_FALSE(fs::exists(asked.root / "probes"));
}

TEST_F(Cache, UnpackedDataSetsAreFilesAndCountAsEntries) {
  const auto file = asked.root / "data" / "0123.raw";
  fs::create_directories(file.parent_path());
  ASSERT_TRUE(write_file(file, std::string(kEntry, 'x')));
  set_time(file, now - minutes(30));
  const auto fresh = entry("probes/a", minutes(1));
  asked.budget = kEntry + kAllowance;
  EXPECT_EQ(collect_cache(asked).dropped, 1u);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::exists(fresh / "blob.npy"));
}

TEST_F(Cache, WhatTheRunningJobUsedStaysEvenOverBudget) {
  const auto before = entry("probes/a", minutes(30));
  const auto in_use = entry("probes/b", minutes(5));
  asked.in_use_since = [&] { return now - minutes(6); };
  const auto sweep = collect_cache(asked);
  EXPECT_FALSE(fs::exists(before));
  EXPECT_TRUE(fs::exists(in_use / "blob.npy"));
  EXPECT_TRUE(sweep.over_budget);
}

TEST_F(Cache, AJobThatBeginsMeanwhileIsHeededBeforeEachDrop) {
  const auto first = entry("probes/a", minutes(30));
  const auto second = entry("probes/b", minutes(20));
  int asked_before = 0;
  asked.in_use_since = [&] { return asked_before++ == 0 ? TimePoint::max() : now - minutes(25); };
  EXPECT_EQ(collect_cache(asked).dropped, 1u);
  EXPECT_FALSE(fs::exists(first));
  EXPECT_TRUE(fs::exists(second / "blob.npy"));
}

TEST_F(Cache, AnEntryUsedSinceItWasCountedStays) {
  const auto entry_used = entry("probes/a", minutes(30));
  entry("probes/0", minutes(40));
  bool first = true;
  asked.in_use_since = [&] {
    if (std::exchange(first, false)) mark_used(entry_used);
    return TimePoint::max();
  };
  EXPECT_EQ(collect_cache(asked).dropped, 1u);
  EXPECT_TRUE(fs::exists(entry_used / "blob.npy"));
}

TEST_F(Cache, AnEntryThatVanishesMeanwhileIsNobodysProblem) {
  const auto vanishing = entry("probes/a", minutes(30));
  entry("probes/0", minutes(40));
  bool first = true;
  asked.in_use_since = [&] {
    if (std::exchange(first, false)) fs::remove_all(vanishing);
    return TimePoint::max();
  };
  const auto sweep = collect_cache(asked);
  EXPECT_EQ(sweep.dropped, 1u);
  EXPECT_TRUE(sweep.problems.empty());
}

TEST_F(Cache, ThatStopsHalfWayKeepsTheRest) {
  entry("probes/a", minutes(30));
  asked.in_use_since = [] { return TimePoint::min(); };  // everything is in use: what a daemon that ends says
  EXPECT_EQ(collect_cache(asked).dropped, 0u);
}

TEST_F(Cache, ThatIsNotThereIsEmpty) {
  asked.root = tree.root() / "nothing";
  const auto sweep = collect_cache(asked);
  EXPECT_EQ(sweep.before, 0u);
  EXPECT_TRUE(sweep.problems.empty());
}

TEST_F(Cache, SaysWhatTheLastJobNeeded) {
  entry("probes/a", minutes(30));
  entry("probes/b", minutes(5));
  entry("generator/c", minutes(4));
  asked.budget = 10 * kEntry;
  asked.last_job = now - minutes(6);
  const auto sweep = collect_cache(asked);
  EXPECT_GE(sweep.needed, 2 * kEntry);
  EXPECT_LT(sweep.needed, 3 * kEntry);
}

TEST_F(Cache, ScratchOfTheDeadGoesAndThatOfTheLivingStays) {
  const auto dead = entry("probes/" + dead_scratch(), minutes(30));
  const auto lately = entry("answers/" + dead_scratch(), minutes(1));
  const auto alive = entry("probes/tmp-" + std::to_string(::getppid()) + "-0", minutes(30));
  const auto foreign = entry("probes/tmp-of-an-editor", minutes(30));
  asked.budget = 10 * (kEntry + kAllowance);
  const auto sweep = collect_cache(asked);
  EXPECT_EQ(sweep.scratch, 1u);
  EXPECT_GE(sweep.freed, kEntry);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(lately)) << "its process may run in another container";
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(Cache, WhatAKilledCollectionLeftIsRemovedByTheNext) {
  const auto left = entry("probes/" + dead_scratch() + "-dropped-0-a", minutes(0));
  const auto ours = entry("probes/tmp-" + std::to_string(::getpid()) + "-dropped-0-b", minutes(0));
  asked.budget = 10 * kEntry;
  EXPECT_EQ(collect_cache(asked).scratch, 2u);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_FALSE(fs::exists(ours));
}

TEST_F(Cache, LinksAreNotFollowedOutOfIt) {
  const auto outside = tree.root() / "reports" / "1";
  fs::create_directories(outside);
  ASSERT_TRUE(write_file(outside / "report.json", "{}"));
  fs::create_directory_symlink(tree.root() / "reports", asked.root / "probes");  // in a station's place
  const auto whole = entry("answers/a", minutes(30));
  fs::create_directory_symlink(outside, whole / "inside");
  fs::create_directory_symlink(outside, asked.root / "answers" / "b");
  const auto sweep = collect_cache(asked);
  EXPECT_EQ(sweep.dropped, 1u);
  EXPECT_FALSE(fs::exists(whole));
  EXPECT_TRUE(fs::exists(outside / "report.json"));
}

TEST_F(Cache, WhatMayNotBeRemovedIsNamedAndTheRestGoes) {
  const auto locked = entry("probes/a", minutes(30));
  const auto other = entry("answers/b", minutes(20));
  const bool root = ::geteuid() == 0;  // whom no mode stops
  constexpr uid_t kNobody = 65534;
  if (root) {
    for (const auto& path : {tree.root(), asked.root, asked.root / "answers", other, other / "blob.npy"})
      ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
  }
  fs::permissions(tree.root(), fs::perms::owner_all | fs::perms::group_all | fs::perms::others_all);
  fs::permissions(asked.root / "probes", static_cast<fs::perms>(0555));
  ASSERT_EQ(root ? ::seteuid(kNobody) : 0, 0);
  const auto sweep = collect_cache(asked);
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  fs::permissions(asked.root / "probes", fs::perms::owner_all);
  EXPECT_TRUE(fs::exists(locked / "blob.npy"));
  EXPECT_FALSE(fs::exists(other));
  EXPECT_TRUE(sweep.over_budget);
  ASSERT_EQ(sweep.problems.size(), 1u);
  EXPECT_NE(sweep.problems.front().find("probes/a"), std::string::npos) << sweep.problems.front();
}

TEST_F(Cache, AWorkerMayPublishWhileItIsCollected) {
  const StationCache cache(asked.root);
  const auto load = [](const fs::path& folder) -> Result<std::string> { return read_file(folder / "blob"); };
  const auto save = [](const std::string& text, const fs::path& folder) { return write_file(folder / "blob", text); };
  std::atomic<bool> done = false;
  std::size_t wrong = 0;
  std::thread worker([&] {
    for (int i = 0; i < 300; ++i) {
      const auto expected = std::string(5000, static_cast<char>('a' + i % 7));
      bool cached = false;
      const auto got = cache.get<std::string>(
          "probes", "key" + std::to_string(i % 7), load, [&] { return Result<std::string>(expected); }, save, cached);
      if (!got || *got != expected) ++wrong;
    }
    done = true;
  });
  std::size_t dropped = 0;
  while (!done) dropped += collect_cache(asked).dropped;
  worker.join();
  EXPECT_EQ(wrong, 0u);
  collect_cache(asked);
  EXPECT_TRUE(fs::is_empty(asked.root / "probes"));
}

}  // namespace
}  // namespace defuse
