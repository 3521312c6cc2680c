#include "core/data/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "tests/core/data/temp_folder.h"

namespace defuse {
namespace {

std::string with_header(std::string dictionary, const std::string& data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  const std::size_t fixed = version == 1 ? 10 : 12;
  while ((fixed + dictionary.size() + 1) % 64 != 0) dictionary += ' ';
  dictionary += '\n';
  for (std::size_t i = 0; i < (version == 1 ? 2U : 4U); ++i)
    bytes += static_cast<char>((dictionary.size() >> (8 * i)) & 0xff);
  return bytes + dictionary + data;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data, int version = 1) {
  return with_header("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }", data, version);
}

std::string floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

class Npy : public ::testing::Test {
 protected:
  Npy() {
    input_.shape = {1, 1, 2};
    input_.scale = 1;
    folder_.write("labels", npy("<i8", "(2,)", std::string("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16)));
  }
  Result<Dataset> open(const std::string& images, const std::string& labels = "labels",
                       const std::vector<std::string>& classes = {}) {
    return open_dataset(NpySource{folder_ / images, folder_ / labels}, input_, classes, {});
  }
  std::string message(const std::string& images, const std::string& labels = "labels") {
    const auto data = open(images, labels);
    return data ? "opened" : data.error().message;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TempFolder folder_;
  InputSettings input_;
};

TEST_F(Npy, ReadsFloatsClampedToTheUnitInterval) {
  folder_.write("images", npy("<f4", "(2, 1, 1, 2)", floats({0.25F, 1.5F, -0.5F, 1})));
  const auto data = open("images");
  ASSERT_TRUE(data) << data.error().describe();
  std::vector<float> all(4);
  data->read(0, 2, all);
  EXPECT_EQ(all, (std::vector<float>{0.25F, 1, 0, 1}));
  EXPECT_EQ(data->labels()[0], 1);
  EXPECT_EQ(data->labels()[1], 0);
}

TEST_F(Npy, ReadsBytesOfEveryVersionWithOrWithoutChannels) {
  input_.scale = 255;
  std::string digest;
  for (const int version : {1, 2, 3}) {
    for (const auto* shape : {"(2, 1, 2)", "(2, 1, 1, 2)", "(2,1,1,2,)"}) {
      folder_.write("images", npy("|u1", shape, std::string("\0\x33\x66\xff", 4), version));
      const auto data = open("images");
      ASSERT_TRUE(data) << data.error().describe();
      std::vector<float> second(2);
      data->read(1, 1, second);
      EXPECT_EQ(second, (std::vector<float>{102.0F / 255, 1}));
      if (digest.empty()) digest = data->digest();
      EXPECT_EQ(data->digest(), digest);
    }
  }
}

TEST_F(Npy, ReadsFloatsThatLieUnaligned) {
  std::string bytes = "\x93NUMPY";
  const std::string dictionary = "{'descr':'<f4','fortran_order':False,'shape':(2,1,2)}";
  bytes += std::string("\1\0", 2) + static_cast<char>(dictionary.size()) + '\0' + dictionary;
  ASSERT_NE(bytes.size() % 4, 0U);
  folder_.write("images", bytes + floats({0.5F, 0.25F, 0.125F, 1}));
  const auto data = open("images");
  ASSERT_TRUE(data) << data.error().describe();
  std::vector<float> all(4);
  data->read(0, 2, all);
  EXPECT_EQ(all, (std::vector<float>{0.5F, 0.25F, 0.125F, 1}));
}

TEST_F(Npy, ReadsLabelsOfEveryIntegerType) {
  folder_.write("images", npy("|u1", "(2, 1, 2)", "abcd"));
  for (const char order : {'<', '>'}) {
    for (const char kind : {'i', 'u'}) {
      for (const std::size_t width : {1U, 2U, 4U, 8U}) {
        std::string data(2 * width, '\0');
        data[order == '<' ? 0 : width - 1] = 7;
        data[width + (order == '<' ? 0 : width - 1)] = 9;
        folder_.write("typed", npy(std::string{order, kind} + std::to_string(width), "(2,)", data));
        const auto opened = open("images", "typed");
        ASSERT_TRUE(opened) << opened.error().describe();
        EXPECT_EQ(opened->labels()[0], 7) << order << kind << width;
        EXPECT_EQ(opened->labels()[1], 9) << order << kind << width;
      }
    }
  }
}

TEST_F(Npy, RefusesLabelsOutOfRange) {
  folder_.write("images", npy("|u1", "(2, 1, 2)", "abcd"));
  folder_.write("minus", npy("<i2", "(2,)", std::string("\0\0\xfe\xff", 4)));
  EXPECT_EQ(message("images", "minus"), path("minus") + ": label -2 of item 1 is outside 0..65535");
  folder_.write("huge", npy("<u8", "(2,)", std::string(8, '\0') + std::string(8, '\xff')));
  EXPECT_EQ(message("images", "huge"), path("huge") + ": label 18446744073709551615 of item 1 is outside 0..65535");
  EXPECT_EQ(open("images", "labels", {"one"}).error().message,
            path("labels") + ": label 1 of item 0 is outside 0..0 (the configured classes)");
  folder_.write("float", npy("<f4", "(2,)", std::string(8, '\0')));
  EXPECT_EQ(message("images", "float"), path("float") + ": labels must be of an integer type");
  folder_.write("column", npy("<i4", "(2, 1)", std::string(8, '\0')));
  EXPECT_EQ(message("images", "column"), path("column") + ": labels must be a list of shape [n], not [2,1]");
}

TEST_F(Npy, NamesTheImageThatIsNotFinite) {
  folder_.write("images", npy("<f4", "(2, 1, 2)", floats({0, 0, 0, std::numeric_limits<float>::quiet_NaN()})));
  EXPECT_EQ(message("images"), path("images") + ": image 1 holds NaN at pixel 1");
  folder_.write("images", npy("<f4", "(2, 1, 2)", floats({-std::numeric_limits<float>::infinity(), 0, 0, 0})));
  EXPECT_EQ(message("images"), path("images") + ": image 0 holds an infinite value at pixel 0");
}

TEST_F(Npy, RefusesEveryTruncation) {
  const auto whole = npy("|u1", "(2, 1, 2)", "abcd");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    folder_.write("images", whole.substr(0, size));
    const auto data = open("images");
    ASSERT_FALSE(data) << size;
    EXPECT_EQ(data.error().message.find(path("images")), 0U) << data.error().message;
  }
  folder_.write("images", whole + "!");
  EXPECT_EQ(message("images"), path("images") + " has 1 bytes more than its header promises");
}

TEST_F(Npy, RefusesTypesAndOrdersThatCannotBeMapped) {
  folder_.write("images", npy("<f8", "(2, 1, 2)", std::string(32, '\0')));
  EXPECT_EQ(message("images"), path("images") + ": images must be of type u1 or little-endian f4, not f8");
  folder_.write("images", npy(">f4", "(2, 1, 2)", std::string(16, '\0')));
  EXPECT_EQ(message("images"), path("images") + ": images must be of type u1 or little-endian f4, not big-endian f4");
  folder_.write("images", with_header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 2), }", "abcd"));
  EXPECT_EQ(message("images"), path("images") + " is in Fortran order; save it with numpy.ascontiguousarray");
}

TEST_F(Npy, RefusesShapesThatDoNotFitAndHintsAtChannelsLast) {
  folder_.write("images", npy("|u1", "(2, 2, 1)", "abcd"));
  EXPECT_EQ(message("images"),
            path("images") + " holds an array [2,2,1], which does not fit the configured shape [1,1,2]");
  folder_.write("images", npy("|u1", "(2, 1, 2, 1)", "abcd"));
  EXPECT_EQ(message("images"), path("images") +
                                   " holds an array [2,1,2,1], which does not fit the configured shape [1,1,2]"
                                   " (channels come first: transpose to [n,C,H,W])");
  folder_.write("images", npy("|u1", "()", "a"));
  EXPECT_EQ(message("images"), path("images") + " holds an array [], which does not fit the configured shape [1,1,2]");
}

TEST_F(Npy, RefusesCountsThatDifferAndEmptySets) {
  folder_.write("images", npy("|u1", "(3, 1, 2)", "abcdef"));
  EXPECT_EQ(message("images"), path("images") + " holds 3 images, but " + path("labels") + " holds 2 labels");
  folder_.write("images", npy("|u1", "(0, 1, 2)", ""));
  EXPECT_EQ(message("images"), path("images") + " holds no image");
}

TEST_F(Npy, RefusesHeadersThatAreNotOfAPlainArray) {
  const auto bad = path("images") + ": its .npy header is not one of a plain array of numbers";
  for (const auto* dictionary :
       {"", "{", "{}", "[]", "{'descr': '|u1'}", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '|u1', 'fortran_order': Maybe, 'shape': (2,1,2)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-2,1,2)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,1,2}",
        "{'descr': '|O8', 'fortran_order': False, 'shape': (2,1,2)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (2,1,2)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,1,2)} trailing",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,1,2), 'more': 1}"}) {
    folder_.write("images", with_header(dictionary, "abcd"));
    EXPECT_EQ(message("images"), bad) << dictionary;
  }
  folder_.write("images", npy("|u1", "(4294967296, 4294967296, 4294967296)", ""));
  EXPECT_EQ(message("images"), path("images") + ": the sizes in its header are impossibly large");
  folder_.write("images", "PK\3\4 an .npz archive");
  EXPECT_EQ(message("images"), path("images") + " is not a .npy file");
  folder_.write("images", npy("|u1", "(2, 1, 2)", "abcd", 9));
  EXPECT_EQ(message("images"), path("images") + ": .npy version 9 is not known");
  folder_.write("images", std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12));
  EXPECT_EQ(message("images"), path("images") + ": its header of 4294967295 bytes is over the limit");
}

}  // namespace
}  // namespace defuse
