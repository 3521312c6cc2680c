// libpng and libjpeg report errors by longjmp. So each function that calls setjmp holds nothing with a destructor:
// whatever must be freed lives in a struct of the caller.
#include "core/base/image_io.h"

#include <jpeglib.h>
#include <png.h>
// jpeglib.h first: jerror.h needs its types.
#include <jerror.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace defuse {
namespace {

constexpr int kMaxScans = 200;  // of a progressive JPEG; small files with thousands of scans exist to burn time

// What a decoder fills in; interleaved rows.
struct Decoded {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;
  std::vector<std::uint8_t> rows;
  std::array<char, 256> message{};
  bool too_large = false;
  bool unsupported = false;

  void say(const char* text) { std::snprintf(message.data(), message.size(), "%s", text); }
  bool admit(const ImageLimits& limits) {
    too_large = width > limits.side || height > limits.side || std::uint64_t{width} * height > limits.pixels;
    if (too_large) std::snprintf(message.data(), message.size(), "%u x %u pixels are over the limit", width, height);
    return !too_large;
  }
};

// --- PNG
// ---------------------------------------------------------------------------------------------------------------

struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view bytes;
  Decoded* out = nullptr;
  std::vector<png_bytep> row_pointers;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void png_fail(png_structp png, png_const_charp text) {
  static_cast<PngReader*>(png_get_error_ptr(png))->out->say(text);
  png_longjmp(png, 1);
}
void png_ignore(png_structp, png_const_charp) {}

// libpng makes room for as much as a chunk claims before it looks whether the file holds it, and takes its own limit on
// that for a mere warning. Nothing that it needs for an image within the limits comes near this.
constexpr std::size_t kMaxPngBlock = std::size_t{16} << 20;

png_voidp png_allocate(png_structp, png_alloc_size_t size) { return size > kMaxPngBlock ? nullptr : std::malloc(size); }
void png_release(png_structp, png_voidp block) { std::free(block); }

void png_take(png_structp png, png_bytep to, std::size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader.bytes.size()) png_error(png, "unexpected end");
  std::memcpy(to, reader.bytes.data(), count);
  reader.bytes.remove_prefix(count);
}

// false with out->message set, or true with out filled.
bool run_png(PngReader& reader, const ImageLimits& limits) {
  Decoded& out = *reader.out;
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_read_fn(reader.png, &reader, png_take);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours give the better message
  png_set_chunk_malloc_max(reader.png, 8U << 20);
  png_set_chunk_cache_max(reader.png, 128);
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_read_info(reader.png, reader.info);
  out.width = png_get_image_width(reader.png, reader.info);
  out.height = png_get_image_height(reader.png, reader.info);
  if (!out.admit(limits)) return false;
  png_set_scale_16(reader.png);
  png_set_packing(reader.png);
  const auto colour = png_get_color_type(reader.png, reader.info);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader.png);
  if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  out.channels = png_get_channels(reader.png, reader.info);
  const auto stride = png_get_rowbytes(reader.png, reader.info);
  if (stride != std::size_t{out.width} * out.channels || (out.channels != 1 && out.channels != 3))
    png_error(reader.png, "unexpected row format");
  out.rows.resize(stride * out.height);
  reader.row_pointers.resize(out.height);
  for (std::size_t y = 0; y < out.height; ++y) reader.row_pointers[y] = out.rows.data() + y * stride;
  png_read_image(reader.png, reader.row_pointers.data());
  png_read_end(reader.png, nullptr);
  return true;
}

bool decode_png(std::string_view bytes, const ImageLimits& limits, Decoded& out) {
  PngReader reader;
  reader.bytes = bytes;
  reader.out = &out;
  reader.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, png_fail, png_ignore, nullptr, png_allocate,
                                        png_release);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) {
    out.say("out of memory");
    return false;
  }
  return run_png(reader, limits);
}

// --- JPEG
// --------------------------------------------------------------------------------------------------------------

struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  Decoded* out = nullptr;
  bool created = false;
  ~JpegReader() {
    if (created) jpeg_destroy_decompress(&jpeg);
  }
};

JpegReader& reader_of(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }

[[noreturn]] void jpeg_fail(j_common_ptr jpeg) {
  auto& reader = reader_of(jpeg);
  std::array<char, JMSG_LENGTH_MAX> text{};
  (*jpeg->err->format_message)(jpeg, text.data());
  reader.out->say(text.data());
  std::longjmp(reader.back, 1);
}

// libjpeg fills what it could not read with grey and warns. A grey half is not the user's image. Harmless: junk between
// markers, and version numbers it does not know.
void jpeg_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM) return;
  jpeg_fail(jpeg);
}

void jpeg_watch_scans(j_common_ptr jpeg) {
  if (reader_of(jpeg).jpeg.input_scan_number <= kMaxScans) return;
  reader_of(jpeg).out->say("too many scans");
  std::longjmp(reader_of(jpeg).back, 1);
}

bool run_jpeg(JpegReader& reader, std::string_view bytes, const ImageLimits& limits) {
  Decoded& out = *reader.out;
  auto& jpeg = reader.jpeg;
  if (setjmp(reader.back) != 0) return false;
  jpeg_create_decompress(&jpeg);
  reader.created = true;
  jpeg.progress = &reader.progress;
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&jpeg, TRUE);
  out.width = jpeg.image_width;
  out.height = jpeg.image_height;
  if (!out.admit(limits)) return false;
  const bool grey = jpeg.jpeg_color_space == JCS_GRAYSCALE;
  if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK) {
    out.unsupported = true;
    out.say("CMYK colours are not supported");
    return false;
  }
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&jpeg);
  out.channels = grey ? 1 : 3;
  const auto stride = std::size_t{out.width} * out.channels;
  out.rows.resize(stride * out.height);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = out.rows.data() + jpeg.output_scanline * stride;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

bool decode_jpeg(std::string_view bytes, const ImageLimits& limits, Decoded& out) {
  JpegReader reader;
  reader.out = &out;
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = jpeg_fail;
  reader.errors.emit_message = jpeg_message;
  reader.progress.progress_monitor = jpeg_watch_scans;
  reader.jpeg.client_data = &reader;
  return run_jpeg(reader, bytes, limits);
}

// --- both
// --------------------------------------------------------------------------------------------------------------

Image planes_of(const Decoded& decoded) {
  Image image;
  image.shape = {decoded.channels, decoded.height, decoded.width};
  const std::size_t plane = std::size_t{decoded.width} * decoded.height;
  image.bytes.resize(plane * decoded.channels);
  for (std::size_t c = 0; c < decoded.channels; ++c)
    for (std::size_t i = 0; i < plane; ++i) image.bytes[c * plane + i] = decoded.rows[i * decoded.channels + c];
  return image;
}

}  // namespace

Result<Image> decode_image(std::string_view bytes, const ImageLimits& limits) {
  Decoded decoded;
  const bool png = bytes.starts_with("\x89PNG\r\n\x1a\n");
  const bool jpeg = bytes.starts_with("\xff\xd8\xff");
  if (!png && !jpeg) return fail(ErrorCode::invalid_input, "neither a PNG nor a JPEG image");
  if (png ? decode_png(bytes, limits, decoded) : decode_jpeg(bytes, limits, decoded)) return planes_of(decoded);
  const std::string format = png ? "PNG" : "JPEG";
  if (decoded.too_large || decoded.unsupported)
    return fail(ErrorCode::invalid_input, format + " image: " + decoded.message.data());
  return fail(ErrorCode::corrupt, "damaged or truncated " + format + " image (" + decoded.message.data() + ")");
}

Image with_channels(Image image, std::int64_t channels) {
  if (image.shape.channels == channels) return image;
  const auto plane = static_cast<std::size_t>(image.shape.height * image.shape.width);
  if (channels == 3) {
    image.bytes.resize(3 * plane);
    for (std::size_t c = 1; c < 3; ++c)
      std::copy_n(image.bytes.begin(), plane, image.bytes.begin() + static_cast<std::ptrdiff_t>(c * plane));
  } else {
    // 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded.
    for (std::size_t i = 0; i < plane; ++i)
      image.bytes[i] = static_cast<std::uint8_t>(
          (image.bytes[i] * 19595U + image.bytes[plane + i] * 38470U + image.bytes[2 * plane + i] * 7471U + 0x8000U) >>
          16);
    image.bytes.resize(plane);
  }
  image.shape.channels = channels;
  return image;
}

namespace {

struct PngWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string bytes;
  std::vector<std::uint8_t> row;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

void png_give(png_structp png, png_bytep from, std::size_t count) {
  static_cast<PngWriter*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(from), count);
}

std::uint8_t quantise(float value) {
  if (!(value > 0)) return 0;
  return static_cast<std::uint8_t>(std::lround(std::min(value, 1.0F) * 255.0F));
}

void fill_row(const ImageShape& shape, std::span<const float> chw01, std::size_t y, std::size_t zoom,
              PngWriter& writer) {
  const auto width = static_cast<std::size_t>(shape.width);
  const auto plane = static_cast<std::size_t>(shape.height) * width;
  const std::size_t channels = shape.channels == 3 ? 3 : 1;
  for (std::size_t x = 0; x < width * zoom; ++x)
    for (std::size_t c = 0; c < channels; ++c)
      writer.row[x * channels + c] = quantise(chw01[c * plane + y * width + x / zoom]);
}

bool run_png_writer(const ImageShape& shape, std::span<const float> chw01, std::size_t zoom, PngWriter& writer) {
  const auto width = static_cast<std::size_t>(shape.width) * zoom;
  const auto height = static_cast<std::size_t>(shape.height) * zoom;
  const bool colour = shape.channels == 3;
  writer.row.resize(width * (colour ? 3 : 1));
  if (setjmp(png_jmpbuf(writer.png)) != 0) return false;
  png_set_write_fn(writer.png, &writer, png_give, nullptr);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
               colour ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_set_filter(writer.png, 0, PNG_FILTER_NONE);  // small pictures: no filter is quickest and about as small
  png_write_info(writer.png, writer.info);
  for (std::size_t y = 0; y < height; ++y) {
    if (y % zoom == 0) fill_row(shape, chw01, y / zoom, zoom, writer);
    png_write_row(writer.png, writer.row.data());
  }
  png_write_end(writer.png, nullptr);
  return true;
}

}  // namespace

std::string encode_png(const ImageShape& shape, std::span<const float> chw01, int zoom) {
  if (shape.height < 1 || shape.width < 1 || shape.channels < 1 ||
      chw01.size() < static_cast<std::size_t>(shape.pixels()))
    return {};
  PngWriter writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, png_ignore);
  if (writer.png != nullptr) writer.info = png_create_info_struct(writer.png);
  if (writer.info == nullptr) return {};
  if (!run_png_writer(shape, chw01, static_cast<std::size_t>(std::max(zoom, 1)), writer)) return {};
  return std::move(writer.bytes);
}

}  // namespace defuse
