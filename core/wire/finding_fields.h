// What of findings, verdicts and waivers travels as JSON. Descriptions (core/base/describe.h).
#pragma once
#include <array>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/verdict/verdict.h"
#include "core/wire/limits.h"

namespace defuse {

inline constexpr form::OneOf kDecisionName{
    std::array{Decision::ok, Decision::violation, Decision::undecided, Decision::error, Decision::note}};
inline constexpr form::OneOf kModeName{
    std::array{CheckMode::block, CheckMode::warn, CheckMode::shadow, CheckMode::off}};
inline constexpr form::OneOf kStateName{
    std::array{VerdictState::pass, VerdictState::fail, VerdictState::inconclusive, VerdictState::error}};

template <class V, Is<Finding> T>
void describe(V& v, T& s) {
  v.field("id", s.id);
  v.field("check", s.check);
  v.field("subject", s.subject);
  v.field("region", s.region);
  v.field("decision", s.decision, kDecisionName);
  v.field("value", s.value);
  v.field("incumbent_value", s.incumbent_value);
  v.field("limit", s.limit);
  v.field("lower", s.lower);
  v.field("upper", s.upper);
  v.field("n", s.n);
  v.field("p", s.p);
  v.field("p_adjusted", s.p_adjusted);
  v.field("sentence", s.sentence);
  v.field("waiver", s.waiver);
}

template <class V, Is<CheckResult> T>
void describe(V& v, T& s) {
  v.field("check", s.check);
  v.field("mode", s.mode, kModeName);
  v.field("state", s.state, kStateName);
  v.field("reason", s.reason);
  v.field("detectable", s.detectable);
  v.field("detectable_value", s.detectable_value);
  v.field("more_images", s.more_images);
  v.field("no_incumbent", s.no_incumbent);
  v.objects("findings", s.findings, limits::kFindings);
}

template <class V, Is<CheckOutcome> T>
void describe(V& v, T& s) {
  v.field("check", s.check);
  v.field("mode", s.mode, kModeName);
  v.field("state", s.state, kStateName);
  v.field("reason", s.reason);
}

template <class V, Is<Verdict> T>
void describe(V& v, T& s) {
  v.field("verdict", s.state, kStateName);
  // For shell scripts; a document where the two disagree was tampered with.
  v.repeats("ok", s.ok(), "does not agree with verdict");
  v.field("reason", s.reason);
  v.list("reasons", s.reasons, limits::kList);
  v.objects("checks", s.checks, limits::kChecks);
  v.objects("findings", s.findings, limits::kFindings * limits::kChecks);
  v.list("warnings", s.warnings, limits::kList);
}

template <class V, Is<Waiver> T>
void describe(V& v, T& s) {
  v.field("id", s.id);
  v.field("model", s.model);
  v.field("finding", s.finding);
  v.list("versions", s.versions, limits::kList);
  v.field("reason", s.reason);
  v.field("ticket", s.ticket);
  v.field("approved_by", s.approved_by);
  v.field("created", s.created);
  v.field("expires", s.expires);
}

}  // namespace defuse
