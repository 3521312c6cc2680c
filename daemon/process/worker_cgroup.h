// Memory and threads of a worker held by the kernel: a control group (version 2) for each worker, below one that the
// service manager left to the daemon. Where none was, the rlimits and the supervisor's look at resident memory remain.
// Used by the supervisor, on the main strand only; never blocks. Takes the hierarchy's root as a parameter, so that
// tests can give it a plain folder.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <utility>

#include "core/base/result.h"

namespace defuse {

// One worker's. The group is removed with this object, once nobody is in it.
class WorkerCgroup {
 public:
  explicit WorkerCgroup(std::filesystem::path folder) : folder_(std::move(folder)) {}
  WorkerCgroup(WorkerCgroup&& other) noexcept : folder_(std::exchange(other.folder_, std::filesystem::path())) {}
  WorkerCgroup& operator=(WorkerCgroup&&) = delete;
  ~WorkerCgroup();

  Result<void> add(pid_t process) const;
  void kill() const;               // everybody in it, where the kernel can (5.14)
  bool ran_out_of_memory() const;  // the kernel ended somebody in it for that

 private:
  std::filesystem::path folder_;
};

class WorkerCgroups {
 public:
  // Moves this process into the leaf `daemon` of its group and hands memory and pids on to groups beside it.
  // `unavailable`, with nothing changed, where the hierarchy is not version 2, the group is not ours to write, holds
  // other processes, or was given no memory controller.
  static Result<WorkerCgroups> take(const std::filesystem::path& root = "/sys/fs/cgroup",
                                    const std::filesystem::path& own = "/proc/self/cgroup");

  // memory: bytes, of which none may be swapped.
  Result<WorkerCgroup> make(std::uint64_t memory) const;

 private:
  explicit WorkerCgroups(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace defuse
