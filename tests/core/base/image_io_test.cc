#include "core/base/image_io.h"

#include <gtest/gtest.h>
// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

namespace defuse {
namespace {

struct PngSpec {
  std::uint32_t width = 2;
  std::uint32_t height = 1;
  int depth = 8;
  int colour = PNG_COLOR_TYPE_GRAY;
  std::vector<std::string> rows = {};
  std::vector<png_color> palette = {};
  bool interlaced = false;
};

void append(png_structp png, png_bytep bytes, std::size_t count) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), count);
}

std::string make_png(const PngSpec& spec) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append, nullptr);
  png_set_IHDR(png, info, spec.width, spec.height, spec.depth, spec.colour,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!spec.palette.empty()) png_set_PLTE(png, info, spec.palette.data(), static_cast<int>(spec.palette.size()));
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  auto copies = spec.rows;
  for (auto& row : copies) rows.push_back(reinterpret_cast<png_bytep>(row.data()));
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

std::string make_jpeg(std::uint32_t width, std::uint32_t height, J_COLOR_SPACE space, std::uint8_t value,
                      bool progressive = false) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_width = width;
  jpeg.image_height = height;
  jpeg.input_components = space == JCS_GRAYSCALE ? 1 : space == JCS_CMYK ? 4 : 3;
  jpeg.in_color_space = space;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<std::uint8_t> row(width * static_cast<std::uint32_t>(jpeg.input_components), value);
  for (std::uint32_t y = 0; y < height; ++y) {
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&jpeg, &pointer, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return out;
}

using Bytes = std::vector<std::uint8_t>;

TEST(ImageIo, DecodesGreyPngOfEveryDepth) {
  const struct {
    int depth;
    std::string row;
    Bytes expected;
  } cases[] = {{1, "\x40", {0, 255}},
               {2, "\x60", {85, 170}},
               {4, "\x1f", {17, 255}},
               {8, "\x01\xfe", {1, 254}},
               {16, std::string("\x80\x00\xff\xff", 4), {128, 255}}};
  for (const auto& c : cases) {
    const auto image = decode_image(make_png({.depth = c.depth, .rows = {c.row}}));
    ASSERT_TRUE(image) << c.depth << image.error().describe();
    EXPECT_EQ(image->shape, (ImageShape{1, 1, 2})) << c.depth;
    EXPECT_EQ(image->bytes, c.expected) << c.depth;
  }
}

TEST(ImageIo, DecodesColourPaletteAndAlphaToPlanes) {
  const Bytes planes{1, 4, 2, 5, 3, 6};
  const auto colour = decode_image(make_png({.colour = PNG_COLOR_TYPE_RGB, .rows = {"\1\2\3\4\5\6"}}));
  ASSERT_TRUE(colour);
  EXPECT_EQ(colour->shape, (ImageShape{3, 1, 2}));
  EXPECT_EQ(colour->bytes, planes);
  const auto alpha =
      decode_image(make_png({.colour = PNG_COLOR_TYPE_RGB_ALPHA, .rows = {std::string("\1\2\3\0\4\5\6\x80", 8)}}));
  ASSERT_TRUE(alpha);
  EXPECT_EQ(alpha->bytes, planes);
  const auto palette = decode_image(
      make_png({.depth = 1, .colour = PNG_COLOR_TYPE_PALETTE, .rows = {"\x40"}, .palette = {{1, 2, 3}, {4, 5, 6}}}));
  ASSERT_TRUE(palette);
  EXPECT_EQ(palette->bytes, planes);
  const auto grey_alpha = decode_image(make_png({.colour = PNG_COLOR_TYPE_GRAY_ALPHA, .rows = {"\x07\x10\x09\x20"}}));
  ASSERT_TRUE(grey_alpha);
  EXPECT_EQ(grey_alpha->bytes, (Bytes{7, 9}));
}

TEST(ImageIo, DecodesInterlacedPng) {
  PngSpec spec{.width = 8, .height = 8};
  for (char y = 0; y < 8; ++y) spec.rows.push_back(std::string(8, static_cast<char>(y * 3)));
  const auto plain = decode_image(make_png(spec));
  spec.interlaced = true;
  const auto interlaced = decode_image(make_png(spec));
  ASSERT_TRUE(plain);
  ASSERT_TRUE(interlaced);
  EXPECT_EQ(plain->bytes, interlaced->bytes);
  EXPECT_EQ(plain->bytes[63], 21);
}

TEST(ImageIo, DecodesJpegGreyColourAndProgressive) {
  const auto grey = decode_image(make_jpeg(9, 5, JCS_GRAYSCALE, 100));
  ASSERT_TRUE(grey) << grey.error().describe();
  EXPECT_EQ(grey->shape, (ImageShape{1, 5, 9}));
  for (const auto value : grey->bytes) EXPECT_NEAR(value, 100, 1);
  for (const bool progressive : {false, true}) {
    const auto colour = decode_image(make_jpeg(9, 5, JCS_RGB, 200, progressive));
    ASSERT_TRUE(colour) << colour.error().describe();
    EXPECT_EQ(colour->shape, (ImageShape{3, 5, 9}));
    for (const auto value : colour->bytes) EXPECT_NEAR(value, 200, 1);
  }
}

TEST(ImageIo, RefusesCmykJpegAndOtherFormats) {
  EXPECT_EQ(decode_image(make_jpeg(4, 4, JCS_CMYK, 10)).error().message, "JPEG image: CMYK colours are not supported");
  for (const std::string bytes : {"", "GIF89a", "\x89PNG", "BM"})
    EXPECT_EQ(decode_image(bytes).error().message, "neither a PNG nor a JPEG image");
}

TEST(ImageIo, RefusesEveryTruncation) {
  PngSpec spec{.width = 16, .height = 16};
  for (int y = 0; y < 16; ++y) spec.rows.push_back("abcdefgh" + std::string(8, static_cast<char>(y * 7)));
  for (const auto& whole : {make_png(spec), make_jpeg(16, 16, JCS_RGB, 77), make_jpeg(16, 16, JCS_RGB, 77, true)}) {
    ASSERT_TRUE(decode_image(whole));
    for (std::size_t size = 8; size < whole.size(); ++size) {
      const auto image = decode_image(std::string_view(whole).substr(0, size));
      ASSERT_FALSE(image) << size << " of " << whole.size();
      EXPECT_EQ(image.error().code, ErrorCode::corrupt);
    }
  }
}

TEST(ImageIo, SurvivesEveryByteFlip) {
  PngSpec spec{.width = 8, .height = 8, .colour = PNG_COLOR_TYPE_RGB};
  for (int y = 0; y < 8; ++y) spec.rows.push_back(std::string(24, static_cast<char>(y * 31)));
  int refused = 0;
  for (const auto& whole : {make_png(spec), make_jpeg(16, 16, JCS_RGB, 77), make_jpeg(16, 16, JCS_RGB, 77, true)}) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const char mask : {'\x01', '\x80', '\xff'}) {
        auto bytes = whole;
        bytes[i] = static_cast<char>(bytes[i] ^ mask);
        if (const auto image = decode_image(bytes, {.side = 256, .pixels = 65536}); !image)
          ++refused;
        else
          EXPECT_EQ(image->bytes.size(), static_cast<std::size_t>(image->shape.pixels()));
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(ImageIo, HoldsLimitsBeforeAnythingIsAllocated) {
  // A header alone: a reader that allocated first would need 12 GB, one that read on would call it truncated.
  auto bytes = make_png({.rows = {"ab"}});
  bytes[16] = '\0', bytes[17] = '\1', bytes[18] = '\0', bytes[19] = '\0';  // width 65536
  bytes[20] = '\0', bytes[21] = '\1', bytes[22] = '\0', bytes[23] = '\0';  // height 65536
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + 12, 17);
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(29 + i)] = static_cast<char>(checksum >> (24 - 8 * i));
  EXPECT_EQ(decode_image(bytes).error().message, "PNG image: 65536 x 65536 pixels are over the limit");
  const auto jpeg = make_jpeg(20, 10, JCS_RGB, 1);
  EXPECT_TRUE(decode_image(jpeg, {.side = 20, .pixels = 200}));
  EXPECT_EQ(decode_image(jpeg, {.side = 19, .pixels = 200}).error().message,
            "JPEG image: 20 x 10 pixels are over the limit");
  EXPECT_FALSE(decode_image(jpeg, {.side = 20, .pixels = 199}));
}

TEST(ImageIo, ConvertsBetweenGreyAndColour) {
  const Image grey{{1, 1, 2}, {10, 200}};
  const auto colour = with_channels(grey, 3);
  EXPECT_EQ(colour.shape, (ImageShape{3, 1, 2}));
  EXPECT_EQ(colour.bytes, (Bytes{10, 200, 10, 200, 10, 200}));
  EXPECT_EQ(with_channels(colour, 1).bytes, grey.bytes);
  EXPECT_EQ(with_channels(Image{{3, 1, 1}, {255, 0, 0}}, 1).bytes, Bytes{76});  // 0.299 * 255
  EXPECT_EQ(with_channels(Image{{3, 1, 1}, {0, 255, 0}}, 1).bytes, Bytes{150});
  EXPECT_EQ(with_channels(Image{{3, 1, 1}, {0, 0, 255}}, 1).bytes, Bytes{29});
}

TEST(ImageIo, EncodedPngDecodesToTheSamePixels) {
  const std::vector<float> grey{0, 0.5F, 1, 2, -1, std::numeric_limits<float>::quiet_NaN()};
  const auto decoded = decode_image(encode_png({1, 2, 3}, grey));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->shape, (ImageShape{1, 2, 3}));
  EXPECT_EQ(decoded->bytes, (Bytes{0, 128, 255, 255, 0, 0}));

  const std::vector<float> colour{1, 0, 0, 1, 0.2F, 0.4F};
  const auto rgb = decode_image(encode_png({3, 1, 2}, colour));
  ASSERT_TRUE(rgb);
  EXPECT_EQ(rgb->bytes, (Bytes{255, 0, 0, 255, 51, 102}));
}

TEST(ImageIo, EnlargesByWholeFactorsAndShowsTheFirstOfOddChannels) {
  const auto large = decode_image(encode_png({1, 1, 2}, std::vector<float>{0, 1}, 2));
  ASSERT_TRUE(large);
  EXPECT_EQ(large->shape, (ImageShape{1, 2, 4}));
  EXPECT_EQ(large->bytes, (Bytes{0, 0, 255, 255, 0, 0, 255, 255}));
  const auto two = decode_image(encode_png({2, 1, 1}, std::vector<float>{1, 0}));
  ASSERT_TRUE(two);
  EXPECT_EQ(two->shape, (ImageShape{1, 1, 1}));
  EXPECT_EQ(two->bytes, Bytes{255});
  EXPECT_EQ(encode_png({1, 2, 2}, std::vector<float>{1}), "");
}

}  // namespace
}  // namespace defuse
