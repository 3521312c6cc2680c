// The budget of a rescan (design 14): 10,000 versions in under a second.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "core/registry/filesystem_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

TEST(Rescan, TenThousandVersionsTakeLessThanASecond) {
  TempTree tree(TempTree::In::memory);
  for (int model = 0; model < 100; ++model)
    for (int version = 1; version <= 100; ++version) {
      const auto folder = "m" + std::to_string(model) + "/" + std::to_string(version);
      tree.file(folder + "/model.pt", "x").file(folder + "/labels.txt", "a\nb\n");
      tree.file(folder + "/manifest.json", "{\"sha256\": \"" + std::string(64, 'a') + "\"}");
    }
  FakeClock clock(SystemClock().now() + std::chrono::minutes(1));
  FilesystemSource source(tree.root(), Readiness::automatic, std::chrono::seconds(5), clock);
  const auto start = std::chrono::steady_clock::now();
  const auto snapshot = source.poll();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->entries.size(), 10'000U);
  EXPECT_EQ(snapshot->entries.back().state, EntryState::ready);
  RecordProperty("seconds", std::to_string(took.count()));
  EXPECT_LT(took.count(), 1.0);
}

}  // namespace
}  // namespace defuse::testing
