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

}  // namespace defuse
