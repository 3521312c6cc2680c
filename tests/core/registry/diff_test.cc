// What a fresh look means for what is known: one row for each thing that can happen to a version.
#include "core/registry/diff.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace defuse::testing {
namespace {

enum class Outcome { nothing, hash, deleted, waits, waits_and_deleted };

struct Case {
  std::string name;
  std::optional<KnownVersion> known;
  std::optional<RegistryEntry> seen;
  Outcome outcome;
};
std::ostream& operator<<(std::ostream& out, const Case& value) { return out << value.name; }

RegistryEntry seen(EntryState state, const std::string& fingerprint) {
  RegistryEntry entry;
  entry.model = "digits";
  entry.version = "1";
  entry.state = state;
  entry.fingerprint = fingerprint;
  return entry;
}
RegistryEntry unreadable_model() {
  RegistryEntry entry;
  entry.model = "digits";
  entry.state = EntryState::refused;
  entry.problem = "no permission";
  return entry;
}
KnownVersion known(const std::string& fingerprint, bool present = true) {
  return {"digits", "1", fingerprint, present};
}

class Difference : public ::testing::TestWithParam<Case> {};

TEST_P(Difference, TellsWhatHappenedToAVersion) {
  const Case& row = GetParam();
  RegistrySnapshot snapshot;
  if (row.seen) snapshot.entries.push_back(*row.seen);
  std::vector<KnownVersion> before;
  if (row.known) before.push_back(*row.known);
  const auto changes = difference(snapshot, before, {"digits"});
  const bool hash = row.outcome == Outcome::hash;
  const bool deleted = row.outcome == Outcome::deleted || row.outcome == Outcome::waits_and_deleted;
  const bool waits = row.outcome == Outcome::waits || row.outcome == Outcome::waits_and_deleted;
  EXPECT_EQ(changes.to_hash.size(), hash ? 1U : 0U);
  EXPECT_EQ(changes.deleted.size(), deleted ? 1U : 0U);
  EXPECT_EQ(changes.not_ready.size(), waits ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Registry, Difference,
    ::testing::Values(Case{"never_seen_and_absent", {}, {}, Outcome::nothing},
                      Case{"new_and_ready", {}, seen(EntryState::ready, "f1"), Outcome::hash},
                      Case{"new_and_settling", {}, seen(EntryState::settling, "f1"), Outcome::waits},
                      Case{"new_and_refused", {}, seen(EntryState::refused, "f1"), Outcome::waits},
                      Case{"unchanged", known("f1"), seen(EntryState::ready, "f1"), Outcome::nothing},
                      Case{"replaced", known("f1"), seen(EntryState::ready, "f2"), Outcome::hash},
                      Case{"being_rewritten", known("f1"), seen(EntryState::settling, "f2"), Outcome::waits},
                      Case{"now_refused", known("f1"), seen(EntryState::refused, "f2"), Outcome::waits_and_deleted},
                      Case{"deleted", known("f1"), {}, Outcome::deleted},
                      Case{"still_deleted", known("f1", false), {}, Outcome::nothing},
                      Case{"came_back_unchanged", known("f1", false), seen(EntryState::ready, "f1"), Outcome::hash},
                      Case{"came_back_changed", known("f1", false), seen(EntryState::ready, "f2"), Outcome::hash},
                      Case{"coming_back", known("f1", false), seen(EntryState::settling, "f2"), Outcome::waits},
                      Case{"gone_and_refused", known("f1", false), seen(EntryState::refused, "f2"), Outcome::waits},
                      Case{"its_model_folder_unreadable", known("f1"), unreadable_model(), Outcome::waits}),
    [](const auto& row) { return row.param.name; });

TEST(DifferenceOfModels, IgnoresThoseThatNobodyWatches) {
  RegistrySnapshot snapshot;
  snapshot.entries = {seen(EntryState::ready, "f1"), seen(EntryState::settling, "f1"), unreadable_model()};
  const auto changes = difference(snapshot, {known("f0"), {"digits", "7", "f7", true}}, {"faces"});
  EXPECT_TRUE(changes.to_hash.empty());
  EXPECT_TRUE(changes.deleted.empty());
  EXPECT_TRUE(changes.not_ready.empty());
}

TEST(DifferenceOfModels, KeepsEqualVersionsOfDifferentModelsApart) {
  RegistrySnapshot snapshot;
  snapshot.entries = {seen(EntryState::ready, "f1")};
  const auto changes = difference(snapshot, {known("f1"), {"faces", "1", "f1", true}}, {"digits", "faces"});
  EXPECT_TRUE(changes.to_hash.empty());
  ASSERT_EQ(changes.deleted.size(), 1U);
  EXPECT_EQ(changes.deleted[0].model, "faces");
}

TEST(DifferenceOfModels, AnUnreadableModelFolderHidesOnlyItsOwnVersions) {
  RegistrySnapshot snapshot;
  snapshot.entries = {unreadable_model()};
  const auto changes = difference(snapshot, {known("f1"), {"faces", "1", "f1", true}}, {"digits", "faces"});
  ASSERT_EQ(changes.deleted.size(), 1U);
  EXPECT_EQ(changes.deleted[0].model, "faces");
}

}  // namespace
}  // namespace defuse::testing
