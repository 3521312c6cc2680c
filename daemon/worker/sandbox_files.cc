#include "daemon/worker/sandbox_files.h"

#include <fcntl.h>
#include <link.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>

namespace defuse {
namespace fs = std::filesystem;
namespace {

// Newer than the headers of Debian 12; the kernel's version says whether it knows them.
constexpr std::uint64_t kTruncate = 1ULL << 14;     // version 3
constexpr std::uint64_t kDeviceIoctl = 1ULL << 15;  // version 5
constexpr std::uint64_t kBindTcp = 1ULL << 0;       // version 4
constexpr std::uint64_t kConnectTcp = 1ULL << 1;
constexpr std::uint64_t kAbstractSockets = 1ULL << 0;  // version 6
constexpr std::uint64_t kSignals = 1ULL << 1;
struct Ruleset {  // landlock_ruleset_attr as of version 6
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scoped;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kMakeFolder = LANDLOCK_ACCESS_FS_MAKE_DIR;
constexpr std::uint64_t kMakeFile = LANDLOCK_ACCESS_FS_MAKE_REG;
constexpr std::uint64_t kMoveIn = LANDLOCK_ACCESS_FS_REFER;  // version 2
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_REMOVE_DIR | kMakeFile | kMakeFolder | kMoveIn | kTruncate;
constexpr std::uint64_t kNever = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | kDeviceIoctl;
// Of a file: the rest is about what a folder holds.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

// What a worker needs of the system. No other process's folder in /proc: an environment may hold secrets.
constexpr const char* kSystem[] = {"/usr",
                                   "/lib",
                                   "/lib64",
                                   "/etc/ld.so.cache",
                                   "/etc/localtime",
                                   "/etc/OpenCL",  // libraries that are loaded late
                                   "/dev/null",
                                   "/dev/zero",
                                   "/dev/urandom",
                                   "/proc/self",  // a link to its own folder
                                   "/proc/cpuinfo",
                                   "/proc/meminfo",
                                   "/proc/stat",
                                   "/proc/sys/vm/overcommit_memory",
                                   "/sys/devices/system/cpu",
                                   "/sys/devices/system/node",
                                   "/sys/kernel/mm/transparent_hugepage"};

std::uint64_t known_to(long version) {
  std::uint64_t access = kRead | kWrite | kNever;
  if (version < 2) access &= ~kMoveIn;
  if (version < 3) access &= ~kTruncate;
  if (version < 5) access &= ~kDeviceIoctl;
  return access;
}

class Rules {
 public:
  explicit Rules(long version) : handled_(known_to(version)) {
    const Ruleset wanted{handled_, version >= 4 ? kBindTcp | kConnectTcp : 0,
                         version >= 6 ? kAbstractSockets | kSignals : 0};
    const std::size_t size = version >= 6 ? sizeof wanted : version >= 4 ? 16 : 8;
    fd_ = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0));
  }
  ~Rules() {
    if (fd_ >= 0) ::close(fd_);
  }
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  // A path that does not exist needs no rule; one that cannot be added is simply out of reach, which is the safe side.
  void allow(const fs::path& path, std::uint64_t access) const {
    const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) access &= kOfFiles;
    const struct landlock_path_beneath_attr rule { access &handled_, fd };
    ::syscall(SYS_landlock_add_rule, fd_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(fd);
  }
  bool made() const { return fd_ >= 0; }
  bool enforce() const { return ::syscall(SYS_landlock_restrict_self, fd_, 0) == 0; }

 private:
  std::uint64_t handled_;
  int fd_ = -1;
};

// A LibTorch that was not installed by the system loads more of itself late, from where it lies.
std::set<fs::path> folders_of_libraries() {
  std::set<fs::path> folders;
  ::dl_iterate_phdr(
      [](struct dl_phdr_info* library, std::size_t, void* into) {
        const fs::path file(library->dlpi_name);
        if (file.is_absolute()) static_cast<std::set<fs::path>*>(into)->insert(file.parent_path());
        return 0;
      },
      &folders);
  return folders;
}

}  // namespace

FileRestriction restrict_files(const SandboxPlan& plan) {
  const auto none = [](int number) -> FileRestriction {
    return {fail(ErrorCode::unavailable, std::string("landlock (") + std::strerror(number) + ")"), {}};
  };
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return none(errno);
  const Rules rules(version);
  if (!rules.made()) return none(errno);
  for (const char* path : kSystem) rules.allow(path, kRead);
  for (const auto& folder : folders_of_libraries()) rules.allow(folder, kRead);
  rules.allow("/dev/null", kRead | LANDLOCK_ACCESS_FS_WRITE_FILE);
  for (const auto& path : plan.readable) rules.allow(path, kRead);
  for (const auto& path : plan.writable) rules.allow(path, kRead | kWrite);
  for (const auto& path : plan.publishing) rules.allow(path, kRead | kMakeFolder | LANDLOCK_ACCESS_FS_REMOVE_DIR);
  // Version 1 forbids every move from one folder to another, so nothing could be published.
  const std::uint64_t grow = version >= 2 ? kRead | kMakeFolder | kMakeFile | kMoveIn : kRead | kWrite;
  for (const auto& path : plan.growing) rules.allow(path, grow);
  if (!rules.enforce()) return none(errno);
  FileRestriction done{"landlock " + std::to_string(version), {}};
  if (version < 2 && !plan.growing.empty())
    done.lacks = "landlock 2 (with version 1 the cache cannot be kept from being changed)";
  return done;
}

}  // namespace defuse
