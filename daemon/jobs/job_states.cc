#include "daemon/jobs/job_states.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>

namespace defuse {

Result<void> JobStates::count_all() {
  TRY(all, store_.jobs.newest(SIZE_MAX));
  counts_.clear();
  for (const auto& job : all) {
    ++counts_[job.state];
    newest_ = std::max(newest_, job.id);
  }
  for (const auto& [state, count] : counts_) live_.counters().jobs(state, static_cast<double>(count));
  return {};
}

Result<std::int64_t> JobStates::enqueue(const VersionRow& version, std::int64_t priority, const AuditEntry& audit) {
  TRY(id, store_.jobs.enqueue(version.model, version.version, version.digest, priority, audit));
  note_queued(id, version, JobKind::gate);
  return id;
}

Result<std::int64_t> JobStates::enqueue_repair(const VersionRow& version, const RepairOrder& order,
                                               const AuditEntry& audit) {
  TRY(id, store_.jobs.enqueue_repair(version.model, version.version, version.digest, order, audit));
  note_queued(id, version, JobKind::repair);
  return id;
}

void JobStates::note_queued(std::int64_t id, const VersionRow& version, JobKind kind) {
  if (id <= newest_) return;  // one that was open already
  newest_ = id;
  counted(std::nullopt, JobState::queued);
  spdlog::info("job {} ({}/{}): {} queued", id, version.model, version.version, to_string(kind));
  announce(id);
}

Result<void> JobStates::move(std::int64_t id, JobState to, const JobStore::Move& move) {
  TRY(before, store_.jobs.find(id));
  TRY_OK(store_.jobs.move(id, to, move));
  if (before) counted(before->state, to);
  announce(id);
  return {};
}

void JobStates::finished(std::int64_t id, JobState state) {
  counted(JobState::running, state);
  announce(id);
}

void JobStates::announce(std::int64_t id) {
  const auto row = store_.jobs.find(id);
  if (!row || !*row) return;
  const auto& job = **row;
  Json data = Json::object();
  data["id"] = job.id;
  data["kind"] = to_string(job.kind);
  data["model"] = job.model;
  data["version"] = job.version;
  data["state"] = to_string(job.state);
  data["station"] = job.station;
  data["progress"] = json_number(job.progress);
  const auto ends = station_ends(job);
  data["station_ends"] = ends ? Json(to_rfc3339(*ends)) : Json();
  live_.publish("job", data);
}

std::int64_t JobStates::queued() const {
  const auto found = counts_.find(JobState::queued);
  return found == counts_.end() ? 0 : found->second;
}

void JobStates::counted(std::optional<JobState> from, JobState to) {
  if (from) live_.counters().jobs(*from, static_cast<double>(--counts_[*from]));
  live_.counters().jobs(to, static_cast<double>(++counts_[to]));
}

}  // namespace defuse
