#include "daemon/http/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace defuse {
namespace {

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int opened) : fd(opened) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

bool stays_inside(const std::filesystem::path& folder) {
  return !folder.empty() && folder.is_relative() &&
         std::none_of(folder.begin(), folder.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace

bool is_plain_file_name(const std::string& name) {
  if (name.empty() || name.size() > 200 || name.front() == '.') return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

Result<std::string> read_plain_file(const std::filesystem::path& root, const std::filesystem::path& folder,
                                    const std::string& name, std::uint64_t max_bytes) {
  if (!is_plain_file_name(name) || !stays_inside(folder)) return fail(ErrorCode::not_found, "no file of that name");
  const auto path = root / folder / name;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.fd < 0) {
    const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return fail(absent ? ErrorCode::not_found : ErrorCode::io, "cannot read " + name + ": " + std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode))
    return fail(ErrorCode::not_found, name + " is not a file");
  if (static_cast<std::uint64_t>(info.st_size) > max_bytes)
    return fail(ErrorCode::exhausted, name + " is larger than " + std::to_string(max_bytes) + " bytes");
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::read(file.fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::io, "cannot read " + name + ": " + std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace defuse
