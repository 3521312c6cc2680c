#include "core/cache/cache_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/files.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

tl::unexpected<Error> write_failure(const std::string& what, const fs::path& path) {
  const int number = errno;
  const auto code = number == ENOSPC || number == EDQUOT ? ErrorCode::exhausted : ErrorCode::io;
  return fail(code, what + " " + path.string() + ": " + std::strerror(number));
}

constexpr int kMostPlaces = 100;

fs::path place(const fs::path& entry, int number) {
  if (number == 1) return entry;
  return entry.parent_path() / (entry.stem().string() + "-" + std::to_string(number) + entry.extension().string());
}

bool taken(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

int places_taken(const fs::path& entry) {
  int number = 0;
  while (number < kMostPlaces && taken(place(entry, number + 1))) ++number;
  return number;
}

}  // namespace

fs::path incoming_folder(const fs::path& cache) { return cache / "incoming"; }
fs::path training_folder(const fs::path& cache) { return cache / "training"; }

fs::path newest_place(const fs::path& entry) { return place(entry, std::max(1, places_taken(entry))); }

fs::path free_place(const fs::path& entry) { return place(entry, std::min(kMostPlaces, places_taken(entry) + 1)); }

Result<CacheFile> CacheFile::create(const fs::path& target, const fs::path& scratch) {
  static std::atomic<unsigned> counter{0};
  TRY_OK(make_folder(target.parent_path()));
  CacheFile file;
  file.target_ = target;
  const auto folder = scratch.empty() ? target.parent_path() : scratch;
  TRY_OK(make_folder(folder));
  const auto temporary = folder / ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + "-" +
                                   target.filename().string());
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
