#include "core/base/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/core/base/temporary_folder.h"

namespace defuse {
namespace {
namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

TEST(ReadFile, ReadsWholeFilesOfAnySize) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0UL, 1UL, 65536UL, 200'000UL}) {
    const std::string bytes(size, 'q');
    std::ofstream(folder.path() / "f", std::ios::binary) << bytes;
    const auto got = read_file(folder.path() / "f");
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(*got, bytes);
  }
}

TEST(ReadFile, StopsAtItsLimit) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "f") << std::string(1000, 'q');
  EXPECT_TRUE(read_file(folder.path() / "f", 1000).has_value());
  const auto got = read_file(folder.path() / "f", 999);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, ErrorCode::exhausted);
  EXPECT_NE(got.error().message.find("999"), std::string::npos);
}

TEST(ReadFile, DoesNotTrustTheSizeThatAFileClaims) {
  // Files under /proc claim to be empty.
  const auto got = read_file("/proc/self/status", 1 << 20);
  ASSERT_TRUE(got.has_value());
  EXPECT_GT(got->size(), 100U);
  EXPECT_EQ(read_file("/dev/zero", 1 << 20).error().code, ErrorCode::exhausted) << "endless files end at the limit";
}

TEST(ReadFile, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_file(folder.path() / "absent").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file(folder.path()).error().code, ErrorCode::io);
}

TEST(WriteAtomically, ReplacesTheOldContentAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "verdict.json";
  for (const std::string bytes : {"first", "", "a much longer second text"}) {
    ASSERT_TRUE(write_atomically(path, bytes).has_value());
    EXPECT_EQ(read_file(path).value(), bytes);
  }
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"verdict.json"});
}

TEST(WriteAtomically, ReadersNeverSeeAHalfWrittenFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "f";
  const std::string one(300'000, '1'), two(300'000, '2');
  ASSERT_TRUE(write_atomically(path, one).has_value());
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i)
      if (!write_atomically(path, i % 2 == 0 ? two : one)) ADD_FAILURE() << "write failed";
  });
  for (int i = 0; i < 50; ++i) {
    const auto seen = read_file(path);
    EXPECT_TRUE(seen && (*seen == one || *seen == two));
  }
  writer.join();
}

TEST(WriteAtomically, FailureKeepsTheOldContentAndNamesThePath) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "f";
  ASSERT_TRUE(write_atomically(path, "old").has_value());
  // A disk that is full: the process may write no more than 100 bytes to a file.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit tight { 100, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto got = write_atomically(path, std::string(10'000, 'n'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(read_file(path).value(), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"f"}) << "no temporary file stays behind";
}

TEST(WriteAtomically, IntoAMissingFolderIsNotFound) {
  const TemporaryFolder folder;
  const auto got = write_atomically(folder.path() / "absent" / "f", "x");
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, ErrorCode::not_found);
  EXPECT_NE(got.error().message.find("absent"), std::string::npos);
}

TEST(WriteAtomically, TemporaryNamesAreNeverListedAsVersions) {
  // They begin with "tmp-", which the registry and every reader skips; a target that is a folder forces one to be
  // cleaned up.
  const TemporaryFolder folder;
  fs::create_directories(folder.path() / "taken" / "inside");
  ASSERT_FALSE(write_atomically(folder.path() / "taken", "x").has_value());
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"taken"});
}

TEST(CopyAtomically, CopiesPlainFilesOfAnySizeWithinItsLimit) {
  const TemporaryFolder folder;
  const std::string content(3 << 20, 'm');
  std::ofstream(folder.path() / "from") << content;
  ASSERT_TRUE(copy_atomically(folder.path() / "from", folder.path() / "to", kNoLimit).has_value());
  EXPECT_EQ(read_file(folder.path() / "to").value(), content);
  EXPECT_FALSE(copy_atomically(folder.path() / "from", folder.path() / "small", 1000).has_value());
  fs::create_symlink(folder.path() / "from", folder.path() / "link");
  EXPECT_FALSE(copy_atomically(folder.path() / "link", folder.path() / "small", kNoLimit).has_value());
  EXPECT_EQ(names_in(folder.path()).size(), 3U) << "nothing half copied stays";
}

TEST(RenameSynced, GivesAFinishedFileItsName) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / ".part") << "whole";
  ASSERT_TRUE(rename_synced(folder.path() / ".part", folder.path() / "file").has_value());
  EXPECT_EQ(read_file(folder.path() / "file").value(), "whole");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"file"});
  EXPECT_FALSE(rename_synced(folder.path() / ".part", folder.path() / "file").has_value());
}

TEST(PublishFolder, RenamesIntoPlaceOrKeepsWhatIsThere) {
  const TemporaryFolder folder;
  const auto make = [&](const std::string& name, const std::string& content) {
    fs::create_directories(folder.path() / name);
    std::ofstream(folder.path() / name / "result.json") << content;
  };
  make("tmp-1", "first");
  ASSERT_TRUE(publish_folder(folder.path() / "tmp-1", folder.path() / "entry").has_value());
  EXPECT_EQ(read_file(folder.path() / "entry" / "result.json").value(), "first");
  make("tmp-2", "second");
  ASSERT_TRUE(publish_folder(folder.path() / "tmp-2", folder.path() / "entry").has_value());
  EXPECT_EQ(read_file(folder.path() / "entry" / "result.json").value(), "first");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"entry"});
}

TEST(PublishFolder, OfNothingIsAnError) {
  const TemporaryFolder folder;
  EXPECT_FALSE(publish_folder(folder.path() / "absent", folder.path() / "entry").has_value());
  EXPECT_FALSE(fs::exists(folder.path() / "entry"));
}

TEST(MakeFolder, MakesParentsAndAcceptsExistingOnes) {
  const TemporaryFolder folder;
  const auto deep = folder.path() / "a" / "b" / "c";
  ASSERT_TRUE(make_folder(deep).has_value());
  ASSERT_TRUE(make_folder(deep).has_value());
  EXPECT_TRUE(fs::is_directory(deep));
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_FALSE(make_folder(folder.path() / "file" / "below").has_value());
}

TEST(MakeFolder, MakesParentsAndIsContentWithWhatIsThere) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder.path() / "a" / "b" / "c"));
  ASSERT_TRUE(make_folder(folder.path() / "a" / "b" / "c" / ""));
  EXPECT_TRUE(fs::is_directory(folder.path() / "a" / "b" / "c"));
  std::ofstream(folder.path() / "f") << "x";
  EXPECT_EQ(make_folder(folder.path() / "f").error().code, ErrorCode::io);
  EXPECT_EQ(make_folder(folder.path() / "f" / "g").error().code, ErrorCode::io);
}

TEST(PublishFolder, TakesFoldersInsideAlong) {
  const TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder.path() / "new" / "inner"));
  ASSERT_TRUE(write_file(folder.path() / "new" / "inner" / "f", "x"));
  fs::create_symlink("/nowhere", folder.path() / "new" / "link");
  ASSERT_TRUE(publish_folder(folder.path() / "new", folder.path() / "target"));
  EXPECT_EQ(*read_file(folder.path() / "target" / "inner" / "f"), "x");
}

TEST(RemoveSynced, IsContentWithNothingThere) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "f") << "x";
  EXPECT_TRUE(remove_synced(folder.path() / "f"));
  EXPECT_FALSE(fs::exists(folder.path() / "f"));
  EXPECT_TRUE(remove_synced(folder.path() / "f"));
  EXPECT_FALSE(remove_synced(folder.path())) << "a folder is no file";
}

}  // namespace
}  // namespace defuse
