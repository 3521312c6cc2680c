// The part of the sandbox that says which files a worker may reach: Landlock, with whatever of it the kernel has.
// Called by enter_sandbox only, with no_new_privs set.
#pragma once
#include <string>

#include "core/base/result.h"
#include "daemon/worker/sandbox.h"

namespace defuse {

struct FileRestriction {
  Result<std::string> layer;  // "landlock 7", or why there is none
  std::string lacks;          // what this kernel's version cannot do; empty if nothing
};

FileRestriction restrict_files(const SandboxPlan& plan);

}  // namespace defuse
