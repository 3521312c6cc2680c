// Results of stations, kept by content: a folder per (station, key), where the key hashes everything the result depends
// on, including the code version. An entry appears whole, by rename, or not at all, so a station that was killed
// half-way is simply absent and a restart resumes at the first one missing. Several workers may share one cache. What
// is there is never changed: a worker's sandbox would not let it (daemon/worker/sandbox.h). Never judges what it
// stores.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/base/matrix.h"
#include "core/base/result.h"
#include "core/cache/cache_collector.h"
#include "core/cache/cache_file.h"

namespace defuse {

class StationCache {
 public:
  explicit StationCache(std::filesystem::path root);

  // Where it is, or would be.
  std::filesystem::path entry(std::string_view station, const std::string& key) const;

  bool holds(std::string_view station, const std::string& key) const;

  // Loads the entry if it is there and `load` accepts it; else computes into a temporary folder by `make` and publishes
  // it. A damaged entry is made again, and the new one takes over. `cached` tells which of the two happened.
  template <class T>
  Result<T> get(std::string_view station, const std::string& key,
                const std::function<Result<T>(const std::filesystem::path&)>& load,
                const std::function<Result<T>()>& make,
                const std::function<Result<void>(const T&, const std::filesystem::path&)>& save, bool& cached) const {
    const auto folder = entry(station, key);
    std::error_code ignored;
    cached = std::filesystem::exists(folder, ignored);
    if (cached) {
      if (auto loaded = load(folder)) {
        mark_used(folder);
        return loaded;
      }
      std::filesystem::remove_all(folder, ignored);
      cached = false;
    }
    TRY(made, make());
    TRY_OK(put(station, key, [&](const std::filesystem::path& scratch) { return save(made, scratch); }));
    return made;
  }

  // Stores what `save` writes into an empty folder; from then on it is the entry, whatever was there before.
  Result<void> put(std::string_view station, const std::string& key,
                   const std::function<Result<void>(const std::filesystem::path&)>& save) const;

 private:
  std::filesystem::path first_place(std::string_view station, const std::string& key) const;
  std::filesystem::path root_;
};

// Blobs inside an entry: NumPy .npy files, so that anyone can look at them. `corrupt` for a file of another shape, type
// or length.
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
