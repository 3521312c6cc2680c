#include "daemon/worker/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>

#include "daemon/worker/sandbox_calls.h"
#include "daemon/worker/sandbox_files.h"
#include "daemon/worker/sanitized.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

using Layer = Result<std::string>;  // its name, or why it is missing

tl::unexpected<Error> no(const std::string& layer, const std::string& why) {
  return fail(ErrorCode::unavailable, layer + " (" + why + ")");
}

bool limit(__rlimit_resource resource, rlim_t value) {
  struct rlimit now {};
  if (::getrlimit(resource, &now) == 0) value = std::min(value, now.rlim_max);  // what is tighter already stays so
  const struct rlimit both { value, value };
  return ::setrlimit(resource, &both) == 0;
}

// Not among them: RLIMIT_AS, because data sets are mapped and may be larger than memory; RLIMIT_NPROC, because it
// counts every thread of the user, the daemon's too, and does not hold for root. New processes are seccomp's, threads a
// cgroup's.
Layer set_limits(const WorkerSettings& limits, const SandboxPlan& plan) {
  const auto threads = static_cast<rlim_t>(limits.threads > 0 ? static_cast<unsigned>(limits.threads)
                                                              : std::max(1u, std::thread::hardware_concurrency()));
  const auto cpu = limits.cpu_time.count() > 0 ? static_cast<rlim_t>(limits.cpu_time.count())
                                               : threads * static_cast<rlim_t>(limits.timeout.count());
  // A write beyond the limit fails like one to a full disk, instead of ending the process.
  ::signal(SIGXFSZ, SIG_IGN);
  // RLIMIT_DATA counts private writable memory, not mapped data sets or libraries.
  // A sanitizer's shadow of the memory counts, and is larger than any limit.
  const bool all = (DEFUSED_SANITIZED || limit(RLIMIT_DATA, limits.memory)) &&
                   limit(RLIMIT_CPU, std::max<rlim_t>(cpu, 1)) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, 512) &&
                   limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0) &&
                   limit(RLIMIT_FSIZE, plan.largest_file > 0 ? plan.largest_file : RLIM_INFINITY);
  if (!all) return no("rlimits", std::strerror(errno));
  return "rlimits";
}

Layer forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return no("no_new_privs", std::strerror(errno));
  return "no_new_privs";
}

// Also for a daemon that runs as root: without CAP_DAC_OVERRIDE its worker reads and writes what root owns, and what
// anybody may. The process stays dumpable: undumpable ones hide their /proc entries, by which the daemon watches the
// worker's memory, from a daemon of the same user.
Layer drop_capabilities() {
  // Only whoever has CAP_SETPCAP may narrow the bounding set. For others it means nothing under no_new_privs.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header {
    _LINUX_CAPABILITY_VERSION_3, 0
  };
  std::array<struct __user_cap_data_struct, 2> sets{};
  ::syscall(SYS_capset, &header, sets.data());  // the service's unit refuses it, and leaves nothing to drop
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return no("capabilities", std::strerror(errno));
  for (const auto& set : sets)
    if ((set.effective | set.permitted | set.inheritable) != 0) return no("capabilities", "some could not be dropped");
  return "capabilities";
}

// Landlock and capabilities are of one thread and those it starts: one that runs already would go free.
Layer be_alone() {
#if defined(__SANITIZE_THREAD__)
  return "one thread";  // ThreadSanitizer has one of its own
#else
  std::error_code failed;
  const auto threads = std::distance(fs::directory_iterator("/proc/self/task", failed), fs::directory_iterator());
  if (failed) return no("one thread", failed.message());
  if (threads != 1) return no("one thread", std::to_string(threads) + " ran before the sandbox was entered");
  return "one thread";
#endif
}

}  // namespace

SandboxState enter_sandbox(const WorkerSettings& limits, const SandboxPlan& plan) {
  SandboxState state;
  const auto note = [&](const Layer& layer) {
    layer ? state.in_force.push_back(*layer) : state.missing.push_back(layer.error().message);
  };
  const auto alone = be_alone();
  if (!alone) note(alone);
  note(set_limits(limits, plan));
  note(forbid_new_privileges());
  note(drop_capabilities());
  const auto files = restrict_files(plan);
  note(files.layer);
  if (!files.lacks.empty()) state.missing.push_back(files.lacks);
  note(restrict_calls());  // last: it need not allow what the others call
  return state;
}

}  // namespace defuse
