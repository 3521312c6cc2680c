// What is written down and told of jobs: their states in the store, the numbers of them, events, a summary.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/job_runner.h"

namespace defuse {

Result<std::int64_t> JobRunner::enqueue(const VersionRow& version, std::int64_t priority, const AuditEntry& audit) {
  TRY(id, store_.jobs.enqueue(version.model, version.version, version.digest, priority, audit));
  note_queued(id, version, JobKind::gate);
  return id;
}

void JobRunner::note_queued(std::int64_t id, const VersionRow& version, JobKind kind) {
  if (id <= newest_job_) return;  // one that was open already
  newest_job_ = id;
  counted(std::nullopt, JobState::queued);
  spdlog::info("job {} ({}/{}): {} queued", id, version.model, version.version, to_string(kind));
  announce(id);
}

std::string JobRunner::summary() const {
  const auto queued = counts_.contains(JobState::queued) ? counts_.at(JobState::queued) : 0;
  std::string text = "idle";
  if (current_ && current_->judging)
    text = "judging " + name_of(current_->spec);
  else if (current_)
    text = (current_->order ? "mending " : "running ") + name_of(current_->spec) +
           (current_->station.empty()
                ? std::string()
                : ": " + current_->station + " " + std::to_string(std::lround(current_->fraction * 100)) + " %");
  return text + "; " + std::to_string(queued) + " queued";
}

Result<void> JobRunner::move(std::int64_t id, JobState to, const JobStore::Move& move) {
  TRY(before, store_.jobs.find(id));
  TRY_OK(store_.jobs.move(id, to, move));
  if (before) counted(before->state, to);
  announce(id);
  return {};
}

void JobRunner::announce(std::int64_t id) {
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

Result<void> JobRunner::count_jobs() {
  TRY(all, store_.jobs.newest(SIZE_MAX));
  counts_.clear();
  for (const auto& job : all) {
    ++counts_[job.state];
    newest_job_ = std::max(newest_job_, job.id);
  }
  for (const auto& [state, count] : counts_) live_.counters().jobs(state, static_cast<double>(count));
  return {};
}

void JobRunner::counted(std::optional<JobState> from, JobState to) {
  if (from) live_.counters().jobs(*from, static_cast<double>(--counts_[*from]));
  live_.counters().jobs(to, static_cast<double>(++counts_[to]));
}

}  // namespace defuse
