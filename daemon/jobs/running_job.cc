#include "daemon/jobs/running_job.h"

#include <spdlog/spdlog.h>

namespace defuse {

void tidy(const StateFolder& state, std::int64_t id, KeepResult keep) {
  if (const auto tidied = tidy_job(state, id, keep); !tidied)
    spdlog::warn("job {}: its folder cannot be tidied: {}", id, tidied.error().describe());
}

}  // namespace defuse
