// What a worker gives up before it loads anything that a stranger wrote: privileges and capabilities, core dumps,
// memory, CPU time and file sizes beyond its limits, all files but its inputs and its own folders (Landlock), and every
// system call that its work does not need (seccomp). Called once by worker_main.cc, before any thread starts. A kernel
// that lacks a layer is not an error here; `missing` says so, and the worker refuses to go on where `worker.sandbox` is
// `require`.
#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/settings/settings.h"
#include "core/wire/sandbox_state.h"

namespace defuse {

// Folders, or files where only reading is meant. What does not exist when the sandbox is entered stays out of reach.
struct SandboxPlan {
  std::vector<std::filesystem::path> readable{};  // besides the system's libraries
  std::vector<std::filesystem::path> writable{};  // anything may be done inside
  std::vector<std::filesystem::path>
      growing{};  // new things may be moved in from a writable folder; what is there stays
  std::vector<std::filesystem::path>
      publishing{};                // folders inside may be made, moved and renamed; files stay as they are
  std::uint64_t largest_file = 0;  // bytes; 0 = no limit
};

SandboxState enter_sandbox(const WorkerSettings& limits, const SandboxPlan& plan);

}  // namespace defuse
