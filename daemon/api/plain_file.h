// Reads one file that the daemon itself put beneath a folder of its state. What is in that folder may have been copied
// from a worker, so links, devices and anything but a regular file are refused, and sizes are limited. Thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/base/result.h"

namespace defuse {

// An open file, read from its beginning to its end. It stays readable when its name goes away. One thread.
class PlainFile {
 public:
  // As read_plain_file, without a limit: nothing is read yet.
  static Result<std::shared_ptr<PlainFile>> open(const std::filesystem::path& root, const std::filesystem::path& folder,
                                                 const std::string& name);
  ~PlainFile();
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  std::uint64_t size() const { return size_; }
  Result<std::size_t> read(std::span<char> into);  // 0 at the end

 private:
  PlainFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  int fd_;
  std::string name_;
  std::uint64_t size_ = 0;
};

// A single path component that cannot climb or hide: no slash, no backslash, no control character, not "." or "..", no
// leading dot, at most 200 bytes.
bool is_plain_file_name(const std::string& name);

// `folder` is taken relative to `root` and may not leave it. `not_found` if the file is absent or not a regular file.
Result<std::string> read_plain_file(const std::filesystem::path& root, const std::filesystem::path& folder,
                                    const std::string& name, std::uint64_t max_bytes);

}  // namespace defuse
