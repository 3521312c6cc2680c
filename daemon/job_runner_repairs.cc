// The job runner's part in corrections. They are supervised, tried again and cancelled as gates are; but nothing is
// judged: the end of one is a folder with what it is worth, or the reason why there is none.
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/job_runner.h"
#include "daemon/state/repair_job.h"

namespace defuse {

namespace asio = boost::asio;

Result<std::int64_t> JobRunner::enqueue_repair(const VersionRow& version, const RepairOrder& order,
                                               const AuditEntry& audit) {
  TRY(id, store_.jobs.enqueue_repair(version.model, version.version, version.digest, order, audit));
  note_queued(id, version, JobKind::repair);
  return id;
}

Result<std::optional<RepairOrder>> JobRunner::order_of(const JobRow& job) {
  if (job.kind != JobKind::repair) return std::nullopt;
  TRY(order, store_.jobs.repair_order(job.id));
  return std::optional(std::move(order));
}

void JobRunner::take_in() {
  asio::post(work_, [this, guard = asio::make_work_guard(io_), state = state_, spec = current_->spec,
                     order = *current_->order] {
    asio::post(io_, [this, taken = take_repair(state, spec, order)] { taken_in(taken); });
  });
}

void JobRunner::taken_in(const Result<RepairResult>& taken) {
  if (stopping_ || !current_) return;
  if (taken) return end_repair(JobState::done, taken->reason);
  if (taken.error().code == ErrorCode::corrupt) return failed({taken.error().describe(), /*hopeless=*/false});
  // Not the worker's fault: a full disk. Its result is kept, and taken in once that is over.
  spdlog::error("job {} ({}): its result cannot be taken in yet: {}", current_->spec.id, name_of(current_->spec),
                taken.error().describe());
  wake_.expires_after(kTroubleWait);
  wake_.async_wait([this](const boost::system::error_code& error) {
    if (!error && current_ && !stopping_) take_in();
  });
}

void JobRunner::end_repair(JobState state, const std::string& words) {
  const auto& spec = current_->spec;
  current_->judging = true;
  JobStore::Move end;
  if (state == JobState::failed) end.error = words;
  if (const auto moved = move(spec.id, state, end); !moved) {
    spdlog::error("job {}: its end cannot be stored: {}", spec.id, moved.error().describe());
    wake_.expires_after(kTroubleWait);
    wake_.async_wait([this, state, words](const boost::system::error_code& error) {
      if (!error && current_ && !stopping_) end_repair(state, words);
    });
    return;
  }
  failures_.erase(spec.id);
  spdlog::log(state == JobState::done ? spdlog::level::info : spdlog::level::warn, "job {} ({}): correction {}: {}",
              spec.id, name_of(spec), to_string(state), words);
  asio::post(work_, [state_folder = state_, id = spec.id, old = outlived_repairs(spec.model)] {
    tidy(state_folder, id, KeepResult::no);
    std::error_code ignored;
    for (const auto& folder : old) std::filesystem::remove_all(folder, ignored);
  });
  let_go();
}

// Whoever downloads one of them just now keeps his open file.
std::vector<std::filesystem::path> JobRunner::outlived_repairs(const std::string& model) {
  constexpr std::size_t kLookedAt = 1000;
  std::vector<std::filesystem::path> old;
  const auto rows = store_.jobs.repairs(model, "", kLookedAt);
  if (!rows) {
    spdlog::warn("{}: old corrections stay: {}", model, rows.error().describe());
    return old;
  }
  std::size_t kept = 0;
  std::error_code ignored;
  for (const auto& row : *rows)
    if (row.state == JobState::done && ++kept > kRepairsKept)
      if (auto folder = state_.correction(row.id); std::filesystem::exists(folder, ignored))
        old.push_back(std::move(folder));
  return old;
}

}  // namespace defuse
