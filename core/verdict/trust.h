// Whether anything may rest on an artifact, where signatures are enforced. Pure.
#pragma once
#include <optional>
#include <string>

#include "core/registry/signature.h"
#include "core/verdict/records.h"

namespace defuse {

// Why nothing may rest on this artifact of the line, which may have left the registry.
struct Distrust {
  std::string problem;   // "2, which is not signed as it must be (…)"; empty if all is well
  bool pending = false;  // it lies in the registry and its signature will be looked at soon
};

// `record` is what is known of the artifact; none if it was never seen. Only where signatures are enforced is there
// ever a reason.
Distrust distrust(const SignatureSettings& settings, const Version& version, const std::optional<VersionRow>& record);

}  // namespace defuse
