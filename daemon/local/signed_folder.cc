#include "daemon/local/signed_folder.h"

#include <utility>

#include "config/config.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/registry/identify.h"
#include "core/registry/version_files.h"

namespace defuse::local {
namespace fs = std::filesystem;

Result<Candidate> read_version_folder(const fs::path& folder) {
  auto files = list_version_files(folder);
  if (!files) return fail(ErrorCode::invalid_input, files.error().message);
  RegistryEntry entry;
  entry.model = ModelName(folder.parent_path().filename().string());
  entry.version = Version(folder.filename().string());
  entry.artifact = folder / kArtifactName;
  entry.state = EntryState::ready;
  entry.fingerprint = fingerprint_of(*files);
  return identify(entry, SystemClock());
}

Result<SignatureView> vouched_for(const GateRequest& request, const JobSpec& job) {
  TRY(config, load_config(request.config));
  const auto& settings = config.signature_of(request.model);
  if (settings.mode == SignatureMode::off) return SignatureView{};
  const auto look = [&](const ArtifactRef& artifact, const std::string& what) -> Result<SignatureView> {
    Candidate candidate;
    if (artifact.path.filename() == kArtifactName) {
      TRY(read, read_version_folder(artifact.path.parent_path()));
      candidate = std::move(read);
    }
    candidate.model = ModelName(request.model);
    const auto manifest = parse_json(candidate.manifest, std::string(kManifestName));
    if (manifest && manifest->is_object() && manifest->contains("version") && manifest->at("version").is_string())
      candidate.version = Version(manifest->at("version").get<std::string>());
    candidate.digest = artifact.digest;  // of the bytes that the worker will be told to load
    const auto view = weigh_signature(check_signature(candidate, settings), settings);
    if (view.refused())
      return fail(ErrorCode::corrupt, "signatures are enforced, and the " + what + " " + artifact.path.string() +
                                          " is not signed as it must be: " + view.problem);
    return view;
  };
  if (job.incumbent) TRY_OK(look(*job.incumbent, "incumbent"));
  for (const auto& sibling : job.siblings)
    if (sibling.problem.empty()) TRY_OK(look({sibling.version, sibling.digest, sibling.path}, "sibling"));
  return look(job.candidate, "candidate");
}

}  // namespace defuse::local
