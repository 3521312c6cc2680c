#include "core/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/mapped_file.h"
#include "core/base/sha256.h"
#include "core/cache/cache_collector.h"
#include "core/cache/cache_file.h"
#include "core/data/dataset_builder.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxIdxBytes = std::uint64_t{1} << 48;  // no disk of ours is larger; keeps sums from wrapping
constexpr std::uint64_t kMaxLabelBytes = std::uint64_t{1} << 30;

std::size_t bytes_per_element(std::uint8_t type) {
  switch (type) {
    case 0x08:
    case 0x09:
      return 1;
    case 0x0B:
      return 2;
    case 0x0C:
    case 0x0D:
      return 4;
    case 0x0E:
      return 8;
    default:
      return 0;
  }
}

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = (value << 8) | std::to_integer<std::uint32_t>(bytes[i]);
  return value;
}

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

Result<void> check_file_size(const IdxHeader& header, std::uint64_t size, const std::string& name) {
  if (size == header.file_bytes()) return {};
  if (size < header.file_bytes())
    return fail(ErrorCode::corrupt, name + " is truncated: it has " + std::to_string(size) +
                                        " bytes, its header promises " + std::to_string(header.file_bytes()));
  return fail(ErrorCode::corrupt,
              name + " has " + std::to_string(size - header.file_bytes()) + " bytes more than its header promises");
}

// A gzip stream. Every read checks zlib's own state, so damage (also a bad CRC at the end) is never taken for an end.
class GzipReader {
 public:
  explicit GzipReader(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rbe")) {
    if (file_ != nullptr) gzbuffer(file_, 1 << 18);
  }
  ~GzipReader() {
    if (file_ != nullptr) gzclose_r(file_);
  }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Up to `limit` bytes; fewer only at the end of a whole stream.
  Result<std::string> read(std::size_t limit) {
    if (file_ == nullptr) return fail(ErrorCode::io, "cannot open " + path_.string());
    std::string bytes(limit, '\0');
    std::size_t filled = 0;
    while (filled < limit) {
      const int got = gzread(file_, bytes.data() + filled, static_cast<unsigned>(limit - filled));
      int code = Z_OK;
      const char* words = gzerror(file_, &code);
      if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
        return fail(ErrorCode::corrupt,
                    path_.string() + ": the gzip data is damaged or truncated (" + reason(code, words) + ")");
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    bytes.resize(filled);
    return bytes;
  }

 private:
  static std::string reason(int code, const char* words) {
    if (code == Z_BUF_ERROR) return "unexpected end";
    const std::string text = words == nullptr ? "" : words;
    const auto colon = text.rfind(": ");  // zlib puts the path first
    return colon == std::string::npos ? text : text.substr(colon + 2);
  }

  fs::path path_;
  gzFile file_;
};

// Checks that the stream is as long as its header promises while handing it on piece by piece.
template <class Sink>
Result<void> unpack(const fs::path& path, std::uint64_t limit, Sink&& sink) {
  constexpr std::size_t kPiece = 1 << 20;
  GzipReader reader(path);
  TRY(piece, reader.read(kPiece));
  TRY(header, parse_idx_header(std::as_bytes(std::span(piece)), path.string()));
  if (header.file_bytes() > limit)
    return fail(ErrorCode::exhausted, path.string() + " promises " + std::to_string(header.file_bytes()) +
                                          " bytes; the limit is " + std::to_string(limit));
  std::uint64_t total = 0;
  while (!piece.empty()) {
    total += piece.size();
    if (total > header.file_bytes()) break;
    TRY_OK(sink(piece));
    TRY(next, reader.read(kPiece));
    piece = std::move(next);
  }
  return check_file_size(header, total, path.string());
}

bool is_whole(const MappedFile& file) {
  const auto header = parse_idx_header(file.bytes(), file.path().string());
  return header && header->file_bytes() == file.bytes().size();
}

// The uncompressed file, mapped: the file itself, or its copy in the cache.
Result<std::shared_ptr<const MappedFile>> map_unpacked(const fs::path& path, const fs::path& cache) {
  TRY(file, MappedFile::open(path));
  if (!is_gzip(file->bytes())) return file;
  if (cache.empty()) return fail(ErrorCode::internal, "no cache folder to unpack " + path.string() + " into");
  const auto target = cache / "data" / (Sha256().update(file->bytes()).hex() + ".raw");
  const auto found = newest_place(target);
  if (auto cached = MappedFile::open(found); cached && is_whole(**cached)) {
    mark_used(found);
    return cached;
  }
  std::error_code ignored;
  fs::remove(found, ignored);  // a damaged one, where that is allowed
  const auto place = free_place(target);
  TRY(writer, CacheFile::create(place, incoming_folder(cache)));
  TRY_OK(unpack(path, kMaxIdxBytes + 1024, [&](std::string_view piece) { return writer.write(piece); }));
  TRY_OK(writer.publish());
  return MappedFile::open(place);
}

Result<std::vector<std::int32_t>> decode_labels(std::span<const std::byte> bytes, const std::string& name) {
  TRY(header, parse_idx_header(bytes, name));
  TRY_OK(check_file_size(header, bytes.size(), name));
  if (header.dims.size() != 1)
    return fail(ErrorCode::invalid_input,
                name + " is no list of labels: it has " + std::to_string(header.dims.size()) + " dimensions, not 1");
  const auto width = bytes_per_element(header.type);
  std::vector<std::int32_t> labels(header.dims[0]);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto raw = big_endian(bytes.subspan(header.header_bytes + i * width), width);
    switch (header.type) {
      case 0x08:
        labels[i] = static_cast<std::int32_t>(raw);
        break;
      case 0x09:
        labels[i] = static_cast<std::int8_t>(raw);  // NOLINT(bugprone-signed-char-misuse): the type is "signed byte"
        break;
      case 0x0B:
        labels[i] = static_cast<std::int16_t>(raw);
        break;
      case 0x0C:
        labels[i] = static_cast<std::int32_t>(raw);
        break;
      default:
        return fail(ErrorCode::invalid_input, name + ": labels must be whole numbers, not floating point");
    }
  }
  return labels;
}

Result<std::vector<std::int32_t>> read_labels(const fs::path& path) {
  TRY(file, MappedFile::open(path));
  if (!is_gzip(file->bytes())) return decode_labels(file->bytes(), path.string());
  std::string bytes;
  TRY_OK(unpack(path, kMaxLabelBytes, [&](std::string_view piece) -> Result<void> {
    bytes.append(piece);
    return {};
  }));
  return decode_labels(std::as_bytes(std::span(bytes)), path.string());
}

Result<void> check_image_dims(const IdxHeader& header, const ImageShape& shape, const std::string& name) {
  std::string found;
  for (const auto dim : header.dims) found += (found.empty() ? "[" : ",") + std::to_string(dim);
  found += "]";
  if (header.type != 0x08)
    return fail(ErrorCode::invalid_input,
                name + ": images must be unsigned bytes (type 0x08), not type " + std::to_string(header.type));
  const auto is = [&](std::size_t dim, std::int64_t side) {
    return header.dims[dim] == static_cast<std::uint64_t>(side);
  };
  const bool fits = header.dims.size() == 3
                        ? shape.channels == 1 && is(1, shape.height) && is(2, shape.width)
                        : header.dims.size() == 4 && is(1, shape.channels) && is(2, shape.height) && is(3, shape.width);
  if (fits) return {};
  return fail(ErrorCode::invalid_input,
              name + " holds an array " + found + ", which does not fit the configured shape " + to_string(shape));
}

}  // namespace

Result<IdxHeader> parse_idx_header(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < 4) return fail(ErrorCode::corrupt, name + " is truncated: no IDX header");
  IdxHeader header;
  header.type = std::to_integer<std::uint8_t>(bytes[2]);
  const auto dims = std::to_integer<std::size_t>(bytes[3]);
  const auto width = bytes_per_element(header.type);
  if (bytes[0] != std::byte{0} || bytes[1] != std::byte{0} || width == 0 || dims == 0)
    return fail(ErrorCode::invalid_input, name + " is not an IDX file (wrong magic number)");
  header.header_bytes = 4 + 4 * dims;
  if (bytes.size() < header.header_bytes) return fail(ErrorCode::corrupt, name + " is truncated inside its IDX header");
  header.data_bytes = width;
  for (std::size_t i = 0; i < dims; ++i) {
    header.dims.push_back(big_endian(bytes.subspan(4 + 4 * i), 4));
    if (__builtin_mul_overflow(header.data_bytes, header.dims.back(), &header.data_bytes) ||
        header.data_bytes > kMaxIdxBytes)
      return fail(ErrorCode::invalid_input, name + ": the sizes in its IDX header are impossibly large");
  }
  return header;
}

Result<Dataset> open_idx(const IdxSource& source, const InputSettings& input, std::size_t classes,
                         const fs::path& cache) {
  const auto name = source.images.string();
  TRY(file, map_unpacked(source.images, cache));
  TRY(header, parse_idx_header(file->bytes(), name));
  TRY_OK(check_file_size(header, file->bytes().size(), name));
  TRY_OK(check_image_dims(header, input.shape, name));
  TRY(labels, read_labels(source.labels));
  if (header.dims[0] == 0) return fail(ErrorCode::invalid_input, name + " holds no image");
  if (header.dims[0] != labels.size())
    return fail(ErrorCode::invalid_input, name + " holds " + std::to_string(header.dims[0]) + " images, but " +
                                              source.labels.string() + " holds " + std::to_string(labels.size()) +
                                              " labels");
  StoredPixels pixels;
  pixels.type = PixelType::u8;
  pixels.bytes = file->bytes().subspan(header.header_bytes);
  pixels.owner = file;
  pixels.file = file;
  pixels.offset = header.header_bytes;
  pixels.name = name;
  return DatasetBuilder::build(std::move(pixels), std::move(labels), input, classes, {}, source.labels.string());
}

}  // namespace defuse
