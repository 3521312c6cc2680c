#include "daemon/jobs/running_repair.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "daemon/jobs/scheduler.h"
#include "daemon/state/repair_job.h"

namespace defuse {

Result<void> RunningRepair::prepare() { return prepare_repair(parts_.state, spec(), order_); }

bool RunningRepair::has_result() const { return has_repair(parts_.state, spec().id); }

// An order that no longer fits the line's probe set will not fit it at the next attempt either.
bool RunningRepair::is_hopeless(ErrorCode code) const {
  return defuse::is_hopeless(code) || code == ErrorCode::conflict;
}

Result<RunningJob::FileWork> RunningRepair::take_result() {
  return FileWork([this]() -> Result<Ending> {
    TRY(taken, take_repair(parts_.state, spec(), order_));
    return ending(JobState::done, taken.reason);
  });
}

RunningJob::FileWork RunningRepair::report_failure(const std::string& cause) {
  return [this, cause]() -> Result<Ending> { return ending(JobState::failed, cause); };
}

Ending RunningRepair::ending(JobState state, const std::string& words) const {
  Ending ending;
  ending.state = state;
  ending.store = [this, state, words] {
    JobStore::Move end;
    if (state == JobState::failed) end.error = words;
    return parts_.states.move(spec().id, state, end);
  };
  ending.stored = [this, state, words] {
    spdlog::log(state == JobState::done ? spdlog::level::info : spdlog::level::warn, "job {} ({}): correction {}: {}",
                spec().id, name(), to_string(state), words);
    parts_.work.run([folder = parts_.state, id = spec().id, old = outlived()] {
      tidy(folder, id, KeepResult::no);
      std::error_code ignored;
      for (const auto& one : old) std::filesystem::remove_all(one, ignored);
    });
  };
  return ending;
}

// Whoever downloads one of them just now keeps his open file.
std::vector<std::filesystem::path> RunningRepair::outlived() const {
  constexpr std::size_t kLookedAt = 1000;
  std::vector<std::filesystem::path> old;
  const auto rows = parts_.store.jobs.repairs(spec().model, "", kLookedAt);
  if (!rows) {
    spdlog::warn("{}: old corrections stay: {}", spec().model.str(), rows.error().describe());
    return old;
  }
  std::size_t kept = 0;
  std::error_code ignored;
  for (const auto& row : *rows)
    if (row.state == JobState::done && ++kept > kRepairsKept)
      if (auto folder = parts_.state.correction(row.id); std::filesystem::exists(folder, ignored))
        old.push_back(std::move(folder));
  return old;
}

}  // namespace defuse
