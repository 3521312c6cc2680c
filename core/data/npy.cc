#include "core/data/npy.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/mapped_file.h"
#include "core/base/npy.h"
#include "core/data/dataset_builder.h"

namespace defuse {
namespace {

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text = "[";
  for (const auto side : shape) text += (text.size() > 1 ? "," : "") + std::to_string(side);
  return text + "]";
}

struct MappedArray {
  std::shared_ptr<const MappedFile> file;
  NpyHeader header;
  std::span<const std::byte> data() const { return file->bytes().subspan(header.header_bytes); }
};

Result<MappedArray> map_array(const std::filesystem::path& path) {
  TRY(file, MappedFile::open(path));
  TRY(header, parse_npy_header(file->bytes(), path.string()));
  const auto expected = header.header_bytes + header.data_bytes;
  const auto size = file->bytes().size();
  if (size < expected)
    return fail(ErrorCode::corrupt, path.string() + " is truncated: it has " + std::to_string(size) +
                                        " bytes, its header promises " + std::to_string(expected));
  if (size > expected)
    return fail(ErrorCode::corrupt,
                path.string() + " has " + std::to_string(size - expected) + " bytes more than its header promises");
  return MappedArray{std::move(file), std::move(header)};
}

Result<std::vector<std::int32_t>> read_labels(const std::filesystem::path& path) {
  TRY(array, map_array(path));
  const auto& header = array.header;
  if (header.shape.size() != 1)
    return fail(ErrorCode::invalid_input,
                path.string() + ": labels must be a list of shape [n], not " + shape_text(header.shape));
  if (header.kind != 'u' && header.kind != 'i')
    return fail(ErrorCode::invalid_input, path.string() + ": labels must be of an integer type");
  const auto data = array.data();
  const auto width = header.item_bytes;
  std::vector<std::int32_t> labels(header.shape[0]);
  std::vector<std::byte> item(width);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(i * width), width, item.begin());
    if (header.big_endian) std::reverse(item.begin(), item.end());
    auto value = little_endian(item);
    const auto unused = 64 - 8 * width;
    const bool negative = header.kind == 'i' && ((value << unused) >> 63) != 0;
    if (negative || value >= static_cast<std::uint64_t>(kMaxClasses)) {
      const auto words =
          negative ? std::to_string(static_cast<std::int64_t>(value << unused) >> unused) : std::to_string(value);
      return fail(ErrorCode::invalid_input, path.string() + ": label " + words + " of item " + std::to_string(i) +
                                                " is outside 0.." + std::to_string(kMaxClasses - 1));
    }
    labels[i] = static_cast<std::int32_t>(value);
  }
  return labels;
}

Result<void> check_images(const NpyHeader& header, const ImageShape& shape, const std::string& name) {
  const bool bytes = header.kind == 'u' && header.item_bytes == 1;
  const bool floats = header.kind == 'f' && header.item_bytes == 4 && !header.big_endian;
  if (!bytes && !floats)
    return fail(ErrorCode::invalid_input, name + ": images must be of type u1 or little-endian f4, not " +
                                              (header.big_endian ? "big-endian " : "") + header.kind +
                                              std::to_string(header.item_bytes));
  const auto& sides = header.shape;
  const auto is = [&](std::size_t dim, std::int64_t side) { return sides[dim] == static_cast<std::uint64_t>(side); };
  if (sides.size() == 3 && shape.channels == 1 && is(1, shape.height) && is(2, shape.width)) return {};
  if (sides.size() == 4 && is(1, shape.channels) && is(2, shape.height) && is(3, shape.width)) return {};
  const bool channels_last = sides.size() == 4 && is(1, shape.height) && is(2, shape.width) && is(3, shape.channels);
  return fail(ErrorCode::invalid_input, name + " holds an array " + shape_text(sides) +
                                            ", which does not fit the configured shape " + to_string(shape) +
                                            (channels_last ? " (channels come first: transpose to [n,C,H,W])" : ""));
}

}  // namespace

Result<Dataset> open_npy(const NpySource& source, const InputSettings& input, std::size_t classes) {
  const auto name = source.images.string();
  TRY(array, map_array(source.images));
  TRY_OK(check_images(array.header, input.shape, name));
  TRY(labels, read_labels(source.labels));
  if (array.header.shape[0] == 0) return fail(ErrorCode::invalid_input, name + " holds no image");
  if (array.header.shape[0] != labels.size())
    return fail(ErrorCode::invalid_input, name + " holds " + std::to_string(array.header.shape[0]) + " images, but " +
                                              source.labels.string() + " holds " + std::to_string(labels.size()) +
                                              " labels");
  StoredPixels pixels;
  pixels.type = array.header.kind == 'u' ? PixelType::u8 : PixelType::f32;
  pixels.bytes = array.data();
  pixels.owner = array.file;
  pixels.file = array.file;
  pixels.offset = array.header.header_bytes;
  pixels.name = name;
  return DatasetBuilder::build(std::move(pixels), std::move(labels), input, classes, {}, source.labels.string());
}

}  // namespace defuse
