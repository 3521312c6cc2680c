#include "core/evaluate/cache_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/files.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

tl::unexpected<Error> write_failure(const std::string& what, const fs::path& path) {
  const int number = errno;
  const auto code = number == ENOSPC || number == EDQUOT ? ErrorCode::exhausted : ErrorCode::io;
  return fail(code, what + " " + path.string() + ": " + std::strerror(number));
}

}  // namespace

Result<CacheFile> CacheFile::create(const fs::path& target) {
  static std::atomic<unsigned> counter{0};
  TRY_OK(make_folder(target.parent_path()));
  CacheFile file;
  file.target_ = target;
  const auto temporary = target.parent_path() / ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) +
                                                 "-" + target.filename().string());
  file.fd_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file.fd_ < 0) return write_failure("cannot create", temporary);
  file.temporary_ = temporary;
  return file;
}

CacheFile::CacheFile(CacheFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, fs::path())) {}

Result<void> CacheFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return write_failure("cannot write", temporary_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> CacheFile::publish() {
  if (::fsync(fd_) != 0) return write_failure("cannot sync", temporary_);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return write_failure("cannot rename into", target_);
  temporary_.clear();
  return {};
}

CacheFile::~CacheFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

}  // namespace defuse
