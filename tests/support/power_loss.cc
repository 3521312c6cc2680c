// power_loss.so, for LD_PRELOAD: writes down what a process does to files, in order, so that tests/fault/power_loss.py
// can work out what a disk would hold had the power gone at that moment. Only what POSIX promises counts: bytes as of
// the last fsync of the file, names as of the last fsync of their folder. Does nothing unless $POWER_LOSS_LOG names a
// file; only things on the device of $POWER_LOSS_ROOT count. With $POWER_LOSS_STOP_AT=n the process kills itself before
// its n-th record, so that blows also fall between two system calls.
//
// One record is one write() to the log, opened before any sandbox is entered and in append mode: processes share it. A
// record is a line of words separated by tabs, then as many bytes as its last word says:
//   C folder name inode kind   a new file (f) or folder (d)        E folder name inode      another name of a file
//   X folder name              a name removed                      R folder name folder name inode   renamed
//   W inode offset n           written (database and its log only)    T inode size   their size set    S inode   they
//   were synced F inode n                  any other file, synced: all of its bytes D inode                    a
//   folder, synced                    Y    everything, synced ! words                    something this does not model:
//   the test fails
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr int kLogNumber = 500;  // below the worker's limit of descriptors, above what anybody uses
constexpr std::size_t kTracked = 512;

int log_fd = -1;
dev_t device = 0;
std::atomic<long> stop_at{-1};
std::array<std::atomic<bool>, kTracked> is_database{};  // by descriptor

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// The libraries' own view of the functions below; looked up once each.
#define REAL(name) static const auto real = next<decltype(name)>(#name)

__attribute__((constructor)) void begin() {
  const char* file = ::getenv("POWER_LOSS_LOG");
  const char* root = ::getenv("POWER_LOSS_ROOT");
  struct stat facts {};
  if (file == nullptr || root == nullptr || ::stat(root, &facts) != 0) return;
  device = facts.st_dev;
  const int fd = next<decltype(open)>("open")(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return;
  log_fd = ::fcntl(fd, F_DUPFD_CLOEXEC, kLogNumber);
  next<decltype(close)>("close")(fd);
  if (const char* stop = ::getenv("POWER_LOSS_STOP_AT")) stop_at = ::atol(stop);
}

void record(std::string line, std::string_view bytes = {}) {
  if (log_fd < 0) return;
  if (stop_at > 0 && --stop_at == 0) ::kill(::getpid(), SIGKILL);
  line += '\n';
  const std::array<struct iovec, 2> parts{
      {{line.data(), line.size()}, {const_cast<char*>(bytes.data()), bytes.size()}}};
  static const auto real = next<decltype(writev)>("writev");
  const int before = errno;
  if (real(log_fd, parts.data(), 2) != static_cast<ssize_t>(line.size() + bytes.size())) ::abort();
  errno = before;
}

std::string words() { return {}; }
template <class... More>
std::string words(const std::string& first, const More&... more) {
  return sizeof...(more) == 0 ? first : first + "\t" + words(more...);
}
std::string number(std::uint64_t value) { return std::to_string(value); }

struct Name {
  bool known = false;
  std::string folder;  // inode
  std::string name;
};

Name name_of(int at, const char* path) {
  if (log_fd < 0 || path == nullptr) return {};
  std::string text(path);
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  const auto slash = text.rfind('/');
  const auto parent = slash == std::string::npos ? std::string(".") : slash == 0 ? "/" : text.substr(0, slash);
  const int before = errno;
  struct stat facts {};
  const bool there = ::fstatat(at, parent.c_str(), &facts, 0) == 0;
  errno = before;
  if (!there || facts.st_dev != device) return {};
  return {true, number(facts.st_ino), slash == std::string::npos ? text : text.substr(slash + 1)};
}

bool exists(int at, const char* path, struct stat* facts) {
  const int before = errno;
  const bool there = ::fstatat(at, path, facts, AT_SYMLINK_NOFOLLOW) == 0;
  errno = before;
  return there;
}

void created(int at, const char* path, const Name& name, const char* kind) {
  struct stat facts {};
  if (name.known && exists(at, path, &facts)) record(words("C", name.folder, name.name, number(facts.st_ino), kind));
}

bool tracked(int fd) {
  return log_fd >= 0 && fd >= 0 && static_cast<std::size_t>(fd) < kTracked && is_database[static_cast<std::size_t>(fd)];
}

std::string inode(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 ? number(facts.st_ino) : "0";
}

void opened(int at, const char* path, int flags, bool was_there, int fd) {
  if (log_fd < 0 || fd < 0) return;
  const Name name = name_of(at, path);
  if (!name.known) return;
  if ((flags & O_TMPFILE) == O_TMPFILE) return record("!\tO_TMPFILE");
  if ((flags & O_CREAT) != 0 && !was_there) created(at, path, name, "f");
  const bool database = name.name.starts_with("defused.db") && !name.name.ends_with("-shm");
  if (static_cast<std::size_t>(fd) < kTracked) is_database[static_cast<std::size_t>(fd)] = database;
  if (database && (flags & O_TRUNC) != 0) record(words("T", inode(fd), "0"));
}

void written(int fd, const void* bytes, ssize_t count, off_t offset) {
  if (count > 0 && tracked(fd))
    record(words("W", inode(fd), number(static_cast<std::uint64_t>(offset)), number(static_cast<std::uint64_t>(count))),
           {static_cast<const char*>(bytes), static_cast<std::size_t>(count)});
}

void synced(int fd) {
  struct stat facts {};
  if (log_fd < 0 || ::fstat(fd, &facts) != 0 || facts.st_dev != device) return;
  if (S_ISDIR(facts.st_mode)) return record(words("D", number(facts.st_ino)));
  if (tracked(fd)) return record(words("S", number(facts.st_ino)));
  // The descriptor may be for writing only.
  const int again = next<decltype(open)>("open")(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC);
  if (again < 0) return record("!\tcannot read what was synced");
  std::string all(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t got = 0;
  while (got < all.size()) {
    const auto count = ::pread(again, all.data() + got, all.size() - got, static_cast<off_t>(got));
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  all.resize(got);
  next<decltype(close)>("close")(again);
  record(words("F", number(facts.st_ino), number(all.size())), all);
}

mode_t mode_in(int flags, va_list rest) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; }

int open_and_tell(int at, const char* path, int flags, mode_t mode) {
  REAL(openat);
  struct stat before {};
  const bool was_there = log_fd < 0 || exists(at, path, &before);
  const int fd = real(at, path, flags, mode);
  opened(at, path, flags, was_there, fd);
  return fd;
}

int rename_and_tell(int from_at, const char* from, int to_at, const char* to, unsigned flags) {
  REAL(renameat2);
  struct stat facts {};
  const Name old_name = name_of(from_at, from), new_name = name_of(to_at, to);
  const bool there = exists(from_at, from, &facts);
  const int done = real(from_at, from, to_at, to, flags);
  if (done != 0 || !old_name.known || !new_name.known || !there) return done;
  if (flags != 0 && flags != RENAME_NOREPLACE) record("!\trenameat2 with flags");
  record(words("R", old_name.folder, old_name.name, new_name.folder, new_name.name, number(facts.st_ino)));
  return done;
}

template <class Act>
int remove_and_tell(int at, const char* path, const Act& act) {
  const Name name = name_of(at, path);
  const int done = act();
  if (done == 0 && name.known) record(words("X", name.folder, name.name));
  return done;
}

FILE* stream_and_tell(const char* path, const char* mode) {
  REAL(fopen64);
  struct stat before {};
  const bool was_there = log_fd < 0 || exists(AT_FDCWD, path, &before);
  FILE* stream = real(path, mode);
  if (stream != nullptr) opened(AT_FDCWD, path, *mode == 'r' ? 0 : O_CREAT, was_there, ::fileno(stream));
  return stream;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_in(flags, rest);
  va_end(rest);
  return open_and_tell(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_in(flags, rest);
  va_end(rest);
  return open_and_tell(AT_FDCWD, path, flags, mode);
}
int openat(int at, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_in(flags, rest);
  va_end(rest);
  static const auto real = next<int(int, const char*, int, mode_t)>("openat64");
  struct stat before {};
  const bool was_there = log_fd < 0 || exists(at, path, &before);
  const int fd = real(at, path, flags, mode);
  opened(at, path, flags, was_there, fd);
  return fd;
}
int creat(const char* path, mode_t mode) { return open_and_tell(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
FILE* fopen(const char* path, const char* mode) { return stream_and_tell(path, mode); }
int close(int fd) {
  REAL(close);
  if (fd >= 0 && static_cast<std::size_t>(fd) < kTracked) is_database[static_cast<std::size_t>(fd)] = false;
  return real(fd);
}

ssize_t write(int fd, const void* bytes, std::size_t count) {
  REAL(write);
  const off_t offset = tracked(fd) ? ::lseek(fd, 0, SEEK_CUR) : 0;
  const auto done = real(fd, bytes, count);
  written(fd, bytes, done, offset);
  return done;
}
ssize_t pwrite64(int fd, const void* bytes, std::size_t count, off64_t offset) {
  REAL(pwrite64);
  const auto done = real(fd, bytes, count, offset);
  written(fd, bytes, done, offset);
  return done;
}
ssize_t pwrite(int fd, const void* bytes, std::size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
  REAL(writev);
  if (tracked(fd)) record("!\twritev to the database");
  return real(fd, parts, count);
}
int ftruncate64(int fd, off64_t size) {
  REAL(ftruncate64);
  const int done = real(fd, size);
  if (done == 0 && tracked(fd)) record(words("T", inode(fd), number(static_cast<std::uint64_t>(size))));
  return done;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  REAL(posix_fallocate64);
  if (tracked(fd)) record("!\tposix_fallocate of the database");
  return real(fd, offset, size);
}
int posix_fallocate(int fd, off_t offset, off_t size) { return posix_fallocate64(fd, offset, size); }
// Called while the loader still works: no looking up of names here.
void* mmap64(void* where, std::size_t size, int protection, int flags, int fd, off64_t offset) noexcept {
  if (tracked(fd) && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0)
    record("!\tthe database mapped for writing");
  return reinterpret_cast<void*>(::syscall(SYS_mmap, where, size, protection, flags, fd, offset));
}
void* mmap(void* where, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  return mmap64(where, size, protection, flags, fd, offset);
}

int fsync(int fd) {
  REAL(fsync);
  const int done = real(fd);
  if (done == 0) synced(fd);
  return done;
}
int fdatasync(int fd) {
  REAL(fdatasync);
  const int done = real(fd);
  if (done == 0) synced(fd);
  return done;
}
int syncfs(int fd) noexcept {
  REAL(syncfs);
  const int done = real(fd);
  if (done == 0) record("!\tsyncfs");
  return done;
}

int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  const int done = real(path, mode);
  if (done == 0) created(AT_FDCWD, path, name_of(AT_FDCWD, path), "d");
  return done;
}
int mkdirat(int at, const char* path, mode_t mode) noexcept {
  REAL(mkdirat);
  const int done = real(at, path, mode);
  if (done == 0) created(at, path, name_of(at, path), "d");
  return done;
}
int rename(const char* from, const char* to) noexcept { return rename_and_tell(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char* from, int to_at, const char* to) noexcept {
  return rename_and_tell(from_at, from, to_at, to, 0);
}
int renameat2(int from_at, const char* from, int to_at, const char* to, unsigned flags) noexcept {
  return rename_and_tell(from_at, from, to_at, to, flags);
}
int link(const char* from, const char* to) noexcept {
  REAL(link);
  const int done = real(from, to);
  struct stat facts {};
  const Name name = name_of(AT_FDCWD, to);
  if (done == 0 && name.known && exists(AT_FDCWD, to, &facts))
    record(words("E", name.folder, name.name, number(facts.st_ino)));
  return done;
}
int unlink(const char* path) noexcept {
  REAL(unlink);
  return remove_and_tell(AT_FDCWD, path, [&] { return real(path); });
}
int unlinkat(int at, const char* path, int flags) noexcept {
  REAL(unlinkat);
  return remove_and_tell(at, path, [&] { return real(at, path, flags); });
}
int rmdir(const char* path) noexcept {
  REAL(rmdir);
  return remove_and_tell(AT_FDCWD, path, [&] { return real(path); });
}
int remove(const char* path) noexcept {
  REAL(remove);
  return remove_and_tell(AT_FDCWD, path, [&] { return real(path); });
}

// The second names that the C library gives some of these are taken by the compiler where files are always large.
int openat64(int at, const char* path, int flags, ...) __attribute__((alias("openat")));
int creat64(const char* path, mode_t mode) __attribute__((alias("creat")));
FILE* fopen64(const char* path, const char* mode) __attribute__((alias("fopen")));

}  // extern "C"
