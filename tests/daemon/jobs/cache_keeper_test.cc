#include "daemon/jobs/cache_keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "tests/daemon/support.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

struct Keeper : testing::Test {
  test::TempFolder folder;
  test::HandClock clock;
  boost::asio::io_context io;
  std::unique_ptr<LiveState> live;
  std::unique_ptr<CacheKeeper> keeper;

  void SetUp() override { allow(0); }
  void allow(std::uint64_t bytes) {
    Config config;
    config.cache.size = bytes;
    live = std::make_unique<LiveState>(std::make_shared<const Config>(config), folder.path() / "defused.db", clock);
    keeper = std::make_unique<CacheKeeper>(io, *live, folder.path() / "cache");
  }
  // An entry that went unused for an hour.
  fs::path entry(const std::string& name) const {
    const auto file = folder.file("cache/" + name + "/blob", std::string(100'000, 'x'));
    const auto hour_ago = SystemClock().now() - std::chrono::hours(1);
    const timespec both[2] = {{hour_ago.time_since_epoch().count() / 1000, 0},
                              {hour_ago.time_since_epoch().count() / 1000, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, file.parent_path().c_str(), both, 0), 0);
    return file.parent_path();
  }
  void finish() {  // a collection keeps the loop alive until it has said what it did
    io.restart();
    io.run();
  }
  bool freed() const { return live->metrics().find("defused_cache_freed_bytes_total 0\n") == std::string::npos; }
};

TEST_F(Keeper, CollectsAndCountsWhatItFreed) {
  const auto old = entry("probes/a");
  keeper->collect();
  finish();
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(freed());
}

TEST_F(Keeper, LeavesAloneWhatFitsTheConfiguredSize) {
  allow(1 << 20);
  const auto old = entry("probes/a");
  keeper->collect();
  finish();
  EXPECT_TRUE(fs::exists(old));
  EXPECT_FALSE(freed());
}

TEST_F(Keeper, LeavesAloneWhatARunningJobUsesUntilItHasEnded) {
  const auto used = entry("probes/a");
  const auto unused = entry("probes/b");
  keeper->job_begins();
  mark_used(used);
  keeper->collect();
  finish();
  EXPECT_TRUE(fs::exists(used));
  EXPECT_FALSE(fs::exists(unused));
  keeper->job_ended();
  finish();
  EXPECT_FALSE(fs::exists(used));
}

TEST_F(Keeper, DropsNothingOnceTheDaemonStops) {
  const auto old = entry("probes/a");
  keeper->shut_down();
  keeper->job_begins();  // too late to open the door again
  keeper->collect();
  keeper->job_ended();
  finish();
  EXPECT_TRUE(fs::exists(old));
}

}  // namespace
}  // namespace defuse
