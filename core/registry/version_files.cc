#include "core/registry/version_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/base/sha256.h"
#include "core/registry/names.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxFiles = 10'000;

tl::unexpected<Error> failure(const std::string& what, const fs::path& path) {
  const int number = errno;
  return fail(number == ENOENT ? ErrorCode::not_found : ErrorCode::io,
              what + " " + path.string() + ": " + std::strerror(number));
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// Calls `each(dirent, fd)` for every entry but passing names; stops at its first error.
template <class Each>
Result<void> for_each_entry(const fs::path& path, Each&& each) {
  const Folder folder(::opendir(path.c_str()));
  if (!folder) return failure("cannot open folder", path);
  for (;;) {
    errno = 0;  // the only way to tell the end from a failure
    const struct dirent* entry = ::readdir(folder.get());
    if (!entry) return errno == 0 ? Result<void>() : failure("cannot list folder", path);
    if (is_passing_name(entry->d_name)) continue;
    TRY_OK(each(*entry, ::dirfd(folder.get())));
  }
}

std::int64_t nanoseconds(const struct timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

FileKind kind_of(const struct stat& facts) {
  if (S_ISREG(facts.st_mode)) return FileKind::regular;
  return S_ISDIR(facts.st_mode) ? FileKind::folder : FileKind::other;
}

}  // namespace

Result<std::vector<VersionFile>> list_version_files(const fs::path& folder) {
  std::vector<VersionFile> files;
  TRY_OK(for_each_entry(folder, [&](const struct dirent& entry, int fd) -> Result<void> {
    struct stat facts {};
    if (::fstatat(fd, entry.d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return {};  // gone since it was listed
      return failure("cannot look at", folder / entry.d_name);
    }
    if (files.size() == kMaxFiles)
      return fail(ErrorCode::exhausted, folder.string() + " holds more than " + std::to_string(kMaxFiles) + " files");
    VersionFile file;
    file.name = entry.d_name;
    file.modified = nanoseconds(facts.st_mtim);
    file.changed = nanoseconds(facts.st_ctim);
    if (S_ISLNK(facts.st_mode)) {
      file.link = true;
      file.link_inode = facts.st_ino;
      if (::fstatat(fd, entry.d_name, &facts, 0) != 0) {
        file.kind = FileKind::dangling_link;
        files.push_back(std::move(file));
        return {};
      }
      file.modified = std::max(file.modified, nanoseconds(facts.st_mtim));
      file.changed = std::max(file.changed, nanoseconds(facts.st_ctim));
    }
    file.kind = kind_of(facts);
    file.size = static_cast<std::uint64_t>(facts.st_size);
    file.inode = facts.st_ino;
    files.push_back(std::move(file));
    return {};
  }));
  std::sort(files.begin(), files.end(), [](const VersionFile& a, const VersionFile& b) { return a.name < b.name; });
  return files;
}

std::string fingerprint_of(const std::vector<VersionFile>& files) {
  // One update for each file: this runs for every version at every poll.
  std::string text;
  Sha256 hash;
  for (const auto& file : files) {
    text = std::to_string(file.name.size()) + ":" + file.name;
    for (const std::uint64_t part :
         {static_cast<std::uint64_t>(file.kind), file.size, file.inode, file.link_inode,
          static_cast<std::uint64_t>(file.modified), static_cast<std::uint64_t>(file.changed)}) {
      text += ' ';
      text += std::to_string(part);
    }
    hash.field(text);
  }
  return hash.hex();
}

Result<std::vector<FolderEntry>> list_folders(const fs::path& folder) {
  std::vector<FolderEntry> folders;
  TRY_OK(for_each_entry(folder, [&](const struct dirent& entry, int fd) -> Result<void> {
    unsigned char type = entry.d_type;
    if (type == DT_UNKNOWN) {  // some network file systems do not say
      struct stat facts {};
      if (::fstatat(fd, entry.d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return {};
      type = S_ISDIR(facts.st_mode) ? DT_DIR : S_ISLNK(facts.st_mode) ? DT_LNK : DT_REG;
    }
    if (type == DT_DIR || type == DT_LNK) folders.push_back({entry.d_name, type == DT_LNK});
    return {};
  }));
  return folders;
}

const VersionFile* find_file(const std::vector<VersionFile>& files, std::string_view name) {
  const auto found =
      std::lower_bound(files.begin(), files.end(), name,
                       [](const VersionFile& file, std::string_view wanted) { return file.name < wanted; });
  return found != files.end() && found->name == name ? &*found : nullptr;
}

Result<std::string> read_regular_file(const fs::path& path, std::uint64_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return failure("cannot open", path);
  const auto closer = std::unique_ptr<const int, void (*)(const int*)>(&fd, [](const int* open) { ::close(*open); });
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return failure("cannot look at", path);
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::invalid_input, path.string() + " is no regular file");
  std::string bytes;
  char chunk[1 << 14];
  for (;;) {
    const auto got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("cannot read", path);
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(got) > max_bytes)
      return fail(ErrorCode::exhausted, path.string() + " is larger than " + std::to_string(max_bytes) + " bytes");
    bytes.append(chunk, static_cast<std::size_t>(got));
  }
}

}  // namespace defuse
