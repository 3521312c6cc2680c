// A file of the unpacking cache while it is being written: it gets its name only when it is whole and synced, so that
// readers see all of it or nothing; given up, it leaves nothing behind. Two processes may make the same entry: either
// copy is right.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

// Where things of a cache are made, before they are moved to their place. A worker's sandbox lets it write here and
// move in from here, and change nothing that is in its place: <cache>/incoming.
std::filesystem::path incoming_folder(const std::filesystem::path& cache);
// Where a training that was interrupted is kept; a worker may change what is there.
std::filesystem::path training_folder(const std::filesystem::path& cache);

// What a worker found damaged it cannot remove, so another takes over under the next name: "key", "key-2", "key-3", ….
// Of the same kind, for files: "key.raw", "key-2.raw", ….
std::filesystem::path newest_place(const std::filesystem::path& entry);  // that is taken; `entry` if none is
std::filesystem::path free_place(const std::filesystem::path& entry);

class CacheFile {
 public:
  // Makes the target's folder if need be. Until it is whole the file lies in `scratch`, of the same file system, or
  // beside the target where none is given.
  static Result<CacheFile> create(const std::filesystem::path& target, const std::filesystem::path& scratch = {});

  Result<void> write(std::string_view bytes);
  Result<void> publish();  // sync and rename; call once, last

  CacheFile(CacheFile&& other) noexcept;
  CacheFile& operator=(CacheFile&&) = delete;
  ~CacheFile();

 private:
  CacheFile() = default;
  int fd_ = -1;
  std::filesystem::path target_;
  std::filesystem::path temporary_;
};

}  // namespace defuse
