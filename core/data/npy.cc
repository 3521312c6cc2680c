#include "core/data/npy.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/mapped_file.h"
#include "core/data/dataset_builder.h"

namespace defuse {
namespace {

constexpr std::size_t kMaxHeader = 64 << 10;
constexpr std::size_t kMaxDimensions = 32;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 48;

// A cursor over {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. Every step says whether it could be made.
class Literal {
 public:
  explicit Literal(std::string_view text) : rest_(text) {}

  bool eat(std::string_view token) {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::optional<std::string> quoted() {
    const char mark = eat("'") ? '\'' : eat("\"") ? '"' : '\0';
    const auto end = mark == '\0' ? std::string_view::npos : rest_.find(mark);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<std::uint64_t> number() {
    eat("");  // skip blanks
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (code != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  std::optional<std::vector<std::uint64_t>> tuple() {
    std::vector<std::uint64_t> values;
    if (!eat("(")) return std::nullopt;
    while (!eat(")")) {
      const auto value = number();
      if (!value || values.size() == kMaxDimensions) return std::nullopt;
      values.push_back(*value);
      if (!eat(",")) {
        if (!eat(")")) return std::nullopt;
        break;
      }
    }
    return values;
  }
  bool at_end() {
    eat("");
    return rest_.empty();
  }

 private:
  std::string_view rest_;
};

struct Description {
  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<std::uint64_t>> shape;
};

bool parse_field(Literal& literal, Description& out) {
  const auto key = literal.quoted();
  if (!key || !literal.eat(":")) return false;
  if (*key == "descr") return (out.descr = literal.quoted()).has_value();
  if (*key == "shape") return (out.shape = literal.tuple()).has_value();
  if (*key != "fortran_order") return false;
  out.fortran = literal.eat("True");
  return *out.fortran || literal.eat("False");
}

std::optional<Description> parse_description(std::string_view text) {
  Literal literal(text);
  Description out;
  if (!literal.eat("{")) return std::nullopt;
  while (!literal.eat("}")) {
    if (!parse_field(literal, out)) return std::nullopt;
    if (literal.eat(",")) continue;
    if (!literal.eat("}")) return std::nullopt;
    break;
  }
  if (!literal.at_end() || !out.descr || !out.fortran || !out.shape) return std::nullopt;
  return out;
}

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

// "<f4", "|u1": byte order, kind, size.
bool parse_descr(const std::string& descr, NpyHeader& header) {
  if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) return false;
  header.kind = descr[1];
  header.item_bytes = static_cast<std::size_t>(descr[2] - '0');
  header.big_endian = descr[0] == '>' && header.item_bytes > 1;
  return std::string_view("uifb").find(header.kind) != std::string_view::npos &&
         (header.item_bytes == 1 || header.item_bytes == 2 || header.item_bytes == 4 || header.item_bytes == 8);
}

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

Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x93NUMPY")) return fail(ErrorCode::invalid_input, name + " is not a .npy file");
  if (bytes.size() < 8) return fail(ErrorCode::corrupt, name + " is truncated inside its header");
  const auto version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3)
    return fail(ErrorCode::invalid_input, name + ": .npy version " + std::to_string(version) + " is not known");
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) return fail(ErrorCode::corrupt, name + " is truncated inside its header");
  const auto length = little_endian(bytes.subspan(8, length_bytes));
  if (length > kMaxHeader)
    return fail(ErrorCode::invalid_input,
                name + ": its header of " + std::to_string(length) + " bytes is over the limit");
  NpyHeader header;
  header.header_bytes = 8 + length_bytes + length;
  if (bytes.size() < header.header_bytes) return fail(ErrorCode::corrupt, name + " is truncated inside its header");
  const auto description = parse_description(text.substr(8 + length_bytes, length));
  if (!description || !parse_descr(*description->descr, header))
    return fail(ErrorCode::invalid_input, name + ": its .npy header is not one of a plain array of numbers");
  if (*description->fortran && description->shape->size() > 1)
    return fail(ErrorCode::invalid_input, name + " is in Fortran order; save it with numpy.ascontiguousarray");
  header.shape = *description->shape;
  header.data_bytes = header.item_bytes;
  for (const auto side : header.shape)
    if (__builtin_mul_overflow(header.data_bytes, side, &header.data_bytes) || header.data_bytes > kMaxBytes)
      return fail(ErrorCode::invalid_input, name + ": the sizes in its header are impossibly large");
  return header;
}

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
