// What a worker says on its standard output while it runs, a line each. The model runs in that process and may print
// what it likes, so anything else is nothing. Called by the supervisor; pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace defuse {

struct WorkerLine {
  std::string station{};  // empty for an error
  double fraction = 0;    // [0, 1]
  std::optional<Error> error{};
};

// {"station":"evaluate","progress":0.4} or {"error":{"code":"corrupt","message":"…"}}
std::optional<WorkerLine> parse_worker_line(std::string_view line);

}  // namespace defuse
