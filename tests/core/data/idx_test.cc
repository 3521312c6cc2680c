#include "core/data/idx.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "tests/core/data/temp_folder.h"

namespace defuse {
namespace {

std::string be32(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xff);
  return bytes;
}

std::string idx(int type, const std::vector<std::uint32_t>& dims, const std::string& payload) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(dims.size())};
  for (const auto dim : dims) bytes += be32(dim);
  return bytes + payload;
}

void write_gzip(const std::filesystem::path& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
}

class Idx : public ::testing::Test {
 protected:
  Idx() { input_.shape = {1, 2, 3}; }

  // Two images of 2 x 3 with pixels 0..5 and 250..255.
  static std::string two_images() {
    return idx(8, {2, 2, 3}, std::string("\0\1\2\3\4\5", 6) + "\xfa\xfb\xfc\xfd\xfe\xff");
  }
  static std::string two_labels() { return idx(8, {2}, std::string("\1\0", 2)); }

  Result<Dataset> open(const std::string& images, const std::string& labels, std::vector<std::string> classes = {}) {
    return open_dataset(IdxSource{folder_ / images, folder_ / labels}, input_, classes, folder_ / "cache");
  }
  std::string message(const std::string& images, const std::string& labels, std::vector<std::string> classes = {}) {
    const auto data = open(images, labels, std::move(classes));
    return data ? "opened" : data.error().message;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TempFolder folder_;
  InputSettings input_;
};

TEST_F(Idx, PixelsOverwrittenWhileTheyAreUsedAreNoticed) {
  const auto images = folder_.write("images", two_images());
  folder_.write("labels", two_labels());
  const auto data = open("images", "labels");
  ASSERT_TRUE(data) << data.error().describe();
  EXPECT_TRUE(data->unchanged());
  std::fstream(images, std::ios::binary | std::ios::in | std::ios::out).seekp(-1, std::ios::end).put('\x7f');
  const auto now = data->unchanged();
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().code, ErrorCode::unavailable);
  EXPECT_NE(now.error().message.find(images.string()), std::string::npos) << now.error().message;
}

TEST_F(Idx, ReadsPixelsDividedByScaleAndLabels) {
  folder_.write("images", two_images());
  folder_.write("labels", two_labels());
  const auto data = open("images", "labels");
  ASSERT_TRUE(data) << data.error().describe();
  EXPECT_EQ(data->size(), 2U);
  EXPECT_EQ(std::vector<std::int32_t>(data->labels().begin(), data->labels().end()), (std::vector<std::int32_t>{1, 0}));
  EXPECT_TRUE(data->class_names().empty());
  std::vector<float> all(12);
  data->read(0, 2, all);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)], static_cast<float>(i) / 255.0F);
    EXPECT_EQ(all[static_cast<std::size_t>(6 + i)], static_cast<float>(250 + i) / 255.0F);
  }
  std::vector<float> second(6);
  data->read(1, 1, second);
  EXPECT_EQ(second, std::vector<float>(all.begin() + 6, all.end()));
}

TEST_F(Idx, ClampsToOneWhereTheScaleIsSmallerThanThePixels) {
  folder_.write("images", two_images());
  folder_.write("labels", two_labels());
  input_.scale = 4;
  const auto data = open("images", "labels");
  ASSERT_TRUE(data);
  std::vector<float> first(6);
  data->read(0, 1, first);
  EXPECT_EQ(first, (std::vector<float>{0, 0.25F, 0.5F, 0.75F, 1, 1}));
}

TEST_F(Idx, CompressedFilesGiveTheSameDataAndAreUnpackedOnce) {
  folder_.write("images", two_images());
  folder_.write("labels", two_labels());
  write_gzip(folder_ / "images.gz", two_images());
  write_gzip(folder_ / "labels.gz", two_labels());
  const auto plain = open("images", "labels");
  EXPECT_EQ(entries(folder_ / "cache/data"), 0U);
  const auto packed = open("images.gz", "labels.gz");
  ASSERT_TRUE(plain);
  ASSERT_TRUE(packed) << packed.error().describe();
  EXPECT_EQ(plain->digest(), packed->digest());
  EXPECT_EQ(entries(folder_ / "cache/data"), 1U);
  const auto entry = std::filesystem::directory_iterator(folder_ / "cache/data")->path();
  std::filesystem::create_hard_link(entry, folder_ / "first");  // a file written anew would be another one
  ASSERT_TRUE(open("images.gz", "labels"));
  EXPECT_EQ(entries(folder_ / "cache/data"), 1U);
  EXPECT_TRUE(std::filesystem::equivalent(entry, folder_ / "first"));
}

TEST_F(Idx, ATruncatedCacheEntryIsMadeAnew) {
  folder_.write("labels", two_labels());
  write_gzip(folder_ / "images.gz", two_images());
  const auto before = open("images.gz", "labels");
  ASSERT_TRUE(before);
  const auto entry = std::filesystem::directory_iterator(folder_ / "cache/data")->path();
  for (const std::uintmax_t size : {20U, 3U, 0U}) {
    std::filesystem::resize_file(entry, size);
    const auto after = open("images.gz", "labels");
    ASSERT_TRUE(after) << after.error().describe();
    EXPECT_EQ(after->digest(), before->digest());
    EXPECT_EQ(slurp(entry), two_images());
  }
}

TEST_F(Idx, DigestDependsOnPixelsLabelsShapeAndScale) {
  folder_.write("images", two_images());
  folder_.write("labels", two_labels());
  const auto base = open("images", "labels");
  ASSERT_TRUE(base);
  EXPECT_EQ(base->digest().size(), 64U);
  folder_.write("swapped", idx(8, {2}, std::string("\0\1", 2)));
  EXPECT_NE(open("images", "swapped")->digest(), base->digest());
  auto other = two_images();
  other.back() = '\x7f';
  folder_.write("other", other);
  EXPECT_NE(open("other", "labels")->digest(), base->digest());
  input_.scale = 256;
  EXPECT_NE(open("images", "labels")->digest(), base->digest());
  input_.scale = 255;
  input_.shape = {1, 3, 2};
  folder_.write("turned", idx(8, {2, 3, 2}, two_images().substr(16)));
  EXPECT_NE(open("turned", "labels")->digest(), base->digest());
}

TEST_F(Idx, ContentHashIsOfTheImageAlone) {
  folder_.write("images", idx(8, {3, 2, 3}, "abcdefabcdefabcdeg"));
  folder_.write("labels", idx(8, {3}, std::string("\0\1\2", 3)));
  const auto data = open("images", "labels");
  ASSERT_TRUE(data);
  EXPECT_EQ(data->content_hash(0), data->content_hash(1));
  EXPECT_NE(data->content_hash(0), data->content_hash(2));
}

TEST_F(Idx, FourDimensionsAreChannelsFirst) {
  folder_.write("images", idx(8, {1, 3, 1, 2}, "abcdef"));
  folder_.write("labels", idx(8, {1}, std::string("\0", 1)));
  input_.shape = {3, 1, 2};
  ASSERT_TRUE(open("images", "labels"));
  input_.shape = {2, 3, 1};
  EXPECT_EQ(message("images", "labels"),
            path("images") + " holds an array [1,3,1,2], which does not fit the configured shape [2,3,1]");
}

TEST_F(Idx, ReadsWiderLabels) {
  folder_.write("images", two_images());
  folder_.write("i2", idx(0x0B, {2}, std::string("\1\2\0\7", 4)));
  folder_.write("i4", idx(0x0C, {2}, std::string("\0\0\1\2\0\0\0\7", 8)));
  for (const auto* labels : {"i2", "i4"}) {
    const auto data = open("images", labels);
    ASSERT_TRUE(data) << data.error().describe();
    EXPECT_EQ(data->labels()[0], 258);
    EXPECT_EQ(data->labels()[1], 7);
  }
  folder_.write("i1", idx(0x09, {2}, std::string("\0\xff", 2)));
  EXPECT_EQ(message("images", "i1"), path("i1") + ": label -1 of item 1 is outside 0..65535");
  folder_.write("f4", idx(0x0D, {2}, std::string(8, '\0')));
  EXPECT_EQ(message("images", "f4"), path("f4") + ": labels must be whole numbers, not floating point");
}

TEST_F(Idx, NamesTheFileThatIsMissing) {
  folder_.write("images", two_images());
  EXPECT_EQ(message("images", "nothing"), "cannot open " + path("nothing") + ": No such file or directory");
  EXPECT_EQ(open("nothing", "nothing").error().code, ErrorCode::not_found);
  EXPECT_EQ(message("", "labels"), path("") + " is not a regular file");
}

TEST_F(Idx, RefusesAWrongMagicNumber) {
  folder_.write("labels", two_labels());
  folder_.write("png", "\x89PNG\r\n\x1a\n and more");
  EXPECT_EQ(message("png", "labels"), path("png") + " is not an IDX file (wrong magic number)");
  folder_.write("type", idx(0x42, {2, 2, 3}, std::string(12, 'x')));
  EXPECT_EQ(message("type", "labels"), path("type") + " is not an IDX file (wrong magic number)");
  folder_.write("scalar", idx(8, {}, "x"));
  EXPECT_EQ(message("scalar", "labels"), path("scalar") + " is not an IDX file (wrong magic number)");
}

TEST_F(Idx, RefusesEveryTruncation) {
  folder_.write("labels", two_labels());
  const auto whole = two_images();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    folder_.write("images", whole.substr(0, size));
    const auto data = open("images", "labels");
    ASSERT_FALSE(data) << size;
    EXPECT_EQ(data.error().code, ErrorCode::corrupt) << size;
    EXPECT_NE(data.error().message.find(path("images") + " is truncated"), std::string::npos) << data.error().message;
  }
  folder_.write("images", whole + "x");
  EXPECT_EQ(message("images", "labels"), path("images") + " has 1 bytes more than its header promises");
}

TEST_F(Idx, RefusesEveryTruncationOfACompressedFile) {
  folder_.write("labels", two_labels());
  write_gzip(folder_ / "images.gz", two_images());
  const auto whole = slurp(folder_ / "images.gz");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    folder_.write("cut.gz", whole.substr(0, size));
    const auto data = open("cut.gz", "labels");
    ASSERT_FALSE(data) << size;
    EXPECT_NE(data.error().message.find(path("cut.gz")), std::string::npos) << data.error().message;
  }
  EXPECT_EQ(entries(folder_ / "cache/data"), 0U);  // nothing half-made is left
}

TEST_F(Idx, RefusesDamagedAndOverlongCompressedFiles) {
  folder_.write("labels", two_labels());
  write_gzip(folder_ / "images.gz", two_images());
  auto bytes = slurp(folder_ / "images.gz");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // the checksum
  folder_.write("images.gz", bytes);
  EXPECT_EQ(message("images.gz", "labels"),
            path("images.gz") + ": the gzip data is damaged or truncated (incorrect data check)");
  write_gzip(folder_ / "long.gz", two_images() + std::string(5 << 20, 'x'));
  EXPECT_EQ(open("long.gz", "labels").error().code, ErrorCode::corrupt);
  write_gzip(folder_ / "short.gz", two_images().substr(0, 27));
  EXPECT_EQ(message("short.gz", "labels"), path("short.gz") + " is truncated: it has 27 bytes, its header promises 28");
  EXPECT_EQ(entries(folder_ / "cache/data"), 0U);
}

TEST_F(Idx, RefusesSizesThatOverflow) {
  folder_.write("labels", two_labels());
  folder_.write("images", idx(8, {0xffffffff, 0xffffffff, 0xffffffff}, ""));
  EXPECT_EQ(message("images", "labels"), path("images") + ": the sizes in its IDX header are impossibly large");
}

TEST_F(Idx, RefusesWrongImageSizeAndType) {
  folder_.write("labels", two_labels());
  folder_.write("images", two_images());
  input_.shape = {1, 3, 2};
  EXPECT_EQ(message("images", "labels"),
            path("images") + " holds an array [2,2,3], which does not fit the configured shape [1,3,2]");
  input_.shape = {3, 2, 3};
  EXPECT_EQ(message("images", "labels"),
            path("images") + " holds an array [2,2,3], which does not fit the configured shape [3,2,3]");
  input_.shape = {1, 2, 3};
  folder_.write("float", idx(0x0D, {2, 2, 3}, std::string(48, '\0')));
  EXPECT_EQ(message("float", "labels"), path("float") + ": images must be unsigned bytes (type 0x08), not type 13");
  folder_.write("flat", idx(8, {12}, std::string(12, '\0')));
  EXPECT_EQ(message("flat", "labels"),
            path("flat") + " holds an array [12], which does not fit the configured shape [1,2,3]");
  EXPECT_EQ(message("images", "images"), path("images") + " is no list of labels: it has 3 dimensions, not 1");
}

TEST_F(Idx, RefusesCountsThatDiffer) {
  folder_.write("images", two_images());
  folder_.write("labels", idx(8, {3}, std::string("\0\0\0", 3)));
  EXPECT_EQ(message("images", "labels"), path("images") + " holds 2 images, but " + path("labels") + " holds 3 labels");
}

TEST_F(Idx, RefusesAnEmptySet) {
  folder_.write("images", idx(8, {0, 2, 3}, ""));
  folder_.write("labels", idx(8, {0}, ""));
  EXPECT_EQ(message("images", "labels"), path("images") + " holds no image");
}

TEST_F(Idx, RefusesALabelOutsideTheConfiguredClasses) {
  folder_.write("images", two_images());
  folder_.write("labels", two_labels());
  EXPECT_EQ(message("images", "labels", {"a", "b"}), "opened");
  EXPECT_EQ(message("images", "labels", {"only"}),
            path("labels") + ": label 1 of item 0 is outside 0..0 (the configured classes)");
}

// Resident pages of mapped files, in bytes.
std::uint64_t resident_files() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssFile:")) return 1024 * std::stoull(line.substr(8));
  return 0;
}

// A file of holes: 300 MB that take no disk.
TEST_F(Idx, ALargeSplitReadImageByImageDoesNotStayInMemory) {
  constexpr std::uint32_t kImages = 400'000, kSide = 28;
  input_.shape = {1, kSide, kSide};
  folder_.write("images", idx(8, {kImages, kSide, kSide}, ""));
  std::filesystem::resize_file(folder_ / "images", 16 + std::uint64_t{kImages} * kSide * kSide);
  folder_.write("labels", idx(8, {kImages}, std::string(kImages, '\0')));
  const auto data = open("images", "labels");
  ASSERT_TRUE(data) << data.error().describe();
  const auto before = resident_files();
  std::vector<float> image(kSide * kSide);
  for (std::uint32_t i = 0; i < kImages; ++i) data->read(i, 1, image);
  EXPECT_LT(resident_files(), before + (32 << 20));
}

}  // namespace
}  // namespace defuse
