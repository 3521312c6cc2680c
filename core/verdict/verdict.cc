#include "core/verdict/verdict.h"

#include <array>

namespace defuse {

std::string_view to_string(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "pass";
    case VerdictState::fail:
      return "fail";
    case VerdictState::inconclusive:
      return "inconclusive";
    case VerdictState::error:
      return "error";
  }
  return "error";
}

Result<VerdictState> verdict_state_from(std::string_view text) {
  static constexpr std::array kAll = {VerdictState::pass, VerdictState::fail, VerdictState::inconclusive,
                                      VerdictState::error};
  for (const auto state : kAll)
    if (to_string(state) == text) return state;
  return fail(ErrorCode::invalid_input,
              "no such verdict: '" + std::string(text) + "' (expected pass, fail, inconclusive or error)");
}

std::string_view to_string(Decision decision) {
  switch (decision) {
    case Decision::ok:
      return "ok";
    case Decision::violation:
      return "violation";
    case Decision::undecided:
      return "undecided";
    case Decision::error:
      return "error";
    case Decision::note:
      return "note";
  }
  return "error";
}

Result<Decision> decision_from(std::string_view text) {
  static constexpr std::array kAll = {Decision::ok, Decision::violation, Decision::undecided, Decision::error,
                                      Decision::note};
  for (const auto decision : kAll)
    if (to_string(decision) == text) return decision;
  return fail(ErrorCode::invalid_input,
              "no such decision: '" + std::string(text) + "' (expected ok, violation, undecided, error or note)");
}

int severity(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return 0;
    case VerdictState::inconclusive:
      return 1;
    case VerdictState::error:
      return 2;
    case VerdictState::fail:
      return 3;
  }
  return 2;
}

VerdictState worse(VerdictState one, VerdictState two) { return severity(one) >= severity(two) ? one : two; }

VerdictState state_of(Decision decision) {
  switch (decision) {
    case Decision::violation:
      return VerdictState::fail;
    case Decision::error:
      return VerdictState::error;
    case Decision::undecided:
      return VerdictState::inconclusive;
    case Decision::ok:
    case Decision::note:
      return VerdictState::pass;
  }
  return VerdictState::error;
}

}  // namespace defuse
