#include "core/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace defuse {
namespace {

tl::unexpected<Error> map_failure(const std::string& what, const std::filesystem::path& path) {
  const int number = errno;
  const auto code = number == ENOENT ? ErrorCode::not_found : number == ENOMEM ? ErrorCode::exhausted : ErrorCode::io;
  return fail(code, what + " " + path.string() + ": " + std::strerror(number));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: a FIFO in place of a file must be refused, not waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return map_failure("cannot open", path);
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    auto failure = map_failure("cannot stat", path);
    ::close(fd);
    return failure;
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(ErrorCode::invalid_input, path.string() + " is not a regular file");
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->size_ = static_cast<std::size_t>(info.st_size);
  if (file->size_ > 0) {
    void* address = ::mmap(nullptr, file->size_, PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
      auto failure = map_failure("cannot map", path);
      ::close(fd);
      file->size_ = 0;
      return failure;
    }
    file->data_ = static_cast<const std::byte*>(address);
  }
  ::close(fd);  // the mapping keeps the file
  return std::shared_ptr<const MappedFile>(std::move(file));
}

std::string_view MappedFile::text() const { return {reinterpret_cast<const char*>(data_), size_}; }

void MappedFile::release(std::size_t offset, std::size_t count) const {
  static const auto kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (data_ == nullptr || offset >= size_) return;
  const auto first = (offset + kPage - 1) / kPage * kPage;  // only pages that lie wholly inside
  const auto last = std::min(offset + count, size_) / kPage * kPage;
  if (first >= last) return;
  ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace defuse
