// Short ways to write check results and waivers in the tests of decide().
#pragma once
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/verdict/verdict.h"

namespace defuse {

inline const TimePoint kNow = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 6 / 15}};

inline Finding finding(std::string id, Decision decision, std::string region = {}) {
  Finding f;
  f.id = std::move(id);
  f.check = f.id.substr(0, f.id.find('/'));
  f.decision = decision;
  f.region = RegionId(std::move(region));
  f.sentence = "sentence of " + f.id;
  return f;
}

// A result whose state is what its findings say.
inline CheckResult result(std::string check, std::vector<Finding> findings, CheckMode mode = CheckMode::block) {
  CheckResult r;
  r.check = std::move(check);
  r.mode = mode;
  r.state = VerdictState::pass;
  for (const auto& f : findings) {
    if (f.decision == Decision::undecided && r.state == VerdictState::pass) r.state = VerdictState::inconclusive;
    if (f.decision == Decision::error && r.state != VerdictState::fail) r.state = VerdictState::error;
    if (f.decision == Decision::violation) r.state = VerdictState::fail;
  }
  r.reason = "reason of " + r.check;
  r.findings = std::move(findings);
  return r;
}

inline CheckResult passing(const std::string& check, CheckMode mode = CheckMode::block) {
  return result(check, {finding(check + "/overall", Decision::ok)}, mode);
}
inline CheckResult with(const std::string& check, Decision decision, CheckMode mode = CheckMode::block) {
  return result(check, {finding(check + "/overall", decision)}, mode);
}
// What a check that compares says when the model line has no incumbent.
inline CheckResult without_incumbent(const std::string& check) {
  CheckResult r;
  r.check = check;
  r.state = VerdictState::inconclusive;
  r.no_incumbent = true;
  r.reason = "there is no incumbent yet";
  return r;
}

inline Waiver waiver(std::string id, std::string covers, TimePoint expires = kNow + std::chrono::hours{24}) {
  Waiver w;
  w.id = std::move(id);
  w.model = "digits";
  w.finding = std::move(covers);
  w.reason = "known and accepted";
  w.approved_by = "ada";
  w.created = kNow - std::chrono::hours{240};
  w.expires = expires;
  return w;
}

inline Policy with_incumbent(std::vector<std::string> required = {}) {
  return {.bootstrap = Bootstrap::inconclusive, .has_incumbent = true, .required = std::move(required)};
}

inline Verdict decided(const std::vector<CheckResult>& results, const Policy& policy = with_incumbent(),
                       const std::vector<Waiver>& waivers = {}) {
  return decide(ModelName("digits"), Version("8"), results, policy, waivers, kNow);
}

inline bool mentions(const std::vector<std::string>& lines, const std::string& text) {
  for (const auto& line : lines)
    if (line.find(text) != std::string::npos) return true;
  return false;
}

}  // namespace defuse
