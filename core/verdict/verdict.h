// Findings, what checks conclude from them, and the verdict. Plain values with a strict JSON form (verdict_json.h).
// `decide` is the only place where a verdict comes to be: a pure function of check results, policy, waivers and the
// time.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/names.h"
#include "core/settings/settings.h"

namespace defuse {

enum class VerdictState { pass, fail, inconclusive, error };
std::string_view to_string(VerdictState state);
Result<VerdictState> verdict_state_from(std::string_view text);
// The one that counts when both hold: fail, then error, inconclusive, pass. A confirmed harm is known, whatever else is
// not.
int severity(VerdictState state);  // 3, 2, 1, 0
VerdictState worse(VerdictState one, VerdictState two);

enum class Decision {
  ok,         // harm bounded within the limit
  violation,  // confident that harm exceeds the limit
  undecided,  // evidence too thin for either
  error,      // could not be measured
  note,       // worth telling, never counted
};
std::string_view to_string(Decision decision);
Result<Decision> decision_from(std::string_view text);
// What one finding alone would make of its check.
VerdictState state_of(Decision decision);

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // "does not apply"; null in JSON

struct Finding {
  std::string id;  // fingerprint, stable across releases: "negative_flips/class/7", "misclassification_regions/r-…"
  std::string check;
  std::string subject;  // "overall", "class 7", "region r-…"
  RegionId region;      // or empty
  Decision decision = Decision::note;
  double value = kNone;
  double incumbent_value = kNone;
  double limit = kNone;
  double lower = kNone;  // interval of value (or of the difference the sentence speaks of)
  double upper = kNone;
  std::int64_t n = 0;  // independent observations behind it
  double p = kNone;
  double p_adjusted = kNone;
  std::string sentence;  // one sentence for a person, complete in itself
  std::string waiver;    // id of the waiver that covers it; set by decide() only
};

// What one check concludes. `state` is before waivers and modes.
struct CheckResult {
  std::string check;
  CheckMode mode = CheckMode::block;
  VerdictState state = VerdictState::error;
  std::string reason;      // one sentence
  std::string detectable;  // "a drop of 0.8 points would have been seen with 80 % power"; empty if it does not apply
  double detectable_value = kNone;
  std::int64_t more_images = 0;  // for inconclusive: how many more test images would do; 0 = unknown or none
  bool no_incumbent = false;     // inconclusive only because the model line has no incumbent yet
  std::vector<Finding> findings;
};

// A dated, reasoned exception for one finding or region, on one model, and on named versions or all of them.
struct Waiver {
  std::string id;
  ModelName model;
  std::string finding;                // finding id, or a region id; no wildcards
  std::vector<std::string> versions;  // empty = every version of the model
  std::string reason;
  std::string ticket;
  std::string approved_by;
  TimePoint created;
  TimePoint expires;
};

struct Policy {
  Bootstrap bootstrap = Bootstrap::inconclusive;
  bool has_incumbent = false;
  std::vector<std::string> required;  // blocking checks that must have a result; a missing one is `error`
};

struct CheckOutcome {
  std::string check;
  CheckMode mode = CheckMode::block;
  VerdictState state = VerdictState::error;  // after waivers
  std::string reason;
};

struct Verdict {
  VerdictState state = VerdictState::error;
  std::string reason;                // the first thing a person should read
  std::vector<std::string> reasons;  // all of them, most important first
  std::vector<CheckOutcome> checks;
  std::vector<Finding> findings;      // of every check, waivers filled in
  std::vector<std::string> warnings;  // unused or expired waivers, results of `warn` checks, shadow results
  bool ok() const { return state == VerdictState::pass; }
};

// Rules, in order: a violation without a live waiver in a blocking check is fail; else a blocking check in error, or
// missing, is error; else an inconclusive one is inconclusive; else pass. A waiver covers violations only: it never
// turns error or missing evidence into pass. An expired waiver covers nothing and is named. No check at all is error,
// never pass.
Verdict decide(const ModelName& model, const Version& version, const std::vector<CheckResult>& results,
               const Policy& policy, const std::vector<Waiver>& waivers, TimePoint now);

}  // namespace defuse
