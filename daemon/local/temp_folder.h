// A folder of one's own under $TMPDIR that goes away with its object.
#pragma once
#include <filesystem>

#include "core/base/result.h"

namespace defuse::local {

class TempFolder {
 public:
  static Result<TempFolder> create();
  TempFolder(TempFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempFolder& operator=(TempFolder&&) = delete;
  ~TempFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace defuse::local
