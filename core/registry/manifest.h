// manifest.json, which may lie beside an artifact. Only `sha256` concerns the registry; the rest is kept as text for
// whoever reads it later. Never trusted: size-limited, never followed. Stateless; thread-safe.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace defuse {

struct Manifest {
  std::string text;                   // as found
  std::optional<std::string> sha256;  // of model.pt, lower-case hex
};

// `exhausted` beyond 1 MiB; `invalid_input` for what is no JSON object, or promises something that is no SHA-256.
Result<Manifest> read_manifest(const std::filesystem::path& file);

}  // namespace defuse
