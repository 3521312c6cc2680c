// Arrays kept as NumPy .npy files, in entries of the cache and as frozen tests of regions, so that anyone can look at
// them. Read: `corrupt` for a file of another shape, type or length. Written: whole and synced, or not at all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/base/matrix.h"
#include "core/base/result.h"
#include "core/cache/cache_file.h"

namespace defuse {

Result<void> save_npy(const std::filesystem::path& file, const Matrix& matrix);
Result<Matrix> load_npy(const std::filesystem::path& file);
Result<void> save_npy(const std::filesystem::path& file, std::span<const std::int32_t> values);
Result<std::vector<std::int32_t>> load_npy_int32(const std::filesystem::path& file);
Result<void> save_npy(const std::filesystem::path& file, std::span<const std::uint8_t> values);
Result<std::vector<std::uint8_t>> load_npy_uint8(const std::filesystem::path& file);
// A float32 array of any shape written piece by piece, for what is too large to be held. The file gets its name in
// finish, whole and synced; `internal` if another number of values came than the shape has.
class NpyWriter {
 public:
  static Result<NpyWriter> create(const std::filesystem::path& file, const std::vector<std::size_t>& shape);
  Result<void> write(std::span<const float> values);
  Result<void> finish();  // call once, last

 private:
  NpyWriter(CacheFile file, std::uint64_t left) : file_(std::move(file)), left_(left) {}
  CacheFile file_;
  std::uint64_t left_;  // values to come
};

// The same array mapped instead of read: `values` are the floats from `offset` on, as long as `file` is held.
struct MappedNpy {
  std::shared_ptr<const MappedFile> file;
  std::size_t offset = 0;
  std::vector<std::size_t> shape;
};
Result<MappedNpy> map_npy(const std::filesystem::path& file, std::size_t dimensions);

// [n, C, H, W] float32, for frozen tests.
Result<void> save_npy_images(const std::filesystem::path& file, std::span<const float> images, std::size_t n,
                             std::size_t channels, std::size_t height, std::size_t width);
struct NpyImages {
  std::size_t n = 0, channels = 0, height = 0, width = 0;
  std::vector<float> pixels;
};
Result<NpyImages> load_npy_images(const std::filesystem::path& file, std::uint64_t max_bytes);

}  // namespace defuse
