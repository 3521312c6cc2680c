// Which HTTP status says what. The only place that knows; used by the API handlers and by tests. Pure.
#pragma once
#include "core/base/error.h"
#include "core/verdict/standing.h"

namespace defuse {

int http_status(ErrorCode code);
// Of …/gate: 200 pass · 412 fail · 409 inconclusive · 422 error. Never 202: Flagger takes that for "go".
// 503 while not judged yet, 404 where there is no such version.
int gate_status(GateAnswer answer);
const char* status_title(int status);

}  // namespace defuse
