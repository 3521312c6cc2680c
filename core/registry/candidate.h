// A version that is ready to be judged. Made by the registry watch once an artifact stands still and its digest is
// known; every later station refers to it by model, version and digest. Plain value.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/names.h"
#include "core/registry/signature.h"

namespace defuse {

struct Candidate {
  ModelName model;
  Version version;
  Digest digest;                    // SHA-256 of the artifact, lower-case hex
  std::filesystem::path artifact;   // <root>/<model>/<version>/model.pt, resolved
  std::vector<std::string> labels;  // class names from labels.txt; empty if there is none
  std::string manifest;             // manifest.json as found (size-limited); empty if there is none
  TimePoint seen_at;
  std::string manifest_signature = {};  // manifest.json.sig as found; empty if there is none
  std::string signature_problem = {};   // why that file cannot be read; empty if it can, or if there is none
  std::string labels_sha256 = {};       // of labels.txt; empty if there is none
  SignatureRecord signature = {};       // what the daemon made of all that
};

}  // namespace defuse
