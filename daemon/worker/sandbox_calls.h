// The part of the sandbox that says which system calls a worker may make: a list of what its work needs; any other
// fails with EPERM, so that a model that tries one gets an exception and not a crash. Called by enter_sandbox only,
// last.
#pragma once
#include <string>

#include "core/base/result.h"

namespace defuse {

Result<std::string> restrict_calls();  // "seccomp", or why there is none

}  // namespace defuse
