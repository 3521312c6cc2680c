// What of the worker's sandbox holds on this machine. Made by enter_sandbox in a worker, carried as JSON to the daemon,
// which shows it. Plain data; thread-safe.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace defuse {

struct SandboxState {
  std::vector<std::string> in_force;  // "rlimits", "no_new_privs", "capabilities", "landlock 7", "seccomp"
  std::vector<std::string> missing;   // with the reason
  std::string describe() const;       // "sandbox: a, b; missing: c (why)"
};

Json to_json(const SandboxState& state);
// `corrupt` for anything but an object with two short lists of words.
Result<SandboxState> sandbox_state_from_json(std::string_view text);

}  // namespace defuse
