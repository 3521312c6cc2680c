// What the registry's watcher tells the daemon: versions that appear, change, are being written or go away.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/app.h"

namespace defuse {

WatcherHooks App::watcher_hooks() {
  WatcherHooks hooks;
  hooks.known = [this] { return store_->known_versions(); };
  hooks.found = [this](const Candidate& candidate, const std::string& fingerprint, std::size_t position) {
    found(candidate, fingerprint, position);
  };
  hooks.deleted = [this](const KnownVersion& version) { deleted(version); };
  hooks.scanned = [this](const ScanReport& report) { scanned(report); };
  return hooks;
}

void App::found(const Candidate& candidate, const std::string& fingerprint, std::size_t position) {
  const auto name = candidate.model + "/" + candidate.version;
  const auto take = [&]() -> Result<void> {
    TRY(before, store_->version(candidate.model, candidate.version));
    TRY_OK(store_->put_version(candidate, fingerprint));
    TRY(row, store_->version(candidate.model, candidate.version));
    if (!row) return fail(ErrorCode::internal, name + " vanished from the store");
    if (before && before->digest != candidate.digest)
      spdlog::warn("{}: replaced in place, digest {} instead of {}", name, candidate.digest.substr(0, 12),
                   before->digest.substr(0, 12));
    else if (!before)
      spdlog::info("{}: new, digest {}", name, candidate.digest.substr(0, 12));
    return enqueue_new(*row, position);
  };
  if (const auto taken = take(); !taken) spdlog::error("{}: cannot be taken in: {}", name, taken.error().describe());
  changing_.erase({candidate.model, candidate.version});
  refresh_verdict_file(candidate.model, candidate.version);
  Json data = Json::object();
  data["model"] = candidate.model;
  data["version"] = candidate.version;
  data["digest"] = candidate.digest;
  live_.publish("version", data);
  jobs_.advance();
}

void App::deleted(const KnownVersion& version) {
  const auto row = store_->version(version.model, version.version);
  if (!row || !*row || (*row)->presence == VersionPresence::deleted) return;
  if (const auto marked = store_->mark_deleted(version.model, version.version); !marked)
    return spdlog::error("{}/{}: cannot be marked as gone: {}", version.model, version.version,
                         marked.error().describe());
  spdlog::info("{}/{}: no longer in the registry", version.model, version.version);
  refresh_verdict_file(version.model, version.version);
  Json data = Json::object();
  data["model"] = version.model;
  data["version"] = version.version;
  data["digest"] = nullptr;
  live_.publish("version", data);
  jobs_.advance();
}

void App::scanned(const ScanReport& report) {
  const auto before = live_.status();
  live_.change_status([&](DaemonStatus& status) {
    status.registry_problem = report.problem;
    if (!report.problem.empty()) return;
    status.last_successful_poll = clock_.now();
    status.not_ready = report.not_ready;
    status.warnings = report.warnings;
  });
  if (report.problem != before.registry_problem) {
    if (report.problem.empty())
      spdlog::info("the registry can be read again");
    else
      spdlog::error("the registry cannot be read: {}", report.problem);
    live_.publish("registry", Json{{"problem", report.problem}});
  }
  if (report.problem.empty()) {
    live_.counters().polled(clock_.now(), report.seconds);
    for (const auto& warning : report.warnings)
      if (std::find(before.warnings.begin(), before.warnings.end(), warning) == before.warnings.end())
        spdlog::warn("registry: {}", warning);
    withdraw_changing(report.not_ready);
  }
  if (!ready_) become_ready();
}

// A version that is being written again must not go on living on the verdict of its former bytes.
void App::withdraw_changing(const std::vector<RegistryEntry>& not_ready) {
  std::set<std::pair<std::string, std::string>> now;
  for (const auto& entry : not_ready) {
    const auto known = store_->version(entry.model, entry.version);
    if (!known || !*known || (*known)->fingerprint == entry.fingerprint) continue;
    if (entry.state == EntryState::refused) deleted({entry.model, entry.version, entry.fingerprint, true});
    now.insert({entry.model, entry.version});
  }
  auto before = std::exchange(changing_, now);
  for (const auto& [model, version] : now)
    if (before.erase({model, version}) == 0) refresh_verdict_file(model, version);
  for (const auto& [model, version] : before) refresh_verdict_file(model, version);  // it is as it was
}

bool App::is_changing(const VersionRow& version) const {
  for (const auto& entry : live_.status().not_ready)
    if (entry.model == version.model && entry.version == version.version)
      return entry.fingerprint != version.fingerprint;
  return false;
}

}  // namespace defuse
