#include "daemon/api/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace defuse {
namespace {

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

PlainFile::~PlainFile() { ::close(fd_); }

Result<std::shared_ptr<PlainFile>> PlainFile::open(const std::filesystem::path& root,
                                                   const std::filesystem::path& folder, const std::string& name) {
  if (!is_plain_file_name(name) || !stays_inside(folder)) return fail(ErrorCode::not_found, "no file of that name");
  const auto path = root / folder / name;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return fail(absent ? ErrorCode::not_found : ErrorCode::io, "cannot read " + name + ": " + std::strerror(errno));
  }
  const std::shared_ptr<PlainFile> file(new PlainFile(fd, name));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return fail(ErrorCode::not_found, name + " is not a file");
  file->size_ = static_cast<std::uint64_t>(info.st_size);
  return file;
}

Result<std::size_t> PlainFile::read(std::span<char> into) {
  for (;;) {
    const auto got = ::read(fd_, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return fail(ErrorCode::io, "cannot read " + name_ + ": " + std::strerror(errno));
  }
}

Result<std::string> read_plain_file(const std::filesystem::path& root, const std::filesystem::path& folder,
                                    const std::string& name, std::uint64_t max_bytes) {
  TRY(file, PlainFile::open(root, folder, name));
  if (file->size() > max_bytes)
    return fail(ErrorCode::exhausted, name + " is larger than " + std::to_string(max_bytes) + " bytes");
  std::string bytes(static_cast<std::size_t>(file->size()), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    TRY(got, file->read(std::span(bytes).subspan(have)));
    if (got == 0) break;
    have += got;
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace defuse
