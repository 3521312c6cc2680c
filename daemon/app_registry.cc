// What the registry's watcher tells the daemon: versions that appear, change, are being written or go away.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/app.h"

namespace defuse {

WatcherHooks App::watcher_hooks() {
  WatcherHooks hooks;
  hooks.known = [this]() -> Result<std::vector<KnownVersion>> {
    TRY(known, store_->versions.known());
    const auto config = live_.config();
    // Nobody looked at its signature, or not with these keys: as good as another file.
    for (auto& version : known)
      if (needs_check(version.signature, config->signature_of(version.model))) version.fingerprint.clear();
    return known;
  };
  hooks.found = [this](const Candidate& candidate, const std::string& fingerprint, std::size_t position) {
    found(candidate, fingerprint, position);
  };
  hooks.deleted = [this](const KnownVersion& version) { deleted(version); };
  hooks.scanned = [this](const ScanReport& report) { scanned(report); };
  return hooks;
}

void App::found(const Candidate& identified, const std::string& fingerprint, std::size_t position) {
  auto candidate = identified;
  const auto name = candidate.model + "/" + candidate.version;
  const auto config = live_.config();
  const auto& settings = config->signature_of(candidate.model);
  candidate.signature = check_signature(candidate, settings);
  if (!candidate.signature.problem.empty())
    spdlog::warn("{}: signature {}{}: {}", name, to_string(candidate.signature.state),
                 settings.mode == SignatureMode::enforce ? ", so it is not judged" : "", candidate.signature.problem);
  bool others_too = false;
  const auto take = [&]() -> Result<void> {
    TRY(before, store_->versions.current(candidate.model, candidate.version));
    const bool same_signature = before && before->signature == candidate.signature;
    if (settings.mode == SignatureMode::enforce && !same_signature) {
      TRY(promotions, store_->promotions.of(candidate.model));
      others_too = std::any_of(promotions.begin(), promotions.end(),
                               [&](const PromotionRow& row) { return row.version == candidate.version; });
    }
    TRY_OK(store_->versions.put(candidate, fingerprint));
    TRY(row, store_->versions.current(candidate.model, candidate.version));
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
  // What was compared with it stands and falls with its signature.
  others_too ? refresh_verdict_files(candidate.model) : refresh_verdict_file(candidate.model, candidate.version);
  Json data = Json::object();
  data["model"] = candidate.model;
  data["version"] = candidate.version;
  data["digest"] = candidate.digest;
  live_.publish("version", data);
  jobs_.advance();
}

void App::deleted(const KnownVersion& version) {
  const auto row = store_->versions.current(version.model, version.version);
  if (!row || !*row || (*row)->presence == VersionPresence::deleted) return;
  if (const auto marked = store_->versions.mark_deleted(version.model, version.version); !marked)
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
    tell_of_refused(before.not_ready, report.not_ready);
  }
  if (!ready_) become_ready();
}

// A version that is being written again must not go on living on the verdict of its former bytes.
void App::withdraw_changing(const std::vector<RegistryEntry>& not_ready) {
  std::set<std::pair<std::string, std::string>> now;
  for (const auto& entry : not_ready) {
    const auto known = store_->versions.current(entry.model, entry.version);
    if (!known || !*known || (*known)->fingerprint == entry.fingerprint) continue;
    if (entry.state == EntryState::refused) deleted({entry.model, entry.version, entry.fingerprint, true});
    now.insert({entry.model, entry.version});
  }
  auto before = std::exchange(changing_, now);
  for (const auto& [model, version] : now)
    if (before.erase({model, version}) == 0) refresh_verdict_file(model, version);
  for (const auto& [model, version] : before) refresh_verdict_file(model, version);  // it is as it was
}

// Who only shares a disk must learn that a version will never be judged as it is, and not wait for it.
void App::tell_of_refused(const std::vector<RegistryEntry>& before, const std::vector<RegistryEntry>& now) {
  std::map<std::pair<std::string, std::string>, std::string> refused;
  for (const auto& entry : before)
    if (entry.state == EntryState::refused) refused[{entry.model, entry.version}] = entry.problem;
  for (const auto& entry : now) {
    if (entry.state != EntryState::refused || entry.version.empty()) continue;
    const auto known = refused.extract({entry.model, entry.version});
    if (known.empty() || known.mapped() != entry.problem) refresh_verdict_file(entry.model, entry.version);
  }
  for (const auto& [name, problem] : refused)
    if (!name.second.empty()) refresh_verdict_file(name.first, name.second);  // mended, or gone
}

bool App::is_changing(const VersionRow& version) const {
  for (const auto& entry : live_.status().not_ready)
    if (entry.model == version.model && entry.version == version.version)
      return entry.fingerprint != version.fingerprint;
  return false;
}

}  // namespace defuse
