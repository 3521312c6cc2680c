// What a worker gives up before it loads anything that a stranger wrote: privileges, core dumps, memory and CPU time
// beyond its limits, new processes and programs, sockets (seccomp), and files other than its inputs and its own folders
// (Landlock). Called once by worker_main.cc, before any thread starts. A kernel that lacks a layer is not an error
// here; `missing` says so.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/pipeline/settings.h"
#include "core/result.h"

namespace defuse {

struct SandboxPlan {
  std::vector<std::filesystem::path> readable;  // files or folders, besides the system's libraries
  std::vector<std::filesystem::path> writable;  // folders
};

struct SandboxState {
  std::vector<std::string> in_force;  // "rlimits", "no_new_privs", "seccomp", "landlock 4"
  std::vector<std::string> missing;   // with the reason
  std::string describe() const;       // "sandbox: a, b; missing: c (why)"
};

SandboxState enter_sandbox(const WorkerSettings& limits, const SandboxPlan& plan);

}  // namespace defuse
