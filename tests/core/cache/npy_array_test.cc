#include "core/cache/npy_array.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/base/files.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

using testing::TempTree;

TEST(NpyArray, MatricesComeBackBitForBit) {
  const TempTree tree;
  Matrix matrix(3, 2);
  matrix.data = {0.1f, -0.0f, std::numeric_limits<float>::infinity(), 1e-40f, 3.0f, -7.25f};
  ASSERT_TRUE(save_npy(tree / "m.npy", matrix));
  const auto back = load_npy(tree / "m.npy");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->rows, 3u);
  EXPECT_EQ(back->cols, 2u);
  EXPECT_EQ(back->data, matrix.data);
}

TEST(NpyArray, WhatIsWrittenPieceByPieceIsMappedAndReadAlike) {
  const TempTree tree;
  auto writer = NpyWriter::create(tree / "big.npy", {3, 2});
  ASSERT_TRUE(writer) << writer.error().describe();
  EXPECT_FALSE(std::filesystem::exists(tree / "big.npy"));  // until it is whole
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(writer->write(std::span(values).first(4)));
  ASSERT_TRUE(writer->write(std::span(values).subspan(4)));
  ASSERT_TRUE(writer->finish());
  const auto mapped = map_npy(tree / "big.npy", 2);
  ASSERT_TRUE(mapped) << mapped.error().describe();
  EXPECT_EQ(mapped->shape, (std::vector<std::size_t>{3, 2}));
  const auto* first = reinterpret_cast<const float*>(mapped->file->bytes().data() + mapped->offset);
  EXPECT_EQ(std::vector<float>(first, first + 6), values);
  const auto read = load_npy(tree / "big.npy");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->data, values);
}

TEST(NpyArray, AnArrayWithMoreOrFewerValuesThanItsShapeNeverAppears) {
  const TempTree tree;
  const std::vector<float> values(7, 1.0f);
  {
    auto writer = NpyWriter::create(tree / "a.npy", {3, 2});
    ASSERT_TRUE(writer);
    EXPECT_FALSE(writer->write(values));
    ASSERT_TRUE(writer->write(std::span(values).first(5)));
    EXPECT_FALSE(writer->finish());
  }
  EXPECT_FALSE(std::filesystem::exists(tree / "a.npy"));
  EXPECT_EQ(map_npy(tree / "a.npy", 2).error().code, ErrorCode::not_found);
}

TEST(NpyArray, AnEmptyMatrixKeepsItsShape) {
  const TempTree tree;
  ASSERT_TRUE(save_npy(tree / "m.npy", Matrix(0, 7)));
  const auto back = load_npy(tree / "m.npy");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->cols, 7u);
  EXPECT_TRUE(back->empty());
}

TEST(NpyArray, EveryTruncationIsCorruptAndNamesTheFile) {
  TempTree tree;
  ASSERT_TRUE(save_npy(tree / "m.npy", Matrix(2, 3)));
  const auto whole = tree.read("m.npy");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    tree.file("cut.npy", whole.substr(0, size));
    const auto back = load_npy(tree / "cut.npy");
    ASSERT_FALSE(back) << size;
    EXPECT_EQ(back.error().code, ErrorCode::corrupt);
    EXPECT_NE(back.error().message.find("cut.npy"), std::string::npos);
  }
}

TEST(NpyArray, AnotherTypeOrRankIsRefused) {
  const TempTree tree;
  const std::vector<std::int32_t> numbers{1, 2, 3, 4};
  ASSERT_TRUE(save_npy(tree / "i.npy", numbers));
  EXPECT_FALSE(load_npy(tree / "i.npy"));
  EXPECT_FALSE(load_npy_uint8(tree / "i.npy"));
  const auto back = load_npy_int32(tree / "i.npy");
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, numbers);
}

TEST(NpyArray, ImagesLargerThanTheLimitAreNotRead) {
  const TempTree tree;
  const std::vector<float> pixels(2 * 3 * 4 * 5, 0.5f);
  ASSERT_TRUE(save_npy_images(tree / "f.npy", pixels, 2, 3, 4, 5));
  EXPECT_EQ(load_npy_images(tree / "f.npy", 100).error().code, ErrorCode::exhausted);
  const auto back = load_npy_images(tree / "f.npy", 1 << 20);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->n, 2u);
  EXPECT_EQ(back->width, 5u);
  EXPECT_EQ(back->pixels, pixels);
}

TEST(NpyArray, ValuesThatWouldLieUnalignedAreRefused) {
  const TempTree tree;
  ASSERT_TRUE(save_npy(tree / "m.npy", Matrix(2, 2)));
  auto text = *read_file(tree / "m.npy");
  text.insert(text.find("\n"), 1, ' ');  // a header of another length, as another program might pad it
  text[8] = static_cast<char>(text[8] + 1);
  ASSERT_TRUE(write_atomically(tree / "m.npy", text));
  EXPECT_EQ(map_npy(tree / "m.npy", 2).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace defuse
