#include "core/cache/station_cache.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

using testing::TempTree;

// A station that yields a text and counts how often it had to be computed.
struct Station {
  explicit Station(const std::filesystem::path& root) : cache(root) {}
  Result<std::string> run(const std::string& key, bool& cached) {
    return cache.get<std::string>(
        "letters", key, [](const auto& folder) { return read_file(folder / "text", 100); },
        [&]() -> Result<std::string> {
          ++computed;
          if (broken) return fail(ErrorCode::exhausted, "no memory");
          return "result of " + key;
        },
        [](const std::string& text, const auto& folder) { return write_atomically(folder / "text", text); }, cached);
  }
  StationCache cache;
  int computed = 0;
  bool broken = false;
};

TEST(StationCache, ComputesOncePerKey) {
  const TempTree tree;
  Station station(tree / "cache");
  bool cached = true;
  EXPECT_EQ(station.run("a", cached).value(), "result of a");
  EXPECT_FALSE(cached);
  EXPECT_EQ(station.run("a", cached).value(), "result of a");
  EXPECT_TRUE(cached);
  EXPECT_EQ(station.run("b", cached).value(), "result of b");
  EXPECT_EQ(station.computed, 2);
}

TEST(StationCache, AFailedStationLeavesNothingBehind) {
  const TempTree tree;
  Station station(tree / "cache");
  bool cached = false;
  station.broken = true;
  EXPECT_EQ(station.run("a", cached).error().code, ErrorCode::exhausted);
  station.broken = false;
  EXPECT_TRUE(station.run("a", cached));
  EXPECT_EQ(station.computed, 2);
}

TEST(StationCache, ADamagedEntryIsMadeAgain) {
  TempTree tree;
  Station station(tree / "cache");
  bool cached = false;
  ASSERT_TRUE(station.run("a", cached));
  tree.remove("cache/letters/a/text");
  EXPECT_EQ(station.run("a", cached).value(), "result of a");
  EXPECT_FALSE(cached);
  EXPECT_EQ(tree.read("cache/letters/a/text"), "result of a");
}

}  // namespace
}  // namespace defuse
