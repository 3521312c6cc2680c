// The HTTP API and the dashboard as one pure function: request in, response out. The server's handler threads call it,
// tests and the fuzzer too. It never touches a socket. Thread-safe.
//
//   GET    /livez  /readyz  /healthz  /metrics                                  health, Prometheus text
//   GET    /v1/models   /v1/models/{model}   /v1/models/{model}/versions        what there is
//   GET    /v1/models/{model}/versions/{version}                                one version
//   GET    …/versions/{version}/verdict                                         verdict with its findings
//   GET    …/versions/{version}/gate (also POST)                                the status is the answer
//   GET    …/versions/{version}/report?format=json|html|markdown|junit|sarif    the report
//   GET    …/versions/{version}/{picture}.png                                   a picture, as the HTML report names it
//   POST   …/versions/{version}/evaluate   …/promote                            [operate]
//   POST   /v1/models/{model}/rollback                                          [operate]
//   GET    /v1/models/{model}/regions   /v1/regions/{region}   /v1/regions/{region}/samples/{n}.png
//          /v1/regions/{region}/nearest/{n}.png                                a real image near the region
//   PUT    /v1/regions/{region}/label                                           [operate]
//   GET    /v1/waivers    POST /v1/waivers    DELETE /v1/waivers/{waiver}       [operate for the last two]
//   GET    /v1/jobs   /v1/jobs/{job}    DELETE /v1/jobs/{job}                   [operate for the last]
//   POST   …/versions/{version}/correct                                         [operate] tunes it; a job
//   GET    /v1/jobs/{job}/correction   …/correction.svg   …/correction/manifest.json   …/correction/model.pt [operate]
//   GET    /v1/events   /v1/audit   /v1/openapi.json
//   GET    /   /models/{model}   /models/{model}/versions/{version}   /models/{model}/regions   /models/{model}/queue
//   GET    /regions/{region}   /queue   /jobs   /waivers   /waivers/new   /corrections/{job}   /audit   the dashboard
//   GET    /assets/dashboard.css   /assets/icon.svg   /assets/dashboard.js   /assets/{script}.js
//
// Every JSON root is an object with every field present, null for none. Errors are application/problem+json.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "daemon/api/api.h"
#include "daemon/api/read_model.h"
#include "daemon/state/tokens.h"

namespace defuse {

ApiResponse handle(const ApiRequest& request, ReadModel& read, Actions& actions, const TokenBook& tokens);

// method, pattern; for the test that holds openapi.json to the routes.
std::vector<std::pair<std::string, std::string>> api_routes();

}  // namespace defuse
