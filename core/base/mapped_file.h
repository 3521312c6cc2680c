// A regular file mapped read-only. Used by the dataset readers so that images larger than memory stay on disk.
// Immutable and thread-safe. Whoever shortens the file while it is mapped kills the process (SIGBUS): only the worker
// maps users' files, and its death is the daemon's everyday case.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

class MappedFile {
 public:
  // `not_found` or `io` if it cannot be opened, `invalid_input` if it is not a regular file. An empty file is an empty
  // span.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const;
  const std::filesystem::path& path() const { return path_; }

  // Gives the pages of a range back to the page cache, so that walking through a large file does not grow the process.
  // They are read again when touched; the content is not affected.
  void release(std::size_t offset, std::size_t count) const;

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

}  // namespace defuse
