// The list was made by tracing workers (cold and warm gates, repairs; IDX, NumPy, PNG and JPEG data; LibTorch 1.13
// with OpenBLAS and oneDNN) and widened by what other versions of the C library and of the kernel use for the same
// things.
#include "daemon/worker/sandbox_calls.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <set>
#include <vector>

#include "daemon/worker/sanitized.h"

namespace defuse {
namespace {

struct Purpose {
  const char* what;
  std::vector<const char*> calls;
};

// Which files these reach is Landlock's to say. Not here, because a worker has no use for them: links, devices, modes,
// owners, attributes, truncation by name, watching, leases, descriptors from elsewhere.
const Purpose kWhole[] = {
    {"read and write what is open",
     {"read",     "write", "readv",     "writev",    "pread64",     "pwrite64",  "preadv",
      "pwritev",  "lseek", "_llseek",   "close",     "close_range", "dup",       "dup2",
      "dup3",     "fsync", "fdatasync", "ftruncate", "fallocate",   "fadvise64", "copy_file_range",
      "sendfile", "flock", "poll",      "ppoll",     "select",      "pselect6"}},
    {"ask about files",
     {"stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
      "readlink", "readlinkat", "getdents64", "getcwd"}},
    {"change its own folders",
     {"mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "utimensat", "umask"}},
    {"memory",
     {"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mbind", "set_mempolicy",
      "get_mempolicy", "pkey_alloc", "pkey_free", "pkey_mprotect"}},
    {"threads",
     {"futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "membarrier", "gettid",
      "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
      "sched_get_priority_min", "exit", "exit_group", "arch_prctl"}},
    {"signals of its own",
     {"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "sigaltstack",
      "restart_syscall"}},
    {"time and chance",
     {"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "getrandom"}},
    {"who and where it is", {"getpid",    "getppid",    "getpgrp",     "getpgid",   "getsid",    "getuid", "geteuid",
                             "getgid",    "getegid",    "getgroups",   "getresuid", "getresgid", "capget", "getrusage",
                             "getrlimit", "ugetrlimit", "getpriority", "getcpu",    "uname",     "sysinfo"}},
#if DEFUSED_SANITIZED
    // LeakSanitizer looks at a stopped copy of the process when it ends; all of them try addresses through pipes, and
    // map their shadow only with a personality of their choice.
    {"sanitizers",
     {"ptrace", "clone", "wait4", "prctl", "personality", "pipe", "pipe2", "process_vm_readv", "sched_setaffinity",
      "prlimit64", "setrlimit", "kill", "tgkill", "socketpair"}},
#endif
};

// The first number that all architectures share. Of what lies above and is not on the list, a worker hears that it does
// not exist: the C library tries new calls first and falls back (clone3, whose flags a filter cannot see, to clone).
constexpr int kFirstShared = 424;
constexpr int kLastShared = 600;

class Filter {
 public:
  Filter() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (filter_ == nullptr) problem_ = -ENOMEM;
  }
  ~Filter() {
    if (filter_ != nullptr) seccomp_release(filter_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(const char* name) { add(name, {}); }
  // Allowed only while every one of these is true.
  void allow(const char* name, std::initializer_list<struct scmp_arg_cmp> only) { add(name, only); }
  void say_newer_ones_do_not_exist() {
    for (int number = kFirstShared; number <= kLastShared && problem_ == 0; ++number)
      if (!allowed_.contains(number)) problem_ = seccomp_rule_add(filter_, SCMP_ACT_ERRNO(ENOSYS), number, 0);
  }
  int load() {
    if (problem_ == 0) problem_ = seccomp_load(filter_);
    return problem_;
  }

 private:
  void add(const char* name, const std::vector<struct scmp_arg_cmp>& only) {
    if (problem_ != 0) return;
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return;  // newer than this libseccomp: stays refused
    allowed_.insert(number);
    problem_ = seccomp_rule_add_array(filter_, SCMP_ACT_ALLOW, number, static_cast<unsigned>(only.size()), only.data());
    if (problem_ == -EDOM) problem_ = 0;  // this architecture has no such call
  }

  scmp_filter_ctx filter_;
  int problem_ = 0;
  std::set<int> allowed_;
};

// Opening for reading *and* emptying is a way around Landlock before its version 3, which knew no truncation.
void allow_open(Filter& filter) {
  const auto flags = [](unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
    return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);
  };
  constexpr scmp_datum_t kMode = O_ACCMODE | O_TRUNC;
  for (const auto& [call, argument] : {std::pair{"open", 1u}, std::pair{"openat", 2u}}) {
    filter.allow(call, {flags(argument, O_TRUNC, 0)});
    filter.allow(call, {flags(argument, kMode, O_WRONLY | O_TRUNC)});
    filter.allow(call, {flags(argument, kMode, O_RDWR | O_TRUNC)});
  }
}

void allow_in_part(Filter& filter) {
  allow_open(filter);
#if !DEFUSED_SANITIZED
  const auto self = static_cast<scmp_datum_t>(::getpid());
  // Threads yes, processes no.
  filter.allow("clone", {SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
  // abort() and assertions signal the process itself. A signal to the group or to another process is refused.
  filter.allow("tgkill", {SCMP_A0_64(SCMP_CMP_EQ, self)});
  // Its own limits only; the hard ones can but be lowered.
  for (const scmp_datum_t whose : {scmp_datum_t{0}, self}) filter.allow("prlimit64", {SCMP_A0_64(SCMP_CMP_EQ, whose)});
  constexpr int kNameMapping = 0x53564d41;  // PR_SET_VMA
  for (const int option : {PR_SET_NAME, PR_GET_NAME, kNameMapping})
    filter.allow("prctl", {SCMP_A0_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(option))});
#endif
  // No F_SETOWN: it makes the kernel signal others.
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW,
                            F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW})
    filter.allow("fcntl", {SCMP_A1_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  // "Is it a terminal?", "how much can be read?"
  for (const unsigned long request : {static_cast<unsigned long>(TCGETS), static_cast<unsigned long>(TIOCGWINSZ),
                                      static_cast<unsigned long>(FIONREAD), static_cast<unsigned long>(FIOCLEX)})
    filter.allow("ioctl", {SCMP_A1_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(request))});
}

}  // namespace

Result<std::string> restrict_calls() {
  Filter filter;
  for (const auto& purpose : kWhole)
    for (const char* call : purpose.calls) filter.allow(call);
  allow_in_part(filter);
  filter.say_newer_ones_do_not_exist();
  if (const int problem = filter.load(); problem != 0)
    return fail(ErrorCode::unavailable, std::string("seccomp (") + std::strerror(-problem) + ")");
  return "seccomp";
}

}  // namespace defuse
