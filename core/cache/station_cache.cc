#include "core/cache/station_cache.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <span>

#include "core/base/files.h"

namespace defuse {
namespace fs = std::filesystem;

StationCache::StationCache(fs::path root) : root_(std::move(root)) {}

fs::path StationCache::first_place(std::string_view station, const std::string& key) const {
  return root_ / station / key;
}

fs::path StationCache::entry(std::string_view station, const std::string& key) const {
  return newest_place(first_place(station, key));
}

bool StationCache::holds(std::string_view station, const std::string& key) const {
  std::error_code ignored;
  return fs::exists(entry(station, key), ignored);
}

Result<void> StationCache::put(std::string_view station, const std::string& key,
                               const std::function<Result<void>(const fs::path&)>& save) const {
  static std::atomic<unsigned> counter{0};
  const auto scratch =
      incoming_folder(root_) / ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)));
  std::error_code ignored;
  fs::remove_all(scratch, ignored);  // of a process that had our number and was killed
  TRY_OK(make_folder(scratch));
  TRY_OK(save(scratch));
  TRY_OK(make_folder(root_ / station));
  return publish_folder(scratch, free_place(first_place(station, key)));
}

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

// NPY format 1.0: magic, version, little-endian header length, a Python dict padded to 64 bytes, then the raw values.
std::string npy_header(const char* descr, const std::vector<std::size_t>& shape) {
  std::string dict = std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (";
  for (const auto extent : shape) dict += std::to_string(extent) + ",";
  dict += "), }";
  const std::size_t unpadded = 10 + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

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

// Takes only what write_npy and NpyWriter wrote: the header is rebuilt from the shape it claims and compared byte for
// byte.
template <class T>
Result<Layout> layout_of(const fs::path& file, std::string_view bytes, std::size_t dimensions) {
  const auto damaged = [&](const std::string& why) {
    return fail(ErrorCode::corrupt, file.string() + " is damaged: " + why);
  };
  const std::string start(bytes.substr(0, 400));
  const auto open = start.find("'shape': (");
  if (start.size() < 10 || open == std::string::npos || open > 200) return damaged("no .npy header");
  Layout layout;
  const char* cursor = start.c_str() + open + std::strlen("'shape': (");
  while (layout.shape.size() < dimensions) {
    char* end = nullptr;
    const auto extent = static_cast<std::size_t>(std::strtoull(cursor, &end, 10));
    if (end == cursor || *end != ',') return damaged("another number of dimensions");
    if (extent != 0 && layout.count > kMaxBlob / sizeof(T) / extent) return damaged("impossible size");
    layout.count *= extent;
    layout.shape.push_back(extent);
    cursor = end + 1;
  }
  const auto header = npy_header(kDescr<T>, layout.shape);
  if (bytes.compare(0, header.size(), header) != 0) return damaged("another type or shape");
  if (bytes.size() != header.size() + layout.count * sizeof(T)) return damaged("cut short");
  layout.offset = header.size();
  return layout;
}

template <class T>
Result<Array<T>> read_npy(const fs::path& file, std::size_t dimensions, std::uint64_t max_bytes) {
  TRY(mapped, MappedFile::open(file));
  if (mapped->bytes().size() > max_bytes)
    return fail(ErrorCode::exhausted,
                file.string() + " is larger than the " + std::to_string(max_bytes) + " bytes that may be read of it");
  TRY(layout, layout_of<T>(file, mapped->text(), dimensions));
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
  TRY(layout, layout_of<float>(file, mapped->text(), dimensions));
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
