// Where a version stands: the one answer behind …/gate, …/verdict, the version lists, the verdict files and the
// dashboard, so that they never disagree. A stored verdict counts only while it still speaks of the present world: same
// digest at the path, same incumbent as now, nothing being written in its place, no newer job under way, waivers still
// live, and, where signatures are enforced, it and what it was compared with are signed by a key that still counts.
// Anything else is "not ok" with a reason. Pure: daemon/api/standing_lookup.h gathers what it is told.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/names.h"
#include "core/registry/source.h"
#include "core/verdict/records.h"
#include "core/verdict/verdict.h"

namespace defuse {

// What the gate says; HTTP has a status for each (daemon/api/status_map.h).
enum class GateAnswer { pass, fail, inconclusive, error, not_judged, unknown };
GateAnswer gate_answer(VerdictState state);

struct Standing {
  enum class Kind {
    unknown,     // no such version, or one that is gone or no longer watched
    settling,    // seen, not complete yet, or being written again
    not_judged,  // queued, running, being judged again, or cancelled
    judged,
  };
  Kind kind = Kind::unknown;
  GateAnswer answer = GateAnswer::unknown;
  std::optional<VerdictState> verdict;  // what counts now; none before judgement
  std::string reason = "the answer could not be worked out";
  bool stale = false;  // judged against another incumbent than the present one
  std::optional<VersionRow> row;
  std::optional<VerdictRow> judged;  // the latest verdict on record for this digest, whether it counts or not
  std::optional<JobRow> job;         // the latest job for this digest
  bool is_incumbent = false;
  SignatureView signature;  // of this version, by the keys that count now
  bool ok() const { return verdict == VerdictState::pass; }
};

// What the last look at the registry said.
struct RegistryView {
  bool read = false;                     // it was, at least once
  std::string problem;                   // empty while it can be read
  std::vector<RegistryEntry> not_ready;  // settling or refused versions
};

// What all versions of a model share.
struct ModelFacts {
  ModelName model;
  bool watched = false;  // named by the configuration
  bool known = false;    // watched, or there are records of it
  std::optional<PromotionRow> incumbent;
  std::map<std::string, Waiver> waivers;  // by id
  RegistryView registry;
  TimePoint now;
  SignatureSettings signature;
};

// What is on record of one version.
struct VersionFacts {
  VersionRow row;
  std::optional<JobRow> job;                // the latest of its digest
  std::optional<VerdictRow> judged;         // the latest of its digest
  std::optional<VersionRow> compared_with;  // of that verdict; needed only where signatures are enforced
};

Standing standing_of(const ModelFacts& facts, VersionFacts version);
// Of a version that there is no record of; `version` may be anything.
Standing standing_without_record(const ModelFacts& facts, const Version& version);

// Does this verdict still count? Fills everything but row and job.
Standing weigh(const ModelFacts& facts, const VersionRow& row, const VerdictRow& judged);

// "3", or "digest 1a2b3c4d5e6f" where the name is not known, or "no incumbent".
std::string name_incumbent(const Version& version, const Digest& digest);

}  // namespace defuse
