// What the source says of real folders. ctime cannot be set, so the clock starts at the real time and is moved from
// there.
#include "core/registry/filesystem_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr seconds kSettle{5};
const std::string kSha(64, 'a');

class FilesystemSourceTest : public ::testing::Test {
 protected:
  FilesystemSourceTest() { clock_.set(SystemClock().now()); }

  RegistrySnapshot poll(Readiness readiness = Readiness::automatic) {
    auto snapshot = FilesystemSource(tree_ / "models", readiness, kSettle, clock_).poll();
    if (!snapshot) ADD_FAILURE() << snapshot.error().describe();
    return snapshot ? std::move(*snapshot) : RegistrySnapshot{};
  }
  // "1 ready", or "1 settling: why".
  std::vector<std::string> states(Readiness readiness = Readiness::automatic) {
    std::vector<std::string> out;
    for (const auto& entry : poll(readiness).entries) {
      const std::string state = entry.state == EntryState::ready      ? " ready"
                                : entry.state == EntryState::settling ? " settling: "
                                                                      : " refused: ";
      out.push_back(entry.version + state + entry.problem);
    }
    return out;
  }
  std::string state(Readiness readiness = Readiness::automatic) {
    const auto all = states(readiness);
    return all.size() == 1 ? all[0] : "not one entry but " + std::to_string(all.size());
  }
  std::string fingerprint() { return poll().entries.at(0).fingerprint; }
  void let_settle() { clock_.set(SystemClock().now() + minutes(1)); }
  std::chrono::system_clock::time_point now() const { return std::chrono::system_clock::now(); }

  TempTree tree_{TempTree::In::memory};
  FakeClock clock_;
};

// -- what is listed

TEST_F(FilesystemSourceTest, AnEmptyRegistryIsNoError) {
  tree_.folder("models");
  EXPECT_TRUE(poll().entries.empty());
  tree_.folder("models/digits");
  EXPECT_TRUE(poll().entries.empty());
}

TEST_F(FilesystemSourceTest, ReportsUnreachableRootAsUnavailable) {
  for (const auto* root : {"absent", "file", "dangling", "file/below"}) {
    TempTree tree;
    tree.file("file", "x").link("dangling", "nowhere");
    const auto snapshot = FilesystemSource(tree / root, Readiness::automatic, kSettle, clock_).poll();
    ASSERT_FALSE(snapshot) << root;
    EXPECT_EQ(snapshot.error().code, ErrorCode::unavailable) << root;
    EXPECT_THAT(snapshot.error().message, HasSubstr((tree / root).string()));
  }
}

TEST_F(FilesystemSourceTest, ListsModelsThenVersionsWithIntegersAsIntegers) {
  for (const auto* version : {"faces/1", "digits/10", "digits/9", "digits/beta"})
    tree_.file(std::string("models/") + version + "/model.pt", "x");
  std::vector<std::string> names;
  for (const auto& entry : poll().entries) names.push_back(entry.model + "/" + entry.version);
  EXPECT_THAT(names, ElementsAre("digits/9", "digits/10", "digits/beta", "faces/1"));
}

TEST_F(FilesystemSourceTest, NamesTheArtifact) {
  tree_.file("models/digits/1/model.pt", "x");
  EXPECT_EQ(poll().entries.at(0).artifact, tree_ / "models/digits/1/model.pt");
}

TEST_F(FilesystemSourceTest, NeverListsTemporaryAndHiddenNames) {
  for (const auto* folder : {"digits/.1", "digits/tmp-1", "digits/1~", "tmp-digits/1", ".digits/1"})
    tree_.file(std::string("models/") + folder + "/model.pt", "x");
  EXPECT_TRUE(poll().entries.empty());
  EXPECT_TRUE(poll().warnings.empty());
}

TEST_F(FilesystemSourceTest, ARenameFromATemporaryNameMakesAVersionAppearAtOnce) {
  tree_.file("models/digits/tmp-1/model.pt", "x").file("models/digits/tmp-1/READY");
  EXPECT_THAT(states(), IsEmpty());
  tree_.rename("models/digits/tmp-1", "models/digits/1");
  EXPECT_EQ(state(), "1 ready");
}

TEST_F(FilesystemSourceTest, ToleratesFilesOfOtherTools) {
  tree_.file("models/README.md").file("models/digits/config.pbtxt").file("models/digits/1/model.pt", "x");
  tree_.file("models/digits/1/notes.txt").folder("models/digits/1/assets");
  let_settle();
  EXPECT_EQ(state(), "1 ready");
  EXPECT_TRUE(poll().warnings.empty());
}

TEST_F(FilesystemSourceTest, WarnsAboutNamesItCannotUseAndGoesOn) {
  tree_.file("models/digits/-1/model.pt").file("models/digits/a b/model.pt").file("models/bad\nname/1/model.pt");
  tree_.file("models/digits/1/model.pt", "x");
  EXPECT_EQ(poll().entries.size(), 1U);
  EXPECT_THAT(poll().warnings, ElementsAre(HasSubstr("bad\\x0aname: not a usable model name"),
                                           HasSubstr("digits/-1: not a usable version name"),
                                           HasSubstr("digits/a b: not a usable version name")));
}

TEST_F(FilesystemSourceTest, WarnsAboutLeadingZerosAndListsThem) {
  tree_.file("models/digits/007/model.pt", "x")
      .file("models/digits/7/model.pt", "x")
      .file("models/digits/0/model.pt", "x");
  EXPECT_EQ(poll().entries.size(), 3U);
  EXPECT_THAT(poll().warnings, ElementsAre(HasSubstr("digits/007: versions with leading zeros")));
}

TEST_F(FilesystemSourceTest, ManyBadNamesDoNotMakeManyWarnings) {
  for (int i = 0; i < 150; ++i) tree_.folder("models/digits/-" + std::to_string(i));
  EXPECT_EQ(poll().warnings.size(), 101U);
  EXPECT_EQ(poll().warnings.back(), "and 50 more");
}

TEST_F(FilesystemSourceTest, OneUnreadableModelDoesNotHideTheOthers) {
  tree_.file("models/digits/1/model.pt", "x").file("models/faces/1/model.pt", "x");
  tree_.file("models/digits/2/model.pt", "x");
  std::filesystem::permissions(tree_ / "models/faces", std::filesystem::perms::none);
  std::filesystem::permissions(tree_ / "models/digits/2", std::filesystem::perms::none);
  std::filesystem::permissions(tree_.root(), std::filesystem::perms(0755));
  let_settle();
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::seteuid(root ? 65534 : ::geteuid()), 0);  // root may read everything
  const auto snapshot = poll();
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  std::filesystem::permissions(tree_ / "models/faces", std::filesystem::perms(0755));
  std::filesystem::permissions(tree_ / "models/digits/2", std::filesystem::perms(0755));
  ASSERT_EQ(snapshot.entries.size(), 3U);
  EXPECT_EQ(snapshot.entries[0].state, EntryState::ready);
  EXPECT_EQ(snapshot.entries[1].version, "2");
  EXPECT_EQ(snapshot.entries[1].state, EntryState::refused);
  EXPECT_EQ(snapshot.entries[2].model, "faces");
  EXPECT_EQ(snapshot.entries[2].version, "");
  EXPECT_EQ(snapshot.entries[2].state, EntryState::refused);
  EXPECT_THAT(snapshot.entries[2].problem, HasSubstr("Permission denied"));
}

// -- artifacts

TEST_F(FilesystemSourceTest, WaitsForTheArtifact) {
  tree_.file("models/digits/1/labels.txt", "a\n").file("models/digits/1/READY");
  let_settle();
  EXPECT_EQ(state(), "1 settling: no model.pt yet");
}

TEST_F(FilesystemSourceTest, RefusesAnArtifactThatIsNoRegularFile) {
  tree_.folder("models/digits/1/model.pt").fifo("models/digits/2/model.pt");
  let_settle();
  EXPECT_THAT(states(),
              ElementsAre("1 refused: model.pt is no regular file", "2 refused: model.pt is no regular file"));
}

TEST_F(FilesystemSourceTest, NeverWaitsOnAFifoInPlaceOfAManifest) {
  tree_.file("models/digits/1/model.pt", "x").fifo("models/digits/1/manifest.json");
  let_settle();
  EXPECT_EQ(state(), "1 refused: manifest.json is no regular file");
}

TEST_F(FilesystemSourceTest, AnEmptyArtifactIsReadyOnlyOnceSettledWhateverVouchesForIt) {
  tree_.file("models/digits/1/model.pt").file("models/digits/1/READY");
  EXPECT_THAT(state(Readiness::marker), HasSubstr("1 settling: still changing"));
  EXPECT_THAT(state(), HasSubstr("1 settling: still changing"));
  let_settle();
  EXPECT_EQ(state(Readiness::marker), "1 ready");
}

// -- links

TEST_F(FilesystemSourceTest, RefusesLinksThatLeaveTheRoot) {
  tree_.file("outside/model.pt", "x").file("outside/1/model.pt", "x").file("outside/labels.txt", "x");
  tree_.link("models/digits/1", tree_ / "outside").link("models/digits/2/model.pt", "../../../outside/model.pt");
  tree_.file("models/digits/3/model.pt", "x").link("models/digits/3/labels.txt", tree_ / "outside/labels.txt");
  tree_.file("models/digits/4/model.pt", "x").link("models/digits/4/manifest.json", "/etc/hostname");
  tree_.link("models/linked", tree_ / "outside");
  let_settle();
  EXPECT_THAT(states(), ElementsAre("1 refused: the version folder is a link that leaves the registry",
                                    "2 refused: model.pt is a link that leaves the registry",
                                    "3 refused: labels.txt is a link that leaves the registry",
                                    "4 refused: manifest.json is a link that leaves the registry",
                                    " refused: the model folder is a link that leaves the registry"));
}

TEST_F(FilesystemSourceTest, ARootWhoseNameIsAPrefixIsStillOutside) {
  tree_.file("models-secret/1/model.pt", "x").link("models/digits/1", tree_ / "models-secret/1");
  let_settle();
  EXPECT_THAT(state(), HasSubstr("leaves the registry"));
}

TEST_F(FilesystemSourceTest, FollowsLinksInsideTheRoot) {
  tree_.file("models/blobs/5/model.pt", "x").link("models/digits/1/model.pt", "../../blobs/5/model.pt");
  tree_.link("models/digits/2", "../blobs/5");
  let_settle();
  EXPECT_THAT(states(), ElementsAre("5 ready", "1 ready", "2 ready"));
}

TEST_F(FilesystemSourceTest, ALinkToNothingWaitsAndALoopIsRefused) {
  tree_.link("models/digits/1/model.pt", "nowhere.pt").link("models/digits/2", "2");
  let_settle();
  EXPECT_THAT(states(), ElementsAre("1 settling: model.pt is a link to nothing (yet)",
                                    HasSubstr("2 refused: the version folder")));
}

TEST_F(FilesystemSourceTest, TheRootItselfMayBeALink) {
  tree_.file("real/digits/1/model.pt", "x").link("models", "real");
  let_settle();
  EXPECT_EQ(state(), "1 ready");
}

// -- settle

TEST_F(FilesystemSourceTest, SettlesAfterTheQuietTimeAndNotBefore) {
  tree_.file("models/digits/1/model.pt", "x");
  EXPECT_EQ(state(), "1 settling: still changing; ready once nothing has changed for 5000 ms");
  clock_.advance(kSettle - seconds(1));
  EXPECT_THAT(state(), HasSubstr("settling"));
  clock_.advance(seconds(2));
  EXPECT_EQ(state(), "1 ready");
}

TEST_F(FilesystemSourceTest, SaysToTheMillisecondWhenAVersionWillHaveSettled) {
  tree_.file("models/digits/1/model.pt", "x");
  clock_.advance(seconds(1));
  const auto left = poll().entries.at(0).settles_in;
  ASSERT_TRUE(left);
  clock_.advance(*left - std::chrono::milliseconds(1));
  EXPECT_THAT(state(), HasSubstr("settling"));
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(state(), "1 ready");
}

TEST_F(FilesystemSourceTest, AVersionThatWaitsForItsMarkerSettlesAtNoKnownTime) {
  tree_.file("models/digits/1/model.pt", "x");
  EXPECT_FALSE(poll(Readiness::marker).entries.at(0).settles_in);
}

TEST_F(FilesystemSourceTest, AnOldMtimeDoesNotHideAFreshCopy) {
  tree_.file("models/digits/1/model.pt", "x").modified("models/digits/1/model.pt", now() - hours(1000));
  EXPECT_THAT(state(), HasSubstr("settling")) << "cp -p and rsync keep old mtimes; ctime tells";
  clock_.advance(minutes(1));
  EXPECT_EQ(state(), "1 ready");
}

TEST_F(FilesystemSourceTest, AnyFileOfTheVersionKeepsItSettling) {
  tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/extra.bin", "x");
  clock_.advance(minutes(1));
  EXPECT_EQ(state(), "1 ready");
  tree_.modified("models/digits/1/extra.bin", clock_.now());
  EXPECT_THAT(state(), HasSubstr("settling"));
}

TEST_F(FilesystemSourceTest, FilesDatedInTheFutureSettleByTheirCtime) {
  tree_.file("models/digits/1/model.pt", "x").modified("models/digits/1/model.pt", now() + hours(1000));
  EXPECT_THAT(state(), HasSubstr("settling"));
  clock_.advance(minutes(1));
  EXPECT_EQ(state(), "1 ready");
}

TEST_F(FilesystemSourceTest, NothingSettlesWhileOurOwnClockIsBehind) {
  tree_.file("models/digits/1/model.pt", "x");
  clock_.advance(-hours(1));
  EXPECT_THAT(state(), HasSubstr("settling"));
  EXPECT_FALSE(poll().entries.at(0).settles_in);
}

TEST_F(FilesystemSourceTest, EditorFilesNeitherDelayNorChangeAVersion) {
  tree_.file("models/digits/1/model.pt", "x");
  clock_.advance(minutes(1));
  const auto before = fingerprint();
  tree_.file("models/digits/1/.labels.txt.swp", "x").file("models/digits/1/tmp-upload", "x");
  tree_.modified("models/digits/1/tmp-upload", clock_.now());
  EXPECT_EQ(state(), "1 ready");
  EXPECT_EQ(fingerprint(), before);
}

// -- marker

TEST_F(FilesystemSourceTest, IgnoresVersionUntilItsMarkerIsWritten) {
  tree_.file("models/digits/1/model.pt", "x");
  let_settle();
  EXPECT_EQ(state(Readiness::marker), "1 settling: no READY yet");
  tree_.file("models/digits/1/READY");
  EXPECT_EQ(state(Readiness::marker), "1 ready");
}

TEST_F(FilesystemSourceTest, AMarkerOlderThanAnyFileVouchesForNothing) {
  tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/labels.txt", "a").file("models/digits/1/READY");
  tree_.modified("models/digits/1/READY", now() - minutes(1)).modified("models/digits/1/model.pt", now() - minutes(2));
  let_settle();
  EXPECT_EQ(state(Readiness::marker), "1 settling: READY is older than labels.txt");
  EXPECT_EQ(state(), "1 settling: READY is older than labels.txt")
      << "a stale marker is not skipped in automatic either";
}

TEST_F(FilesystemSourceTest, AMarkerExactlyAsOldAsTheFilesIsEnough) {
  const auto when = now() - minutes(3);
  tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/READY");
  tree_.modified("models/digits/1/model.pt", when).modified("models/digits/1/READY", when);
  EXPECT_EQ(state(Readiness::marker), "1 ready");
}

TEST_F(FilesystemSourceTest, AMarkerMustBeARegularFile) {
  tree_.file("models/digits/1/model.pt", "x").folder("models/digits/1/READY");
  let_settle();
  EXPECT_EQ(state(), "1 settling: READY is no regular file");
}

// -- manifest

TEST_F(FilesystemSourceTest, AManifestWithADigestMakesAVersionReadyAndIsHandedOn) {
  tree_.file("models/digits/1/model.pt", "x")
      .file("models/digits/1/manifest.json", R"({"sha256": ")" + std::string(64, 'A') + "\"}");
  EXPECT_EQ(state(Readiness::manifest), "1 ready");
  EXPECT_EQ(state(), "1 ready");
  EXPECT_EQ(poll().entries.at(0).manifest_sha256, kSha) << "in lower case";
}

TEST_F(FilesystemSourceTest, ManifestModeWaitsForAManifestWithADigest) {
  tree_.file("models/digits/1/model.pt", "x");
  let_settle();
  EXPECT_EQ(state(Readiness::manifest), "1 settling: no manifest.json yet");
  tree_.file("models/digits/1/manifest.json", R"({"created_by": "ann"})");
  EXPECT_EQ(state(Readiness::manifest), "1 settling: manifest.json names no sha256");
}

TEST_F(FilesystemSourceTest, AHalfWrittenManifestKeepsAVersionSettlingInEveryMode) {
  tree_.file("models/digits/1/model.pt", "x")
      .file("models/digits/1/manifest.json", R"({"sha256": "aa)")
      .file("models/digits/1/READY");
  let_settle();
  for (const auto mode : {Readiness::automatic, Readiness::marker, Readiness::manifest, Readiness::settle})
    EXPECT_EQ(state(mode), "1 settling: manifest.json is not valid JSON");
}

TEST_F(FilesystemSourceTest, AManifestWithAStrangeDigestIsNotPassedOver) {
  for (const auto* json : {R"({"sha256": "abc"})", R"({"sha256": 7})", R"({"sha256": ["a"]})", "[]", "7"}) {
    tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/manifest.json", json);
    let_settle();
    EXPECT_THAT(state(), HasSubstr("1 settling: manifest.json")) << json;
  }
}

TEST_F(FilesystemSourceTest, AManifestWithoutADigestLeavesTheDecisionToMarkerOrSettle) {
  tree_.file("models/digits/1/model.pt", "x")
      .file("models/digits/1/manifest.json", R"({"created_by": "ann", "sha256": null})");
  EXPECT_THAT(state(), HasSubstr("still changing"));
  let_settle();
  EXPECT_EQ(state(), "1 ready");
  EXPECT_FALSE(poll().entries.at(0).manifest_sha256);
}

TEST_F(FilesystemSourceTest, AHugeManifestIsRefused) {
  tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/manifest.json", std::string((1 << 20) + 1, ' '));
  let_settle();
  EXPECT_THAT(state(), HasSubstr("1 refused: "));
  EXPECT_THAT(state(), HasSubstr("larger than 1048576 bytes"));
}

TEST_F(FilesystemSourceTest, DeeplyNestedManifestsDoNoHarm) {
  tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/manifest.json", std::string(500'000, '['));
  let_settle();
  EXPECT_THAT(state(), HasSubstr("1 settling: manifest.json is not valid JSON"));
}

// -- fingerprints

TEST_F(FilesystemSourceTest, TheFingerprintStaysWhileNothingChanges) {
  tree_.file("models/digits/1/model.pt", "x");
  const auto before = fingerprint();
  clock_.advance(hours(1));
  tree_.read("models/digits/1/model.pt");
  EXPECT_EQ(fingerprint(), before);
}

TEST_F(FilesystemSourceTest, TheFingerprintChangesWithEveryKindOfChange) {
  tree_.file("models/digits/1/model.pt", "x").file("models/digits/1/labels.txt", "a");
  std::map<std::string, std::string> seen{{fingerprint(), "start"}};
  const auto changed = [&](const std::string& what) { EXPECT_TRUE(seen.emplace(fingerprint(), what).second) << what; };
  tree_.file("models/digits/1/model.pt", "xy");
  changed("size");
  tree_.modified("models/digits/1/model.pt", now() - hours(1));
  changed("mtime");
  tree_.file("models/digits/1/new.pt", "xy").modified("models/digits/1/new.pt", now() - hours(1));
  changed("file added");
  tree_.rename("models/digits/1/new.pt", "models/digits/1/model.pt");
  changed("another inode under the old name, with the old size and mtime");
  tree_.remove("models/digits/1/labels.txt");
  changed("file removed");
  tree_.rename("models/digits/1/model.pt", "models/digits/1/blob").link("models/digits/1/model.pt", "blob");
  changed("file became a link");
}

TEST_F(FilesystemSourceTest, TheFingerprintOfALinkFollowsItsTarget) {
  tree_.file("models/blobs/5/model.pt", "x").link("models/digits/1/model.pt", "../../blobs/5/model.pt");
  const auto of_link = [&] { return poll().entries.at(1).fingerprint; };
  const auto before = of_link();
  tree_.file("models/blobs/5/model.pt", "longer");
  EXPECT_NE(of_link(), before);
}

}  // namespace
}  // namespace defuse::testing
