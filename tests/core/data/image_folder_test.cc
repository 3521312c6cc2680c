#include "core/data/image_folder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/image_io.h"
#include "core/data/dataset.h"
#include "tests/core/data/temp_folder.h"

namespace defuse {
namespace {

class ImageFolder : public ::testing::Test {
 protected:
  ImageFolder() { input_.shape = {1, 1, 2}; }

  static std::string grey(float a, float b) { return encode_png({1, 1, 2}, std::vector<float>{a, b}); }
  void two_classes() {
    folder_.write("data/cat/b.png", grey(0.2F, 0));
    folder_.write("data/cat/a.PNG", grey(0.4F, 0));
    folder_.write("data/dog/x.png", grey(0.6F, 1));
  }
  Result<Dataset> open(const std::vector<std::string>& classes = {}) {
    return open_dataset(FolderSource{folder_ / "data"}, input_, classes, folder_ / "cache");
  }
  std::string message(const std::vector<std::string>& classes = {}) {
    const auto data = open(classes);
    return data ? "opened" : data.error().message;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::vector<float> pixels(const Dataset& data) {
    std::vector<float> all(data.size() * static_cast<std::size_t>(data.shape().pixels()));
    data.read(0, data.size(), all);
    return all;
  }

  TempFolder folder_;
  InputSettings input_;
};

TEST_F(ImageFolder, ReadsSortedFilesWithFoldersAsClasses) {
  two_classes();
  folder_.write("data/.hidden/x.txt", "");
  folder_.write("data/cat/.DS_Store", "");
  folder_.write("data/README.md", "beside the classes");
  const auto data = open();
  ASSERT_TRUE(data) << data.error().describe();
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(std::vector<std::int32_t>(data->labels().begin(), data->labels().end()),
            (std::vector<std::int32_t>{0, 0, 1}));
  EXPECT_EQ(pixels(*data), (std::vector<float>{102 / 255.0F, 0, 51 / 255.0F, 0, 153 / 255.0F, 1}));
}

TEST_F(ImageFolder, ConfiguredClassesGiveTheOrderAndMayHaveNoImages) {
  two_classes();
  const auto data = open({"dog", "bird", "cat"});
  ASSERT_TRUE(data) << data.error().describe();
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"dog", "bird", "cat"}));
  EXPECT_EQ(std::vector<std::int32_t>(data->labels().begin(), data->labels().end()),
            (std::vector<std::int32_t>{2, 2, 0}));
  EXPECT_EQ(message({"dog", "bird"}), path("data/cat") + ": 'cat' is not one of the configured classes");
}

TEST_F(ImageFolder, ConvertsGreyAndColourToTheConfiguredChannels) {
  folder_.write("data/a/grey.png", grey(0.2F, 1));
  folder_.write("data/a/red.png", encode_png({3, 1, 2}, std::vector<float>{1, 0, 0, 0, 0, 1}));
  const auto one = open();
  ASSERT_TRUE(one);
  EXPECT_EQ(pixels(*one), (std::vector<float>{51 / 255.0F, 1, 76 / 255.0F, 29 / 255.0F}));
  input_.shape = {3, 1, 2};
  const auto three = open();
  ASSERT_TRUE(three);
  EXPECT_EQ(pixels(*three), (std::vector<float>{0.2F, 1, 0.2F, 1, 0.2F, 1, 1, 0, 0, 0, 0, 1}));
  input_.shape = {2, 1, 2};
  EXPECT_EQ(message(), path("data") + ": image folders have 1 or 3 channels, not 2");
}

TEST_F(ImageFolder, DecodesOnceAndAgainWhenAFileChanges) {
  two_classes();
  const auto first = open();
  ASSERT_TRUE(first);
  ASSERT_EQ(entries(folder_ / "cache/data"), 1U);
  const auto entry = std::filesystem::directory_iterator(folder_ / "cache/data")->path();
  std::filesystem::create_hard_link(entry, folder_ / "first");  // a file written anew would be another one
  ASSERT_TRUE(open());
  EXPECT_TRUE(std::filesystem::equivalent(entry, folder_ / "first"));
  folder_.write("data/dog/x.png", grey(0, 0));
  const auto second = open();
  ASSERT_TRUE(second);
  EXPECT_NE(second->digest(), first->digest());
  EXPECT_EQ(entries(folder_ / "cache/data"), 2U);
}

TEST_F(ImageFolder, ATruncatedCacheEntryIsMadeAnew) {
  two_classes();
  const auto first = open();
  ASSERT_TRUE(first);
  const auto entry = std::filesystem::directory_iterator(folder_ / "cache/data")->path();
  std::filesystem::resize_file(entry, 5);
  const auto second = open();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->digest(), first->digest());
}

TEST_F(ImageFolder, FollowsLinks) {
  two_classes();
  std::filesystem::create_symlink(folder_ / "data/dog/x.png", folder_ / "data/cat/link.png");
  std::filesystem::create_directory_symlink(folder_ / "data/dog", folder_ / "data/wolf");
  const auto data = open();
  ASSERT_TRUE(data) << data.error().describe();
  EXPECT_EQ(data->size(), 5U);
  std::filesystem::create_symlink(folder_ / "gone", folder_ / "data/cat/broken.png");
  EXPECT_EQ(message(), path("data/cat/broken.png") + " is not a regular file");
}

TEST_F(ImageFolder, NamesTheFileOfAnotherSize) {
  two_classes();
  folder_.write("data/dog/y.png", encode_png({1, 2, 2}, std::vector<float>(4)));
  EXPECT_EQ(message(),
            path("data/dog/y.png") + " is 2 x 2 pixels, the configuration says 2 x 1 (pictures are never resized)");
  EXPECT_EQ(entries(folder_ / "cache/data"), 0U);
}

TEST_F(ImageFolder, NamesTheFileThatIsDamagedOrNoPicture) {
  two_classes();
  const auto cut = folder_.write("data/dog/cut.png", grey(1, 1).substr(0, 40));
  EXPECT_EQ(message().find(cut.string() + ": damaged or truncated PNG image"), 0U) << message();
  std::filesystem::remove(cut);
  const auto fake = folder_.write("data/dog/fake.jpg", "<html>");
  EXPECT_EQ(message(), fake.string() + ": neither a PNG nor a JPEG image");
  std::filesystem::remove(fake);
  const auto other = folder_.write("data/dog/notes.bmp", "BM");
  EXPECT_EQ(message(), other.string() + " is not a .png, .jpg or .jpeg file");
  std::filesystem::remove(other);
  const auto stray = folder_.write("data/stray.png", grey(0, 0));
  EXPECT_EQ(message(), stray.string() + " lies outside any class folder");
}

TEST_F(ImageFolder, RefusesMissingAndEmptyFolders) {
  EXPECT_EQ(open().error().code, ErrorCode::not_found);
  std::filesystem::create_directories(folder_ / "data");
  EXPECT_EQ(message(), path("data") + " holds no class folder");
  std::filesystem::create_directories(folder_ / "data/empty");
  EXPECT_EQ(message(), path("data") + " holds no image");
}

}  // namespace
}  // namespace defuse
