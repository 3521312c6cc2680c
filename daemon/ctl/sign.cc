// `defusectl sign` and `defusectl verify`: the manifest of a version's folder completed and signed, and checked as the
// daemon would. Needs no daemon. OpenSSL's command line makes the same signature; what this adds is the manifest.
#include <utility>

#include "config/config.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/sha256.h"
#include "core/registry/ed25519.h"
#include "core/registry/version_files.h"
#include "daemon/ctl/commands.h"
#include "daemon/local/signed_folder.h"

namespace defuse::ctl {
namespace {
namespace fs = std::filesystem;

// The folder and what it is to be called: by its place, or by the caller's word.
Result<Candidate> candidate_in(const SignedFolder& wanted) {
  std::error_code problem;
  const auto folder = fs::canonical(wanted.folder, problem);
  if (problem) return fail(ErrorCode::invalid_input, wanted.folder.string() + ": " + problem.message());
  auto version = wanted.version.empty() ? folder.filename().string() : wanted.version;
  auto model = wanted.model.empty() ? folder.parent_path().filename().string() : wanted.model;
  if (!is_valid_name(version))
    return fail(ErrorCode::invalid_input, version + " is no name of a version; say which it will be: --version");
  if (!is_valid_name(model))
    return fail(ErrorCode::invalid_input, model + " is no name of a model; say which it is: --model");
  auto read = local::read_version_folder(folder);
  if (!read) return tl::unexpected<Error>(std::move(read.error()));
  read->model = ModelName(std::move(model));
  read->version = Version(std::move(version));
  return read;
}

// Fills in what is missing. What is there already must be true: a manifest is somebody's word, and not ours to change.
Result<void> set_text(Json& object, const std::string& key, const std::string& value, bool& changed) {
  const auto found = object.find(key);
  if (found == object.end()) {
    object[key] = value;
    changed = true;
  } else if (!found->is_string() || found->get<std::string>() != value) {
    return fail(ErrorCode::invalid_input, "manifest.json says " + key + " " + dump_json(*found) + ", but it is \"" +
                                              value + "\"; repair or remove manifest.json first");
  }
  return {};
}

Result<std::string> manifest_of(const Candidate& candidate) {
  Json manifest = Json::object();
  if (!candidate.manifest.empty()) {
    TRY(present, parse_json(candidate.manifest, std::string(kManifestName)));
    if (!present.is_object()) return fail(ErrorCode::invalid_input, "manifest.json is no JSON object");
    manifest = std::move(present);
  }
  bool changed = candidate.manifest.empty();
  TRY_OK(set_text(manifest, "model", candidate.model, changed));
  TRY_OK(set_text(manifest, "version", candidate.version, changed));
  TRY_OK(set_text(manifest, "sha256", candidate.digest, changed));
  if (!candidate.labels_sha256.empty()) {
    if (!manifest.contains("files")) manifest["files"] = Json::object();
    if (!manifest["files"].is_object()) return fail(ErrorCode::invalid_input, "manifest.json: files is no JSON object");
    TRY_OK(set_text(manifest["files"], std::string(kLabelsName), candidate.labels_sha256, changed));
  }
  return changed ? dump_json(manifest, 2) + "\n" : candidate.manifest;
}

Json told(const Candidate& candidate, const SignatureView& view) {
  Json json{{"model", candidate.model}, {"version", candidate.version}, {"digest", candidate.digest}};
  json["signature"] = to_json(view);
  return json;
}

Result<SignatureSettings> keys_of(const VerifyRequest& request, const std::string& model) {
  SignatureSettings settings;
  if (!request.config.empty()) {
    TRY(config, load_config(request.config));
    if (!config.models.contains(model))
      return fail(ErrorCode::invalid_input, request.config.string() + " has no model " + model);
    settings = config.signature_of(model);
  }
  for (const auto& file : request.keys) {
    auto raw = read_public_key(file);
    if (!raw) return fail(ErrorCode::invalid_input, raw.error().message);
    settings.keys.push_back({file.filename().string(), file, std::move(*raw)});
  }
  if (settings.keys.empty())
    return fail(ErrorCode::invalid_input,
                "name the keys whose signatures count: --key FILE, or --config FILE with keys");
  settings.mode = SignatureMode::enforce;
  return settings;
}

}  // namespace

int sign(Console& console, const SignRequest& request) {
  const auto signed_folder = [&]() -> Result<Candidate> {
    TRY(candidate, candidate_in(request.of));
    TRY(manifest, manifest_of(candidate));
    TRY(signature, sign_ed25519(request.key, manifest));
    // The signature first: a manifest is what makes a version ready.
    TRY_OK(write_atomically(request.of.folder / kSignatureName, signature));
    if (manifest != candidate.manifest) TRY_OK(write_atomically(request.of.folder / kManifestName, manifest));
    return candidate;
  }();
  if (!signed_folder) return console.failed(signed_folder.error());
  if (console.json)
    console.print(
        Json{{"model", signed_folder->model}, {"version", signed_folder->version}, {"digest", signed_folder->digest}});
  else
    console.say("signed " + signed_folder->model + "/" + signed_folder->version + ", digest " +
                short_digest(signed_folder->digest));
  return kPass;
}

int verify(Console& console, const VerifyRequest& request) {
  const auto candidate = candidate_in(request.of);
  if (!candidate) return console.failed(candidate.error());
  const auto settings = keys_of(request, candidate->model);
  if (!settings) return console.failed(settings.error());
  const auto view = weigh_signature(check_signature(*candidate, *settings), *settings);
  if (console.json) {
    console.print(told(*candidate, view));
  } else {
    console.line(candidate->model + "/" + candidate->version + ": " + std::string(to_string(view.state)) +
                 (view.problem.empty() ? ", signed by " + view.key : ": " + view.problem));
  }
  return view.state == SignatureState::valid ? kPass : kFail;
}

}  // namespace defuse::ctl
