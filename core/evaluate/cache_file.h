// A file of the unpacking cache while it is being written: it gets its name only when it is whole and synced, so that
// readers see all of it or nothing; given up, it leaves nothing behind. Two processes may make the same entry: either
// copy is right.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/result.h"

namespace defuse {

class CacheFile {
 public:
  // Makes the target's folder if need be.
  static Result<CacheFile> create(const std::filesystem::path& target);

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
