#include "daemon/watch/discovery.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/jobs/scheduler.h"

namespace defuse {

namespace {

std::vector<std::string> names_of(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, settings] : config.models) names.push_back(name);
  return names;
}

}  // namespace

Discovery::Discovery(const Parts& parts, WatcherParts registry)
    : store_(parts.store),
      live_(parts.live),
      states_(parts.states),
      jobs_(parts.jobs),
      files_(parts.files),
      watcher_(parts.io, live_.config()->registry, names_of(*live_.config()), std::move(registry), hooks()) {}

WatcherHooks Discovery::hooks() {
  WatcherHooks hooks;
  hooks.known = [this] { return known(); };
  hooks.found = [this](const Candidate& candidate, const std::string& fingerprint, std::size_t position) {
    found(candidate, fingerprint, position);
  };
  hooks.deleted = [this](const KnownVersion& version) { deleted(version); };
  hooks.scanned = [this](const ScanReport& report) { scanned(report); };
  return hooks;
}

void Discovery::reconfigure(const Config& config) { watcher_.reconfigure(config.registry, names_of(config)); }

Result<std::vector<KnownVersion>> Discovery::known() {
  TRY(known, store_.versions.known());
  const auto config = live_.config();
  // Nobody looked at its signature, or not with these keys: as good as another file.
  for (auto& version : known)
    if (needs_check(version.signature, config->signature_of(version.model))) version.fingerprint.clear();
  return known;
}

void Discovery::found(const Candidate& identified, const std::string& fingerprint, std::size_t position) {
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
    TRY(before, store_.versions.current(candidate.model, candidate.version));
    const bool same_signature = before && before->signature == candidate.signature;
    if (settings.mode == SignatureMode::enforce && !same_signature) {
      TRY(promotions, store_.promotions.of(candidate.model));
      others_too = std::any_of(promotions.begin(), promotions.end(),
                               [&](const PromotionRow& row) { return row.version == candidate.version; });
    }
    TRY_OK(store_.versions.put(candidate, fingerprint));
    TRY(row, store_.versions.current(candidate.model, candidate.version));
    if (!row) return fail(ErrorCode::internal, name + " vanished from the store");
    if (before && before->digest != candidate.digest)
      spdlog::warn("{}: replaced in place, digest {} instead of {}", name, short_digest(candidate.digest),
                   short_digest(before->digest));
    else if (!before)
      spdlog::info("{}: new, digest {}", name, short_digest(candidate.digest));
    return enqueue_new(*row, position);
  };
  if (const auto taken = take(); !taken) spdlog::error("{}: cannot be taken in: {}", name, taken.error().describe());
  changing_.erase({candidate.model, candidate.version});
  // What was compared with it stands and falls with its signature.
  others_too ? files_.refresh_all(candidate.model) : files_.refresh(candidate.model, candidate.version);
  publish(candidate.model, candidate.version, candidate.digest);
  jobs_.advance();
}

void Discovery::deleted(const KnownVersion& version) {
  const auto row = store_.versions.current(version.model, version.version);
  if (!row || !*row || (*row)->presence == VersionPresence::deleted) return;
  if (const auto marked = store_.versions.mark_deleted(version.model, version.version); !marked)
    return spdlog::error("{}/{}: cannot be marked as gone: {}", version.model, version.version,
                         marked.error().describe());
  spdlog::info("{}/{}: no longer in the registry", version.model, version.version);
  files_.refresh(version.model, version.version);
  publish(version.model, version.version, nullptr);
  jobs_.advance();
}

void Discovery::scanned(const ScanReport& report) {
  const auto before = live_.status();
  live_.change_status([&](DaemonStatus& status) {
    status.registry_problem = report.problem;
    if (!report.problem.empty()) return;
    status.last_successful_poll = live_.clock().now();
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
    live_.counters().polled(live_.clock().now(), report.seconds);
    for (const auto& warning : report.warnings)
      if (std::find(before.warnings.begin(), before.warnings.end(), warning) == before.warnings.end())
        spdlog::warn("registry: {}", warning);
    withdraw_changing(report.not_ready);
    tell_of_refused(before.not_ready, report.not_ready);
  }
  if (on_scanned) on_scanned();
}

// A version that is being written again must not go on living on the verdict of its former bytes.
void Discovery::withdraw_changing(const std::vector<RegistryEntry>& not_ready) {
  std::set<std::pair<ModelName, Version>> now;
  for (const auto& entry : not_ready) {
    const auto known = store_.versions.current(entry.model, entry.version);
    if (!known || !*known || (*known)->fingerprint == entry.fingerprint) continue;
    if (entry.state == EntryState::refused) deleted({entry.model, entry.version, entry.fingerprint, true});
    now.insert({entry.model, entry.version});
  }
  auto before = std::exchange(changing_, now);
  for (const auto& [model, version] : now)
    if (before.erase({model, version}) == 0) files_.refresh(model, version);
  for (const auto& [model, version] : before) files_.refresh(model, version);  // it is as it was
}

// Who only shares a disk must learn that a version will never be judged as it is, and not wait for it.
void Discovery::tell_of_refused(const std::vector<RegistryEntry>& before, const std::vector<RegistryEntry>& now) {
  std::map<std::pair<ModelName, Version>, std::string> refused;
  for (const auto& entry : before)
    if (entry.state == EntryState::refused) refused[{entry.model, entry.version}] = entry.problem;
  for (const auto& entry : now) {
    if (entry.state != EntryState::refused || entry.version.empty()) continue;
    const auto known = refused.extract({entry.model, entry.version});
    if (known.empty() || known.mapped() != entry.problem) files_.refresh(entry.model, entry.version);
  }
  for (const auto& [name, problem] : refused)
    if (!name.second.empty()) files_.refresh(name.first, name.second);  // repaired, or gone
}

Result<bool> Discovery::never_judged(const VersionRow& version) {
  TRY(verdict, store_.verdicts.latest(version.model, version.digest));
  if (verdict) return false;
  TRY(job, store_.jobs.last_gate(version.model, version.digest));
  // A job that the daemon dropped because its version had gone is due again when the version is back; one that a person
  // cancelled is not.
  return !job || (job->state == JobState::cancelled && !job->error.starts_with(kCancelledBy));
}

Result<void> Discovery::enqueue_new(const VersionRow& version, std::size_t position) {
  if (weigh_signature(version.signature, live_.config()->signature_of(version.model)).refused()) return {};
  TRY(due, never_judged(version));
  if (!due) return {};
  TRY(id, states_.enqueue(
              version, priority_of(live_.clock().now(), position),
              {"daemon", "job.queued", version.model + "/" + version.version, Json{{"digest", version.digest}}}));
  static_cast<void>(id);
  return {};
}

Result<void> Discovery::enqueue_unjudged() {
  TRY(unjudged, store_.versions.unjudged());
  std::size_t position = 0;
  for (const auto& version : unjudged)
    if (live_.config()->models.contains(version.model)) TRY_OK(enqueue_new(version, position++));
  return {};
}

void Discovery::publish(const ModelName& model, const Version& version, Json digest) {
  Json data = Json::object();
  data["model"] = model;
  data["version"] = version;
  data["digest"] = std::move(digest);
  live_.publish("version", data);
}

}  // namespace defuse
