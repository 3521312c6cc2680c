// sandbox-probe [--open]: seals itself as a worker would and then tries what a model that got hold of a worker might.
// Prints "attempt | expected | seen" and ends with 0 if every attempt ended as expected, 1 if not, 77 where the kernel
// lacks a layer. With --open it does the same without the sandbox, to show which attempts the machine itself would
// refuse. Calls that would do harm if they were carried out are given arguments with which they fail in another way:
// what is refused by the sandbox says EPERM, EACCES or ENOSYS, and an EFAULT means that the call got through.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

#include "core/base/files.h"
#include "core/cache/cache_file.h"
#include "daemon/worker/sandbox.h"
#include "tests/support/temp_tree.h"

namespace {

namespace fs = std::filesystem;
using defuse::testing::TempTree;

struct Attempt {
  std::string what;
  bool allowed;
  std::function<long()> tried;  // as a system call: negative and errno for "no"
};

long opened(const fs::path& file, int flags) {
  const int fd = ::open(file.c_str(), flags | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return fd;
}

long done(bool good) { return good ? 0 : -1; }

void add_processes(std::vector<Attempt>& list, const fs::path&) {
  const auto parent = ::getppid();
  const auto add = [&](std::string what, std::function<long()> tried) {
    list.push_back({std::move(what), false, std::move(tried)});
  };
  add("fork", [] {
    const long child = ::syscall(SYS_fork);
    if (child == 0) ::_exit(0);
    return child;
  });
  add("clone without a thread", [] {
    const long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0UL);
    if (child == 0) ::_exit(0);
    return child;
  });
  add("clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); });
  add("execve", [] { return ::syscall(SYS_execve, "/nowhere", nullptr, nullptr); });
  add("execveat of a file in memory", [] { return ::syscall(SYS_execveat, -1, "", nullptr, nullptr, AT_EMPTY_PATH); });
  add("memfd_create", [] { return ::syscall(SYS_memfd_create, "program", 0); });
  add("ptrace of the parent", [=] { return ::ptrace(PTRACE_SEIZE, parent, nullptr, nullptr); });
  add("process_vm_readv of the parent",
      [=] { return ::syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0); });
  add("kill of the parent", [=] { return ::kill(parent, 0); });
  add("kill of its own group", [] { return ::kill(0, 0); });
  add("tgkill of the parent", [=] { return ::syscall(SYS_tgkill, parent, parent, 0); });
  add("pidfd_open of the parent", [=] { return ::syscall(SYS_pidfd_open, parent, 0); });
  add("fcntl F_SETOWN to the parent", [=] { return ::fcntl(STDERR_FILENO, F_SETOWN, parent); });
  add("setsid", [] { return ::syscall(SYS_setsid); });
  add("setpgid", [] { return ::setpgid(0, 0); });
  add("setpriority", [] { return ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0)); });
  add("sched_setscheduler", [] { return ::syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, nullptr); });
  add("limits of the parent", [=] { return ::syscall(SYS_prlimit64, parent, RLIMIT_CORE, nullptr, nullptr); });
  add("a higher hard limit", [] {
    const struct rlimit more { 4096, 4096 };
    return static_cast<long>(::setrlimit(RLIMIT_NOFILE, &more));
  });
  add("to be dumped for another's eyes (prctl)", [] { return ::prctl(PR_SET_PTRACER, -1, 0, 0, 0); });
}

void add_kernel(std::vector<Attempt>& list, const fs::path&) {
  const auto add = [&](std::string what, std::function<long()> tried) {
    list.push_back({std::move(what), false, std::move(tried)});
  };
  for (const auto& [name, family] :
       {std::pair{"unix", AF_UNIX}, std::pair{"IPv4", AF_INET}, std::pair{"IPv6", AF_INET6},
        std::pair{"netlink", AF_NETLINK}, std::pair{"packet", AF_PACKET}, std::pair{"vsock", AF_VSOCK},
        std::pair{"crypto", AF_ALG}})
    add(std::string("socket, ") + name, [family = family] { return ::socket(family, SOCK_STREAM, 0); });
  add("socketpair", [] { return ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr); });
  add("mount", [] { return ::syscall(SYS_mount, nullptr, nullptr, nullptr, 0UL, nullptr); });
  add("umount2", [] { return ::syscall(SYS_umount2, nullptr, 0); });
  add("pivot_root", [] { return ::syscall(SYS_pivot_root, nullptr, nullptr); });
  add("chroot", [] { return ::syscall(SYS_chroot, nullptr); });
  add("unshare", [] { return ::syscall(SYS_unshare, 0x1); });
  add("setns", [] { return ::syscall(SYS_setns, -1, 0); });
  add("bpf", [] { return ::syscall(SYS_bpf, -1, nullptr, 0); });
  add("userfaultfd", [] { return ::syscall(SYS_userfaultfd, -1); });
  add("io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 0, nullptr); });
  add("perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); });
  add("keyctl", [] { return ::syscall(SYS_keyctl, -1); });
  add("personality", [] { return ::syscall(SYS_personality, 0x0040000); });
  add("inotify", [] { return ::syscall(SYS_inotify_init1, -1); });
  add("fanotify", [] { return ::syscall(SYS_fanotify_init, -1, 0); });
  add("setuid", [] { return ::syscall(SYS_setuid, -1); });
  add("capset", [] { return ::syscall(SYS_capset, nullptr, nullptr); });
  add("init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, nullptr); });
  add("clock_settime", [] { return ::syscall(SYS_clock_settime, -1, nullptr); });
  add("sethostname", [] { return ::syscall(SYS_sethostname, nullptr, -1); });
  add("a terminal's input (ioctl TIOCSTI)", [] { return ::syscall(SYS_ioctl, STDERR_FILENO, 0x5412, nullptr); });
}

void add_files(std::vector<Attempt>& list, const fs::path& tree) {
  const auto add = [&](std::string what, bool allowed, std::function<long()> tried) {
    list.push_back({std::move(what), allowed, std::move(tried)});
  };
  const auto cache = tree / "cache";
  const auto entry = cache / "answers/incumbent/logits.npy";
  const auto parent = "/proc/" + std::to_string(::getppid());
  const auto on = [](const char* what, const fs::path& path) {
    return std::string(what) + " " + path.filename().string();
  };
  add("read a file of somebody else", false, [=, file = tree / "other/secret"] { return opened(file, O_RDONLY); });
  add("read /etc/passwd", false, [] { return opened("/etc/passwd", O_RDONLY); });
  add("read the parent's environment", false, [=] { return opened(parent + "/environ", O_RDONLY); });
  add("read the parent's memory", false, [=] { return opened(parent + "/mem", O_RDONLY); });
  add("list /proc", false, [] { return opened("/proc", O_RDONLY | O_DIRECTORY); });
  add("list the home folder", false, [] { return opened("/root", O_RDONLY | O_DIRECTORY); });
  add("write beside its folder", false, [=, file = tree / "other/new"] { return opened(file, O_WRONLY | O_CREAT); });
  add("write its input", false, [=, file = tree / "model.pt"] { return opened(file, O_WRONLY); });
  add("empty its input", false, [=, file = tree / "model.pt"] { return opened(file, O_RDONLY | O_TRUNC); });
  add("truncate its input by name", false, [=, file = tree / "model.pt"] { return ::truncate(file.c_str(), 0); });
  add("remove a file of somebody else", false, [=, file = tree / "other/secret"] { return ::unlink(file.c_str()); });
  add("change job.json", false, [=, file = tree / "job/job.json"] { return opened(file, O_WRONLY); });
  add("replace job.json", false,
      [=] { return ::rename((tree / "job/tmp-result/mine").c_str(), (tree / "job/job.json").c_str()); });
  add("remove job.json", false, [=, file = tree / "job/job.json"] { return ::unlink(file.c_str()); });
  add("change an entry of the cache", false, [=] { return opened(entry, O_WRONLY); });
  add("empty an entry of the cache", false, [=] { return opened(entry, O_RDONLY | O_TRUNC); });
  add("remove an entry's file", false, [=] { return ::unlink(entry.c_str()); });
  add("move an entry away", false,
      [=] { return ::rename(entry.parent_path().c_str(), (defuse::incoming_folder(cache) / "gone").c_str()); });
  add("rename an entry", false, [=] { return ::rename(entry.parent_path().c_str(), (cache / "answers/x").c_str()); });
  add("replace an entry's file", false,
      [=] { return ::rename((tree / "job/tmp-result/mine").c_str(), entry.c_str()); });
  for (const auto& path : {tree / "job/tmp-result/link"}) {
    add(on("symbolic", path), false, [=] { return ::symlink("/etc/passwd", path.c_str()); });
    add(on("hard", path), false, [=] { return ::link((tree / "model.pt").c_str(), path.c_str()); });
    add("device node", false, [=] { return ::mknod(path.c_str(), S_IFCHR | 0600, 0x103); });
    add("named pipe", false, [=] { return ::mkfifo(path.c_str(), 0600); });
    add("change a mode", false, [=] { return ::chmod((tree / "model.pt").c_str(), 0600); });
    add("change an owner", false, [=] { return ::chown((tree / "model.pt").c_str(), 0, 0); });
    add("set an attribute", false, [=] { return ::setxattr((tree / "model.pt").c_str(), "user.x", "1", 1, 0); });
  }
  // What a gate does all the time.
  add("read its input", true, [=, file = tree / "model.pt"] { return opened(file, O_RDONLY); });
  add("read the cache", true, [=] { return opened(entry, O_RDONLY); });
  add("read /proc/self/statm", true, [] { return opened("/proc/self/statm", O_RDONLY); });
  add("read /proc/cpuinfo", true, [] { return opened("/proc/cpuinfo", O_RDONLY); });
  add("write its result", true, [=] { return done(!!defuse::write_atomically(tree / "job/tmp-result/mine", "x")); });
  add("add to the cache", true, [=] {
    const auto made = defuse::incoming_folder(cache) / "tmp-1-0";
    const bool all = defuse::make_folder(made) && defuse::write_atomically(made / "a", "x") &&
                     defuse::make_folder(cache / "map") && defuse::publish_folder(made, cache / "map/key");
    return done(all);
  });
  add("publish its result", true,
      [=] { return done(!!defuse::publish_folder(tree / "job/tmp-result", tree / "job/result")); });
  add("start a thread", true, [] {
    int answer = -1;
    std::thread([&] { answer = 0; }).join();
    return static_cast<long>(answer);
  });
  add("compile code (writable, then executable memory)", true, [] {
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return static_cast<long>(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
  });
}

bool as_expected(const Attempt& attempt, long result, int number) {
  if (attempt.allowed) return result >= 0;
  return result < 0 && (number == EPERM || number == EACCES || number == ENOSYS || number == EXDEV);
}

int run(bool sealed) {
  // Never taken down: from inside it could not be. Who runs this names a folder of its own in $TMPDIR.
  auto& tree = *new TempTree;
  tree.file("model.pt", "model").file("other/secret", "secret").file("job/job.json", "{}").file("job/tmp-result/mine");
  tree.file("cache/answers/incumbent/logits.npy", "numbers").folder("cache/incoming").folder("cache/training");
  if (sealed) {
    const auto state = defuse::enter_sandbox(
        {}, {.readable = {tree / "model.pt"},
             .writable = {tree / "job/tmp-result", tree / "cache/incoming", tree / "cache/training"},
             .growing = {tree / "cache"},
             .publishing = {tree / "job"},
             .largest_file = 1 << 20});
    std::cout << state.describe() << '\n';
    if (!state.missing.empty()) {
      std::cout << "SKIPPED: this kernel lacks a layer\n";
      return 77;
    }
  }
  std::vector<Attempt> attempts;
  add_processes(attempts, tree.root());
  add_kernel(attempts, tree.root());
  add_files(attempts, tree.root());
  int wrong = 0;
  std::cout << "attempt | expected | seen\n";
  for (const auto& attempt : attempts) {
    errno = 0;
    const long result = attempt.tried();
    const int number = errno;
    const bool good = as_expected(attempt, result, number);
    wrong += good ? 0 : 1;
    std::cout << attempt.what << " | " << (attempt.allowed ? "done" : "refused") << " | "
              << (result >= 0 ? "done" : std::strerror(number)) << (good ? "" : "   <-- not as expected") << '\n';
  }
  std::cout << attempts.size() << " attempts, " << wrong << " not as expected\n";
  return sealed && wrong > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::cout << std::unitbuf;
  const bool open = argc == 2 && std::string_view(argv[1]) == "--open";
  return run(!open);
}
