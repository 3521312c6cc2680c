// What the daemon says of versions: which are to be judged, their verdict files, and what a person's word changes.
#include <spdlog/spdlog.h>

#include <optional>
#include <set>
#include <utility>

#include "core/base/files.h"
#include "daemon/api/standing_lookup.h"
#include "daemon/app.h"

namespace defuse {
namespace {

constexpr std::chrono::hours kWaiverWarning{24 * 7};
// What JobRunner::cancel writes; a job the daemon dropped says other words.
constexpr const char* kCancelledBy = "cancelled by ";

}  // namespace

Result<bool> App::never_judged(const VersionRow& version) {
  TRY(verdict, store_->verdicts.latest(version.model, version.digest));
  if (verdict) return false;
  TRY(job, store_->jobs.last_gate(version.model, version.digest));
  // A job that the daemon dropped because its version had gone is due again when the version is back; one that a person
  // cancelled is not.
  return !job || (job->state == JobState::cancelled && !job->error.starts_with(kCancelledBy));
}

Result<void> App::enqueue_new(const VersionRow& version, std::size_t position) {
  if (weigh_signature(version.signature, live_.config()->signature_of(version.model)).refused()) return {};
  TRY(due, never_judged(version));
  if (!due) return {};
  TRY(id,
      jobs_.enqueue(version, priority_of(clock_.now(), position),
                    {"daemon", "job.queued", version.model + "/" + version.version, Json{{"digest", version.digest}}}));
  static_cast<void>(id);
  return {};
}

Result<void> App::enqueue_unjudged() {
  TRY(unjudged, store_->versions.unjudged());
  std::size_t position = 0;
  for (const auto& version : unjudged)
    if (live_.config()->models.contains(version.model)) TRY_OK(enqueue_new(version, position++));
  return {};
}

void App::refresh_verdict_file(const std::string& model, const std::string& version) {
  const auto standing = [&]() -> Result<Standing> {
    TRY(facts, model_facts(model, live_, *store_));
    return standing_of(facts, version, *store_);
  };
  write_verdict_file_of(model, version, standing());
}

void App::write_verdict_file_of(const std::string& model, const std::string& version, const Result<Standing>& found) {
  const auto write = [&]() -> Result<void> {
    if (!found) return tl::unexpected<Error>(found.error());
    const Standing& standing = *found;
    if (standing.kind == Standing::Kind::unknown) {
      return remove_synced(state_.verdict_file(model, version));
    }
    const auto digest = standing.row ? standing.row->digest : std::string();
    if (standing.row && is_changing(*standing.row))
      return write_verdict_file(state_, model, version,
                                other_document(model, version, digest, std::nullopt, "it is being written again"));
    if (standing.judged && !standing.stale && standing.verdict == standing.judged->verdict.state) {
      TRY(document, published_document(state_, standing.judged->report));
      return write_verdict_file(state_, model, version, document);
    }
    return write_verdict_file(state_, model, version,
                              other_document(model, version, digest, standing.verdict, standing.reason));
  };
  if (const auto done = write(); !done) {
    spdlog::error("{}/{}: its verdict file cannot be written: {}", model, version, done.error().describe());
    // Better no file than one that may no longer be true.
    if (const auto removed = remove_synced(state_.verdict_file(model, version)); !removed)
      spdlog::critical("{}/{}: nor can the old one be removed, so that whoever reads it gets an old answer: {}", model,
                       version, removed.error().describe());
  }
}

// Verdict files may have become untrue while no daemon ran, and whoever reads them trusts a daemon that is ready: all
// are looked at before. What is known of a line is read once for all of its versions.
void App::refresh_present(const std::vector<KnownVersion>& known) {
  std::optional<ModelFacts> facts;
  for (const KnownVersion& one : known) {
    if (!one.present) continue;
    const auto standing = [&]() -> Result<Standing> {
      if (!facts || facts->model != one.model) {
        TRY(read, model_facts(one.model, live_, *store_));
        facts = std::move(read);
      }
      return standing_of(*facts, one.version, *store_);
    };
    write_verdict_file_of(one.model, one.version, standing());
  }
}

void App::refresh_verdict_files(const std::string& model) {
  const auto versions = store_->versions.of(model);
  if (!versions) return spdlog::error("{}: versions cannot be read: {}", model, versions.error().describe());
  for (const auto& version : *versions) refresh_verdict_file(model, version.version);
}

Result<void> App::judge_again(const std::string& model, const std::string& subject, const std::string& who,
                              const std::string& why) {
  jobs_.note_words();
  TRY(versions, store_->versions.told_of(model, subject));
  std::set<std::string> seen;
  for (const auto& version : versions)
    if (seen.insert(version.digest).second) jobs_.judge_again(version, who, why);  // two of the same bytes share it
  return {};
}

void App::check_waivers() {
  const auto now = clock_.now();
  const auto all = store_->waivers.rows("");
  if (!all) return spdlog::error("waivers cannot be read: {}", all.error().describe());
  std::int64_t expiring = 0;
  for (const auto& row : *all) {
    if (row.removed) continue;
    const Waiver& waiver = row.waiver;
    if (waiver.expires > now && waiver.expires - now <= kWaiverWarning) ++expiring;
    if (waiver.expires > now || waiver.expires <= waivers_checked_) continue;
    // Expired since the last look; at the start, at any time: its verdicts are judged again unless they were already.
    // Most expired waivers cover nothing any more, and looking through every verdict for each would take long.
    jobs_.note_words();
    if (row.in_use)
      if (const auto done = judge_again(waiver.model, waiver.id, "daemon", "waiver " + waiver.id + " expired"); !done)
        spdlog::error("waiver {}: {}", waiver.id, done.error().describe());
  }
  waivers_checked_ = now;
  live_.counters().waivers_expiring(expiring);
}

}  // namespace defuse
