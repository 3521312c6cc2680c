// Asks a worker, once at the daemon's start, what of its sandbox this machine can give: `defuse-worker --sandbox` seals
// itself as a worker would and says what came of it. Runs on a thread of its own, because loading a worker takes longer
// than a daemon may take to start.
#pragma once
#include <chrono>
#include <functional>

#include "core/base/result.h"
#include "core/wire/sandbox_state.h"
#include "daemon/process/spawn.h"

namespace defuse {

// Blocks until it has said so, at most `patience` long; its process group is gone when this returns.
Result<SandboxState> probe_sandbox(const SpawnRequest& worker, std::chrono::milliseconds patience,
                                   const std::function<bool()>& give_up);

}  // namespace defuse
