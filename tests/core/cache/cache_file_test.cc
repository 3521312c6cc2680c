#include "core/cache/cache_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "tests/core/data/temp_folder.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

TEST(CacheFile, HasItsNameOnlyWhenItIsWhole) {
  const TempFolder folder;
  const auto target = folder / "data/pixels.raw";
  auto file = CacheFile::create(target);
  ASSERT_TRUE(file) << file.error().describe();
  ASSERT_TRUE(file->write("one "));
  ASSERT_TRUE(file->write("two"));
  EXPECT_FALSE(fs::exists(target));
  ASSERT_TRUE(file->publish());
  EXPECT_EQ(slurp(target), "one two");
  EXPECT_EQ(entries(folder / "data"), 1U) << "nothing lies beside it";
}

TEST(CacheFile, GivenUpLeavesNothing) {
  const TempFolder folder;
  {
    auto file = CacheFile::create(folder / "data/pixels.raw");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half of"));
    const CacheFile moved = std::move(*file);
  }
  EXPECT_EQ(entries(folder / "data"), 0U);
}

TEST(CacheFile, IsMadeInTheScratchFolderWhereOneIsGiven) {
  const TempFolder folder;
  const auto scratch = incoming_folder(folder.path());
  auto file = CacheFile::create(folder / "data/pixels.raw", scratch);
  ASSERT_TRUE(file) << file.error().describe();
  EXPECT_EQ(entries(scratch), 1U);
  EXPECT_EQ(entries(folder / "data"), 0U);
  ASSERT_TRUE(file->publish());
  EXPECT_EQ(entries(scratch), 0U);
  EXPECT_TRUE(fs::exists(folder / "data/pixels.raw"));
}

TEST(CacheFile, TwoOfTheSameNameDoNotMeetBeforeTheyAreWhole) {
  const TempFolder folder;
  const auto target = folder / "pixels.raw";
  auto first = CacheFile::create(target);
  auto second = CacheFile::create(target);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  ASSERT_TRUE(first->write("the first"));
  ASSERT_TRUE(second->write("second"));
  ASSERT_TRUE(second->publish());
  ASSERT_TRUE(first->publish());
  EXPECT_EQ(slurp(target), "the first");
}

TEST(CacheFile, NamesTheFolderThatIsNone) {
  const TempFolder folder;
  folder.write("data", "a file");
  const auto file = CacheFile::create(folder / "data/pixels.raw");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().describe().find((folder / "data").string()), std::string::npos) << file.error().describe();
}

TEST(Places, ADamagedEntryIsSucceededUnderTheNextName) {
  const TempFolder folder;
  const auto entry = folder / "key";
  EXPECT_EQ(newest_place(entry), entry) << "none is there";
  EXPECT_EQ(free_place(entry), entry);
  fs::create_directory(entry);
  EXPECT_EQ(newest_place(entry), entry);
  EXPECT_EQ(free_place(entry), folder / "key-2");
  fs::create_directory(folder / "key-2");
  fs::create_directory(folder / "key-4");  // beyond a gap: of no row of successors
  EXPECT_EQ(newest_place(entry), folder / "key-2");
  EXPECT_EQ(free_place(entry), folder / "key-3");
}

TEST(Places, AFileKeepsItsSuffix) {
  const TempFolder folder;
  const auto file = folder.write("key.raw", "damaged");
  EXPECT_EQ(free_place(file), folder / "key-2.raw");
}

TEST(Places, ALinkThatLeadsNowhereTakesItsPlace) {
  const TempFolder folder;
  fs::create_symlink(folder / "nowhere", folder / "key");
  EXPECT_EQ(free_place(folder / "key"), folder / "key-2");
}

}  // namespace
}  // namespace defuse
