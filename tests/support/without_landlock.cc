// Stands where defuse-worker stands ($DEFUSED_WORKER) and runs the real one, which lies beside it, as on a kernel that
// has no Landlock.
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

int main(int, char** argv) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const int number = seccomp_syscall_resolve_name("landlock_create_ruleset");
  if (filter == nullptr || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0) != 0 ||
      seccomp_load(filter) != 0)
    return 3;
  const auto worker = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "defuse-worker";
  ::execv(worker.c_str(), argv);
  std::perror("defuse-worker");
  return 3;
}
