#include "core/verdict/standing.h"

#include <algorithm>

#include "core/verdict/trust.h"

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
Standing not_ready(Standing standing, const RegistryEntry& entry) {
  if (entry.state == EntryState::refused) {
    standing.kind = Standing::Kind::judged;
    standing.verdict = VerdictState::error;
    standing.answer = GateAnswer::error;
    standing.reason = "this version cannot be judged as it is: " + entry.problem;
  } else {
    standing.kind = Standing::Kind::settling;
    standing.verdict.reset();
    standing.answer = GateAnswer::not_judged;
    standing.reason = "not complete yet" + (entry.problem.empty() ? "" : ": " + entry.problem);
  }
  return standing;
}

const RegistryEntry* not_ready_entry(const ModelFacts& facts, const Version& version) {
  for (const auto& entry : facts.registry.not_ready)
    if (entry.model == facts.model && entry.version == version) return &entry;
  return nullptr;
}

Standing absent(const ModelFacts& facts, const Version& version) {
  Standing standing;
  if (const auto* entry = not_ready_entry(facts, version)) {
    return not_ready(std::move(standing), *entry);
  }
  // Before the first scan, or with the registry out of reach, "no such version" is more than anybody knows.
  if (!facts.registry.problem.empty() || !facts.registry.read) {
    standing.answer = GateAnswer::not_judged;
    standing.reason = facts.registry.problem.empty() ? "the registry has not been read yet"
                                                     : "the registry cannot be read: " + facts.registry.problem;
    return standing;
  }
  standing.answer = GateAnswer::unknown;
  standing.reason = "no version " + version + " of model " + facts.model;
  return standing;
}

Standing unknown(std::string reason) {
  Standing standing;
  standing.answer = GateAnswer::unknown;
  standing.reason = std::move(reason);
  return standing;
}

Standing not_judged(Standing standing, std::string reason) {
  standing.kind = Standing::Kind::not_judged;
  standing.answer = GateAnswer::not_judged;
  standing.verdict.reset();
  standing.reason = std::move(reason);
  return standing;
}

// The standing, once it was asked who vouches for the version and for what it was compared with. Nothing else can
// repair what is wrong here.
Standing with_signatures(Standing standing, const ModelFacts& facts, const VersionFacts& version) {
  standing.signature = weigh_signature(version.row.signature, facts.signature);
  if (!standing.signature.refused()) {
    if (!standing.judged || standing.kind != Standing::Kind::judged || standing.judged->incumbent_digest.empty())
      return standing;
    const auto against = distrust(facts.signature, standing.judged->incumbent_version, version.compared_with);
    if (against.problem.empty()) return standing;
    const auto reason = "signatures are enforced, and it was compared with version " + against.problem;
    if (against.pending) return not_judged(std::move(standing), reason);
    standing.reason = reason;
  } else if (standing.signature.pending) {
    const auto reason = "signatures are enforced, and " + standing.signature.problem;
    return not_judged(std::move(standing), reason);
  } else {
    standing.reason =
        "signatures are enforced, and this version is not signed as it must be: " + standing.signature.problem;
  }
  standing.kind = Standing::Kind::judged;
  standing.verdict = VerdictState::error;
  standing.answer = GateAnswer::error;
  return standing;
}

}  // namespace

GateAnswer gate_answer(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return GateAnswer::pass;
    case VerdictState::fail:
      return GateAnswer::fail;
    case VerdictState::inconclusive:
      return GateAnswer::inconclusive;
    case VerdictState::error:
      break;
  }
  return GateAnswer::error;
}

std::string name_incumbent(const Version& version, const Digest& digest) {
  if (digest.empty()) return "no incumbent";
  return version.empty() ? "digest " + short_digest(digest) : version + " (" + short_digest(digest) + ")";
}

Standing weigh(const ModelFacts& facts, const VersionRow& row, const VerdictRow& judged) {
  Standing standing;
  standing.kind = Standing::Kind::judged;
  standing.judged = judged;
  standing.verdict = judged.verdict.state;
  standing.reason = judged.verdict.reason;
  standing.is_incumbent = facts.incumbent && facts.incumbent->digest == row.digest;
  const Digest incumbent = facts.incumbent ? facts.incumbent->digest : Digest();
  if (!standing.is_incumbent && judged.incumbent_digest != incumbent) {
    standing.stale = true;
    standing.verdict = VerdictState::inconclusive;
    standing.reason = "judged against " + name_incumbent(judged.incumbent_version, judged.incumbent_digest) +
                      ", but the incumbent is now " +
                      name_incumbent(facts.incumbent ? facts.incumbent->version : Version(), incumbent) +
                      ": evaluate it again";
  } else if (judged.verdict.ok()) {
    if (auto lapsed = lapsed_waiver(facts, judged.verdict)) {
      standing.verdict = VerdictState::fail;
      standing.reason = std::move(*lapsed);
    }
  }
  standing.answer = gate_answer(*standing.verdict);
  return standing;
}

Standing standing_of(const ModelFacts& facts, VersionFacts version) {
  const auto& row = version.row;
  const auto& job = version.job;
  Standing standing;
  if (version.judged) {
    standing = weigh(facts, row, *version.judged);
  } else if (!job) {
    standing = not_judged(std::move(standing), "seen, not queued yet");
  } else if (job->state == JobState::cancelled) {
    standing = not_judged(std::move(standing), "its job was cancelled; evaluate it again");
  } else {
    standing = not_judged(std::move(standing),
                          is_final(job->state) ? "its job ended without a verdict" : describe_open_job(*job));
  }
  if (version.judged && job && !is_final(job->state))
    standing = not_judged(std::move(standing), "judged before, and " + describe_open_job(*job));
  standing.is_incumbent = facts.incumbent && facts.incumbent->digest == row.digest;
  standing = with_signatures(std::move(standing), facts, version);
  // Other bytes are being put in this place: what was decided on the old ones is no answer about them.
  const auto* entry = not_ready_entry(facts, row.version);
  if (entry != nullptr && entry->fingerprint != row.fingerprint) standing = not_ready(std::move(standing), *entry);
  if (!facts.watched || row.presence == VersionPresence::deleted) {
    standing.kind = Standing::Kind::unknown;
    standing.answer = GateAnswer::unknown;
    standing.verdict.reset();
    standing.reason = facts.watched ? "this version was deleted from the registry" : "this model is no longer watched";
  }
  standing.row = std::move(version.row);
  standing.job = std::move(version.job);
  return standing;
}

Standing standing_without_record(const ModelFacts& facts, const Version& version) {
  if (!facts.known) return unknown("no model named " + facts.model);
  return absent(facts, version);
}

}  // namespace defuse
