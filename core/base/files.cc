#include "core/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

namespace defuse {
namespace fs = std::filesystem;
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> io_failure(const std::string& what, const fs::path& path) {
  const int number = errno;
  const auto code = number == ENOENT                       ? ErrorCode::not_found
                    : number == ENOSPC || number == EDQUOT ? ErrorCode::exhausted
                                                           : ErrorCode::io;
  return fail(code, what + " " + path.string() + ": " + std::strerror(number));
}

Result<void> sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_failure("cannot sync", folder);
  return {};
}

// Everything in a folder that was written without syncing. All of it is handed to the disk before any of it is waited
// for: files that are written together are then written in few sweeps.
Result<void> sync_whole(const fs::path& folder) {
  std::vector<fs::path> files, folders{folder};
  std::error_code problem;
  fs::recursive_directory_iterator entry(folder, problem);
  for (const fs::recursive_directory_iterator end; !problem && entry != end; entry.increment(problem)) {
    const auto type = entry->symlink_status(problem).type();
    if (type == fs::file_type::directory) folders.push_back(entry->path());
    if (type == fs::file_type::regular) files.push_back(entry->path());
  }
  if (problem) return fail(ErrorCode::io, "cannot list " + folder.string() + ": " + problem.message());
  const auto each = [&](const auto& act) -> Result<void> {
    for (const auto& file : files) {
      const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      if (fd.get() < 0) return io_failure("cannot open", file);
      if (!act(fd.get())) return io_failure("cannot sync", file);
    }
    return {};
  };
  TRY_OK(each([](int fd) {
    ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint: where it cannot be done, the next step waits longer
    return true;
  }));
  TRY_OK(each([](int fd) { return ::fsync(fd) == 0; }));
  for (auto inner = folders.rbegin(); inner != folders.rend(); ++inner) TRY_OK(sync_folder(*inner));
  return {};
}

enum class Sync { no, yes };

Result<void> write_all(const Descriptor& fd, const fs::path& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_failure("cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_whole(const fs::path& path, std::string_view bytes, Sync sync) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (fd.get() < 0) return io_failure("cannot create", path);
  TRY_OK(write_all(fd, path, bytes));
  if (sync == Sync::yes && ::fsync(fd.get()) != 0) return io_failure("cannot sync", path);
  return {};
}

Result<void> copy_whole(const fs::path& from, const fs::path& to, std::uint64_t max_bytes) {
  const Descriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (in.get() < 0) return io_failure("cannot open", from);
  const Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (out.get() < 0) return io_failure("cannot create", to);
  std::string block(1 << 20, '\0');
  std::uint64_t copied = 0;
  for (;;) {
    const auto got = ::read(in.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("cannot read", from);
    if (got == 0) break;
    copied += static_cast<std::uint64_t>(got);
    if (copied > max_bytes)
      return fail(ErrorCode::exhausted,
                  from.string() + " is larger than the limit of " + std::to_string(max_bytes) + " bytes");
    TRY_OK(write_all(out, to, std::string_view(block).substr(0, static_cast<std::size_t>(got))));
  }
  if (::fsync(out.get()) != 0) return io_failure("cannot sync", to);
  return {};
}

std::atomic<unsigned> counter{0};  // of temporary files

// `write` fills a temporary file beside the target; then it takes the target's name.
template <class Write>
Result<void> replace_atomically(const fs::path& path, const Write& write) {
  const auto temporary = path.parent_path() / ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) +
                                               "-" + path.filename().string());
  if (auto written = write(temporary); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto failure = io_failure("cannot rename into", path);
    ::unlink(temporary.c_str());
    return failure;
  }
  return sync_folder(path.parent_path().empty() ? "." : path.parent_path());
}

}  // namespace

Result<std::string> read_file(const fs::path& path, std::uint64_t max_bytes) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return io_failure("cannot open", path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return io_failure("cannot stat", path);
  if (S_ISDIR(info.st_mode)) return fail(ErrorCode::io, path.string() + " is a folder, not a file");
  std::string bytes;
  if (info.st_size > 0)
    bytes.reserve(
        static_cast<std::size_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(info.st_size), max_bytes)));
  std::string chunk(1 << 16, '\0');
  for (;;) {
    const auto got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("cannot read", path);
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(got) > max_bytes)
      return fail(ErrorCode::exhausted,
                  path.string() + " is larger than the limit of " + std::to_string(max_bytes) + " bytes");
    bytes.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_atomically(const fs::path& path, std::string_view bytes) {
  return replace_atomically(path, [&](const fs::path& file) { return write_whole(file, bytes, Sync::yes); });
}

Result<void> copy_atomically(const fs::path& from, const fs::path& to, std::uint64_t max_bytes) {
  return replace_atomically(to, [&](const fs::path& file) { return copy_whole(from, file, max_bytes); });
}

Result<void> write_file(const fs::path& path, std::string_view bytes) { return write_whole(path, bytes, Sync::no); }

Result<void> publish_folder(const fs::path& finished, const fs::path& target) {
  TRY_OK(sync_whole(finished));
  if (::rename(finished.c_str(), target.c_str()) != 0) {
    std::error_code ignored;
    const int refused = errno;
    // A worker's sandbox refuses to replace a folder before the file system can say that it is there.
    if (refused == EEXIST || refused == ENOTEMPTY || (refused == EACCES && fs::exists(target, ignored))) {
      fs::remove_all(finished, ignored);
      return {};
    }
    errno = refused;
    return io_failure("cannot publish", target);
  }
  return sync_folder(target.parent_path());
}

Result<void> rename_synced(const fs::path& finished, const fs::path& target) {
  {
    const Descriptor fd(::open(finished.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_failure("cannot sync", finished);
  }
  if (::rename(finished.c_str(), target.c_str()) != 0) return io_failure("cannot rename into", target);
  return sync_folder(target.parent_path().empty() ? "." : target.parent_path());
}

Result<void> remove_synced(const fs::path& file) {
  if (::unlink(file.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return io_failure("cannot remove", file);
  }
  return sync_folder(file.parent_path().empty() ? "." : file.parent_path());
}

Result<void> make_folder(const fs::path& path) {
  const auto failure = [&](const std::error_code& code) {
    return fail(code == std::errc::no_space_on_device ? ErrorCode::exhausted : ErrorCode::io,
                "cannot create folder " + path.string() + ": " + code.message());
  };
  std::vector<fs::path> missing;
  std::error_code code;
  for (fs::path at = path.lexically_normal(); !at.empty() && !fs::is_directory(at, code); at = at.parent_path()) {
    if (at.has_filename()) missing.push_back(at);
    if (at == at.parent_path()) break;
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    const bool made = fs::create_directory(*folder, code);
    // Something else has its name: that says more than that it exists.
    if (code == std::errc::file_exists) code = std::make_error_code(std::errc::not_a_directory);
    if (code) return failure(code);
    // What is put into a folder lasts no longer than the folder's own name.
    if (made) TRY_OK(sync_folder(folder->parent_path().empty() ? "." : folder->parent_path()));
  }
  return {};
}

Result<void> remove_whole(const fs::path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) return fail(ErrorCode::io, "cannot remove " + path.string() + ": " + code.message());
  return {};
}

}  // namespace defuse
