// A registry as large as they get. How long a scan of it takes is measured by `./dev bench speed` (daemon/rescan_s).
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "core/registry/filesystem_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

TEST(Rescan, TenThousandVersionsAreSeenInOneScan) {
  TempTree tree(TempTree::In::memory);
  for (int model = 0; model < 100; ++model)
    for (int version = 1; version <= 100; ++version) {
      const auto folder = "m" + std::to_string(model) + "/" + std::to_string(version);
      tree.file(folder + "/model.pt", "x").file(folder + "/labels.txt", "a\nb\n");
      tree.file(folder + "/manifest.json", "{\"sha256\": \"" + std::string(64, 'a') + "\"}");
    }
  FakeClock clock(SystemClock().now() + std::chrono::minutes(1));
  FilesystemSource source(tree.root(), Readiness::automatic, std::chrono::seconds(5), clock);
  const auto snapshot = source.poll();
  ASSERT_TRUE(snapshot) << snapshot.error().describe();
  EXPECT_EQ(snapshot->entries.size(), 10'000U);
  EXPECT_TRUE(std::all_of(snapshot->entries.begin(), snapshot->entries.end(),
                          [](const RegistryEntry& entry) { return entry.state == EntryState::ready; }));
}

}  // namespace
}  // namespace defuse::testing
