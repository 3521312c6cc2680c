#include "daemon/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

namespace defuse {
namespace fs = std::filesystem;
namespace {

bool limit(__rlimit_resource resource, rlim_t value) {
  const struct rlimit both { value, value };
  return ::setrlimit(resource, &both) == 0;
}

void set_limits(const WorkerSettings& limits, SandboxState& state) {
  const auto threads = static_cast<rlim_t>(limits.threads > 0 ? static_cast<unsigned>(limits.threads)
                                                              : std::max(1u, std::thread::hardware_concurrency()));
  const auto cpu = limits.cpu_time.count() > 0 ? static_cast<rlim_t>(limits.cpu_time.count())
                                               : threads * static_cast<rlim_t>(limits.timeout.count());
  // RLIMIT_DATA counts private writable memory, not mapped data sets or libraries.
  const bool all = limit(RLIMIT_DATA, limits.memory) && limit(RLIMIT_CPU, std::max<rlim_t>(cpu, 1)) &&
                   limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, 512);
  if (all) {
    state.in_force.emplace_back("rlimits");
  } else {
    state.missing.push_back(std::string("rlimits (") + std::strerror(errno) + ")");
  }
}

int deny(scmp_filter_ctx filter, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR)
    return 0;  // a call this kernel's libseccomp does not know cannot be made by old code either
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
}

// A deny-list: LibTorch, OpenBLAS and the C library use too many harmless calls for an allow-list to be held by
// anything but a test farm. Refused calls fail with EPERM, so a model that tries one gets an exception and not a crash.
int build_filter(scmp_filter_ctx filter) {
  int problem = 0;
  const auto keep = [&](int code) { problem = problem != 0 ? problem : code; };
  for (const char* name : {"execve",
                           "execveat",
                           "fork",
                           "vfork",
                           "socket",
                           "socketpair",
                           "connect",
                           "bind",
                           "listen",
                           "accept",
                           "accept4",
                           "ptrace",
                           "process_vm_readv",
                           "process_vm_writev",
                           "mount",
                           "umount2",
                           "pivot_root",
                           "chroot",
                           "setns",
                           "unshare",
                           "bpf",
                           "perf_event_open",
                           "keyctl",
                           "add_key",
                           "request_key",
                           "init_module",
                           "finit_module",
                           "delete_module",
                           "kexec_load",
                           "reboot",
                           "swapon",
                           "swapoff",
                           "userfaultfd",
                           "io_uring_setup",
                           "kill",
                           "tkill",
                           "pidfd_open",
                           "pidfd_send_signal",
                           "setuid",
                           "setgid",
                           "setresuid",
                           "setresgid"})
    keep(deny(filter, name));
  // Threads yes, processes no. clone3 hides its flags from filters, so it "does not exist" and the C library uses
  // clone.
  keep(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
  keep(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)));
  return problem;
}

void set_filter(SandboxState& state) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) {
    state.missing.emplace_back("seccomp (no filter could be made)");
    return;
  }
  int problem = build_filter(filter);
  if (problem == 0) problem = seccomp_load(filter);
  seccomp_release(filter);
  if (problem == 0) {
    state.in_force.emplace_back("seccomp");
  } else {
    state.missing.push_back(std::string("seccomp (") + std::strerror(-problem) + ")");
  }
}

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR;
constexpr std::uint64_t kOther = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// A path that does not exist needs no rule; one that cannot be added is simply not accessible, which is the safe side.
void allow(int ruleset, const fs::path& path, std::uint64_t access) {
  const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored))
    access &= ~(LANDLOCK_ACCESS_FS_READ_DIR | (kWrite & ~LANDLOCK_ACCESS_FS_WRITE_FILE));
  const struct landlock_path_beneath_attr rule { access, fd };
  ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  ::close(fd);
}

void set_landlock(const SandboxPlan& plan, SandboxState& state) {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) {
    state.missing.push_back(std::string("landlock (") + std::strerror(errno) + ")");
    return;
  }
  struct landlock_ruleset_attr attributes {};
  attributes.handled_access_fs = kRead | kWrite | kOther;
  const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) {
    state.missing.push_back(std::string("landlock (") + std::strerror(errno) + ")");
    return;
  }
  // Libraries that are loaded late, the processor's description, locales.
  for (const char* system : {"/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev/null", "/dev/urandom", "/opt"})
    allow(ruleset, system, kRead);
  allow(ruleset, "/dev/null", kRead | LANDLOCK_ACCESS_FS_WRITE_FILE);
  for (const auto& path : plan.readable) allow(ruleset, path, kRead);
  for (const auto& path : plan.writable) allow(ruleset, path, kRead | kWrite);
  const bool sealed = ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  const int number = errno;
  ::close(ruleset);
  if (sealed) {
    state.in_force.push_back("landlock " + std::to_string(version));
  } else {
    state.missing.push_back(std::string("landlock (") + std::strerror(number) + ")");
  }
}

}  // namespace

std::string SandboxState::describe() const {
  std::string text = "sandbox:";
  for (std::size_t i = 0; i < in_force.size(); ++i) text += (i ? ", " : " ") + in_force[i];
  if (in_force.empty()) text += " none";
  for (std::size_t i = 0; i < missing.size(); ++i) text += (i ? ", " : "; missing: ") + missing[i];
  return text;
}

SandboxState enter_sandbox(const WorkerSettings& limits, const SandboxPlan& plan) {
  SandboxState state;
  set_limits(limits, state);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    state.in_force.emplace_back("no_new_privs");
  } else {
    state.missing.push_back(std::string("no_new_privs (") + std::strerror(errno) + ")");
  }
  set_landlock(plan, state);  // before the filter, which need not allow Landlock's calls then
  set_filter(state);
  return state;
}

}  // namespace defuse
