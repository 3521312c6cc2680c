// Which HTTP status says what. The only place that knows; used by the API handlers and by tests. Pure.
#pragma once
#include <optional>

#include "core/base/error.h"
#include "core/verdict/verdict.h"

namespace defuse {

int http_status(ErrorCode code);
// Of …/gate: 200 pass · 412 fail · 409 inconclusive · 422 error. Never 202: Flagger takes that for "go".
int gate_status(VerdictState state);
inline constexpr int kGateNotJudged = 503;
inline constexpr int kGateUnknown = 404;
const char* status_title(int status);

}  // namespace defuse
