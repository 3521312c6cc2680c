#include "core/cache/npy_array.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "core/base/npy.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxBlob = 16ULL << 30;

template <class T>
constexpr const char* kDescr = nullptr;
template <>
constexpr const char* kDescr<float> = "<f4";
template <>
constexpr const char* kDescr<std::int32_t> = "<i4";
template <>
constexpr const char* kDescr<std::uint8_t> = "|u1";

template <class T>
Result<void> write_npy(const fs::path& file, std::span<const T> values, const std::vector<std::size_t>& shape) {
  TRY(out, CacheFile::create(file));
  TRY_OK(out.write(npy_header(kDescr<T>, shape)));
  TRY_OK(out.write({reinterpret_cast<const char*>(values.data()), values.size_bytes()}));
  return out.publish();
}

template <class T>
struct Array {
  std::vector<std::size_t> shape;
  std::vector<T> values;
};

struct Layout {
  std::vector<std::size_t> shape;
  std::size_t count = 1;   // values
  std::size_t offset = 0;  // of the first one
};

// Takes only the type and the number of dimensions that were written.
template <class T>
Result<Layout> layout_of(const fs::path& file, std::span<const std::byte> bytes, std::size_t dimensions) {
  const auto damaged = [&](const std::string& why) {
    return fail(ErrorCode::corrupt, file.string() + " is damaged: " + why);
  };
  const auto header = parse_npy_header(bytes, file.string());
  if (!header) return damaged(header.error().message);
  const bool same_type = header->kind == kDescr<T>[1] && header->item_bytes == sizeof(T) && !header->big_endian;
  if (!same_type || header->shape.size() != dimensions) return damaged("another type or number of dimensions");
  if (header->header_bytes % alignof(T) != 0) return damaged("its values are not aligned");  // they are mapped as T
  if (bytes.size() - header->header_bytes != header->data_bytes) return damaged("its length does not fit its shape");
  return Layout{{header->shape.begin(), header->shape.end()}, header->data_bytes / sizeof(T), header->header_bytes};
}

template <class T>
Result<Array<T>> read_npy(const fs::path& file, std::size_t dimensions, std::uint64_t max_bytes) {
  TRY(mapped, MappedFile::open(file));
  if (mapped->bytes().size() > max_bytes)
    return fail(ErrorCode::exhausted,
                file.string() + " is larger than the " + std::to_string(max_bytes) + " bytes that may be read of it");
  TRY(layout, layout_of<T>(file, mapped->bytes(), dimensions));
  Array<T> array{std::move(layout.shape), std::vector<T>(layout.count)};
  // Piece by piece, so that the process never holds it twice.
  constexpr std::size_t kPiece = (16UL << 20) / sizeof(T);
  for (std::size_t first = 0; first < layout.count; first += kPiece) {
    const std::size_t bytes = std::min(kPiece, layout.count - first) * sizeof(T);
    const std::size_t from = layout.offset + first * sizeof(T);
    std::memcpy(array.values.data() + first, mapped->bytes().data() + from, bytes);
    mapped->release(from, bytes);
  }
  return array;
}

}  // namespace

Result<void> save_npy(const fs::path& file, const Matrix& matrix) {
  return write_npy<float>(file, matrix.data, {matrix.rows, matrix.cols});
}

Result<Matrix> load_npy(const fs::path& file) {
  TRY(array, read_npy<float>(file, 2, kMaxBlob));
  Matrix matrix;
  matrix.rows = array.shape[0];
  matrix.cols = array.shape[1];
  matrix.data = std::move(array.values);
  return matrix;
}

Result<void> save_npy(const fs::path& file, std::span<const std::int32_t> values) {
  return write_npy<std::int32_t>(file, values, {values.size()});
}

Result<std::vector<std::int32_t>> load_npy_int32(const fs::path& file) {
  TRY(array, read_npy<std::int32_t>(file, 1, kMaxBlob));
  return std::move(array.values);
}

Result<void> save_npy(const fs::path& file, std::span<const std::uint8_t> values) {
  return write_npy<std::uint8_t>(file, values, {values.size()});
}

Result<std::vector<std::uint8_t>> load_npy_uint8(const fs::path& file) {
  TRY(array, read_npy<std::uint8_t>(file, 1, kMaxBlob));
  return std::move(array.values);
}

Result<NpyWriter> NpyWriter::create(const fs::path& file, const std::vector<std::size_t>& shape) {
  TRY(out, CacheFile::create(file));
  TRY_OK(out.write(npy_header(kDescr<float>, shape)));
  return NpyWriter(std::move(out), std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>()));
}

Result<void> NpyWriter::write(std::span<const float> values) {
  if (values.size() > left_) return fail(ErrorCode::internal, "an array was given more values than its shape has");
  left_ -= values.size();
  return file_.write({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

Result<void> NpyWriter::finish() {
  if (left_ != 0) return fail(ErrorCode::internal, "an array was given fewer values than its shape has");
  return file_.publish();
}

Result<MappedNpy> map_npy(const fs::path& file, std::size_t dimensions) {
  TRY(mapped, MappedFile::open(file));
  TRY(layout, layout_of<float>(file, mapped->bytes(), dimensions));
  return MappedNpy{std::move(mapped), layout.offset, std::move(layout.shape)};
}

Result<void> save_npy_images(const fs::path& file, std::span<const float> images, std::size_t n, std::size_t channels,
                             std::size_t height, std::size_t width) {
  return write_npy<float>(file, images, {n, channels, height, width});
}

Result<NpyImages> load_npy_images(const fs::path& file, std::uint64_t max_bytes) {
  TRY(array, read_npy<float>(file, 4, max_bytes));
  return NpyImages{array.shape[0], array.shape[1], array.shape[2], array.shape[3], std::move(array.values)};
}

}  // namespace defuse
