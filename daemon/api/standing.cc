#include "daemon/api/standing.h"

#include <algorithm>

#include "daemon/api/status_map.h"

namespace defuse {
namespace {

bool blocks(const Verdict& verdict, const std::string& check) {
  return std::any_of(verdict.checks.begin(), verdict.checks.end(), [&](const CheckOutcome& outcome) {
    return outcome.check == check && outcome.mode == CheckMode::block;
  });
}

// A pass that leans on a waiver is a pass only while the waiver lives: it may expire, or be taken back, between the
// judging and the asking. Returns why it no longer holds.
std::optional<std::string> lapsed_waiver(const ModelFacts& facts, const Verdict& verdict) {
  for (const auto& finding : verdict.findings) {
    if (finding.decision != Decision::violation || finding.waiver.empty() || !blocks(verdict, finding.check)) continue;
    const auto waiver = facts.waivers.find(finding.waiver);
    if (waiver == facts.waivers.end()) return "waiver " + finding.waiver + " was withdrawn: " + finding.sentence;
    if (waiver->second.expires <= facts.now)
      return "waiver " + finding.waiver + " expired on " + to_rfc3339(waiver->second.expires) + ": " + finding.sentence;
  }
  return std::nullopt;
}

std::string describe_open_job(const JobRow& job) {
  if (job.state == JobState::queued) return "waiting in the queue as job " + std::to_string(job.id);
  return "being judged by job " + std::to_string(job.id) + (job.station.empty() ? "" : ", at " + job.station);
}

// What the registry says of a version that it does not call ready.
void set_not_ready(Standing& standing, const RegistryEntry& entry) {
  if (entry.state == EntryState::refused) {
    standing.kind = Standing::Kind::judged;
    standing.verdict = VerdictState::error;
    standing.status = gate_status(VerdictState::error);
    standing.reason = "this version cannot be judged as it is: " + entry.problem;
  } else {
    standing.kind = Standing::Kind::settling;
    standing.verdict.reset();
    standing.status = kGateNotJudged;
    standing.reason = "not complete yet" + (entry.problem.empty() ? "" : ": " + entry.problem);
  }
}

const RegistryEntry* not_ready_entry(const ModelFacts& facts, const std::string& version) {
  for (const auto& entry : facts.daemon.not_ready)
    if (entry.model == facts.model && entry.version == version) return &entry;
  return nullptr;
}

Standing absent(const ModelFacts& facts, const std::string& version) {
  Standing standing;
  if (const auto* entry = not_ready_entry(facts, version)) {
    set_not_ready(standing, *entry);
    return standing;
  }
  // Before the first scan, or with the registry out of reach, "no such version" is more than anybody knows.
  if (!facts.daemon.registry_problem.empty() || !facts.daemon.ready) {
    standing.status = kGateNotJudged;
    standing.reason = facts.daemon.registry_problem.empty()
                          ? "the registry has not been read yet"
                          : "the registry cannot be read: " + facts.daemon.registry_problem;
    return standing;
  }
  standing.status = kGateUnknown;
  standing.reason = "no version " + version + " of model " + facts.model;
  return standing;
}

Standing unknown(std::string reason) {
  Standing standing;
  standing.status = kGateUnknown;
  standing.reason = std::move(reason);
  return standing;
}

void set_not_judged(Standing& standing, std::string reason) {
  standing.kind = Standing::Kind::not_judged;
  standing.status = kGateNotJudged;
  standing.verdict.reset();
  standing.reason = std::move(reason);
}

// Who vouches for the version, and for what it was compared with. Nothing else can mend what is wrong here.
Result<void> weigh_signatures(const ModelFacts& facts, const VersionRow& row, Store& store, Standing& standing) {
  standing.signature = weigh_signature(row.signature, facts.signature);
  if (!standing.signature.refused()) {
    if (!standing.judged || standing.kind != Standing::Kind::judged || standing.judged->incumbent_digest.empty())
      return {};
    TRY(problem, distrust(store, facts.signature, row.model, standing.judged->incumbent_version,
                          standing.judged->incumbent_digest));
    if (problem.problem.empty()) return {};
    if (problem.pending) {
      set_not_judged(standing, "signatures are enforced, and it was compared with version " + problem.problem);
      return {};
    }
    standing.reason = "signatures are enforced, and it was compared with version " + problem.problem;
  } else if (standing.signature.pending) {
    set_not_judged(standing, "signatures are enforced, and " + standing.signature.problem);
    return {};
  } else {
    standing.reason =
        "signatures are enforced, and this version is not signed as it must be: " + standing.signature.problem;
  }
  standing.kind = Standing::Kind::judged;
  standing.verdict = VerdictState::error;
  standing.status = gate_status(VerdictState::error);
  return {};
}

}  // namespace

Result<Distrust> distrust(Store& store, const SignatureSettings& settings, const std::string& model,
                          const std::string& version, const std::string& digest) {
  if (settings.mode != SignatureMode::enforce) return Distrust{};
  // By its name first: the same bytes may lie at other places, where nobody signed them.
  TRY(named, store.version(model, version));
  if (!named || named->digest != digest) {
    TRY(other, store.version_by_digest(model, digest));
    named = std::move(other);
  }
  if (!named) return Distrust{version + ", which was never seen in the registry", false};
  const auto view = weigh_signature(named->signature, settings);
  if (!view.refused()) return Distrust{};
  const bool there = named->current && named->presence == VersionPresence::present;
  return Distrust{version + ", which is not signed as it must be (" + view.problem + ")", view.pending && there};
}

std::string name_incumbent(const std::string& version, const std::string& digest) {
  if (digest.empty()) return "no incumbent";
  const auto short_digest = digest.substr(0, 12);
  return version.empty() ? "digest " + short_digest : version + " (" + short_digest + ")";
}

Result<ModelFacts> model_facts(const std::string& model, const ReadModel& read, Store& store) {
  ModelFacts facts;
  facts.model = model;
  facts.watched = read.config()->models.contains(model);
  facts.daemon = read.status();
  facts.signature = read.config()->signature_of(model);
  facts.now = read.clock().now();
  facts.known = facts.watched;
  if (!facts.known) {
    TRY(models, store.models());
    facts.known = std::find(models.begin(), models.end(), model) != models.end();
  }
  TRY(incumbent, store.incumbent(model));
  facts.incumbent = std::move(incumbent);
  TRY(waivers, store.waivers(model));
  for (auto& waiver : waivers) {
    const auto id = waiver.id;
    facts.waivers.emplace(id, std::move(waiver));
  }
  return facts;
}

Standing weigh(const ModelFacts& facts, const VersionRow& row, const VerdictRow& judged) {
  Standing standing;
  standing.kind = Standing::Kind::judged;
  standing.judged = judged;
  standing.verdict = judged.verdict.state;
  standing.reason = judged.verdict.reason;
  standing.is_incumbent = facts.incumbent && facts.incumbent->digest == row.digest;
  const std::string incumbent = facts.incumbent ? facts.incumbent->digest : "";
  if (!standing.is_incumbent && judged.incumbent_digest != incumbent) {
    standing.stale = true;
    standing.verdict = VerdictState::inconclusive;
    standing.reason = "judged against " + name_incumbent(judged.incumbent_version, judged.incumbent_digest) +
                      ", but the incumbent is now " +
                      name_incumbent(facts.incumbent ? facts.incumbent->version : "", incumbent) +
                      ": evaluate it again";
  } else if (judged.verdict.ok()) {
    if (auto lapsed = lapsed_waiver(facts, judged.verdict)) {
      standing.verdict = VerdictState::fail;
      standing.reason = std::move(*lapsed);
    }
  }
  standing.status = gate_status(*standing.verdict);
  return standing;
}

Result<Standing> standing_of(const ModelFacts& facts, const VersionRow& row, Store& store) {
  TRY(job, store.last_job(row.model, row.digest));
  TRY(judged, store.verdict(row.model, row.digest));
  Standing standing;
  if (judged) {
    standing = weigh(facts, row, *judged);
  } else if (!job) {
    set_not_judged(standing, "seen, not queued yet");
  } else if (job->state == JobState::cancelled) {
    set_not_judged(standing, "its job was cancelled; evaluate it again");
  } else {
    set_not_judged(standing, is_final(job->state) ? "its job ended without a verdict" : describe_open_job(*job));
  }
  if (judged && job && !is_final(job->state)) set_not_judged(standing, "judged before, and " + describe_open_job(*job));
  standing.is_incumbent = facts.incumbent && facts.incumbent->digest == row.digest;
  standing.row = row;
  standing.job = std::move(job);
  TRY_OK(weigh_signatures(facts, row, store, standing));
  // Other bytes are being put in this place: what was decided on the old ones is no answer about them.
  const auto* entry = not_ready_entry(facts, row.version);
  if (entry != nullptr && entry->fingerprint != row.fingerprint) set_not_ready(standing, *entry);
  if (!facts.watched || row.presence == VersionPresence::deleted) {
    standing.kind = Standing::Kind::unknown;
    standing.status = kGateUnknown;
    standing.verdict.reset();
    standing.reason = facts.watched ? "this version was deleted from the registry" : "this model is no longer watched";
  }
  return standing;
}

Result<Standing> standing_of(const ModelFacts& facts, const std::string& version, Store& store) {
  if (!facts.known) return unknown("no model named " + facts.model);
  TRY(row, store.version(facts.model, version));
  if (row) return standing_of(facts, *row, store);
  return absent(facts, version);
}

}  // namespace defuse
