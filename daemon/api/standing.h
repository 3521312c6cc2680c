// Where a version stands: the one answer behind …/gate, …/verdict, the version lists and the dashboard, so that they
// never disagree. A stored verdict counts only while it still speaks of the present world: same digest at the path,
// same incumbent as now, nothing being written in its place, no newer job under way, waivers still live, and, where
// signatures are enforced, it and what it was compared with are signed by a key that still counts. Anything else
// is "not ok" with a reason. Only reads; one call, one thread.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/api/read_model.h"

namespace defuse {

struct Standing {
  enum class Kind {
    unknown,     // no such version, or one that is gone or no longer watched
    settling,    // seen, not complete yet, or being written again
    not_judged,  // queued, running, being judged again, or cancelled
    judged,
  };
  Kind kind = Kind::unknown;
  int status = 500;                     // what …/gate answers
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

// What all versions of a model share, read once per request.
struct ModelFacts {
  std::string model;
  bool watched = false;  // named by the configuration
  bool known = false;    // watched, or the store has versions of it
  std::optional<PromotionRow> incumbent;
  std::map<std::string, Waiver> waivers;  // by id
  DaemonStatus daemon;
  TimePoint now;
  SignatureSettings signature;
};
Result<ModelFacts> model_facts(const std::string& model, const ReadModel& read, Store& store);

Result<Standing> standing_of(const ModelFacts& facts, const VersionRow& row, Store& store);
// `version` may be anything; it need not exist.
Result<Standing> standing_of(const ModelFacts& facts, const std::string& version, Store& store);

// Why nothing may rest on this artifact of the line, which may have left the registry. Only where signatures are
// enforced is there ever a reason.
struct Distrust {
  std::string problem;   // "2, which is not signed as it must be (…)"; empty if all is well
  bool pending = false;  // it lies in the registry and its signature will be looked at soon
};
Result<Distrust> distrust(Store& store, const SignatureSettings& settings, const std::string& model,
                          const std::string& version, const std::string& digest);

// Pure: does this verdict still count? Fills everything but row and job.
Standing weigh(const ModelFacts& facts, const VersionRow& row, const VerdictRow& judged);

// "3", or "digest 1a2b3c4d5e6f" where the name is not known, or "no incumbent".
std::string name_incumbent(const std::string& version, const std::string& digest);

}  // namespace defuse
