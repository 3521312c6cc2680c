#include "core/registry/signature.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/ascii.h"
#include "core/base/sha256.h"
#include "core/registry/candidate.h"
#include "core/registry/ed25519.h"
#include "core/registry/version_files.h"

namespace defuse {
namespace {

constexpr std::array<std::pair<SignatureState, std::string_view>, 5> kStates{{{SignatureState::unchecked, "unchecked"},
                                                                              {SignatureState::missing, "missing"},
                                                                              {SignatureState::invalid, "invalid"},
                                                                              {SignatureState::untrusted, "untrusted"},
                                                                              {SignatureState::valid, "valid"}}};

std::string fingerprint_of_keys(const SignatureSettings& settings) {
  std::vector<std::string> raw;
  for (const auto& key : settings.keys) raw.push_back(key.raw);
  std::sort(raw.begin(), raw.end());
  Sha256 hash;
  for (const auto& key : raw) hash.field(key);
  return hash.hex();
}

std::string names_of(const std::vector<SigningKey>& keys) {
  std::string names;
  for (const auto& key : keys) names += (names.empty() ? "" : ", ") + key.name;
  return names;
}

// The text of a key of a JSON object; empty if it is absent or no text.
std::string text_at(const Json& object, const std::string& key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Where a signed manifest is not about this version, or does not bind all of it; empty if it does.
std::string problem_with_manifest(const Candidate& candidate) {
  const auto json = parse_json(candidate.manifest, std::string(kManifestName));
  if (!json || !json->is_object()) return "manifest.json is no JSON object";
  const auto about = [&](const char* key, const std::string& wanted) -> std::string {
    const auto said = text_at(*json, key);
    if (said == wanted) return {};
    if (said.empty())
      return std::string("the signed manifest.json names no ") + key + " (it must be \"" + wanted + "\")";
    return std::string("the signed manifest.json is of ") + key + " " + said.substr(0, 200) + ", not " + wanted;
  };
  if (auto problem = about("model", candidate.model); !problem.empty()) return problem;
  if (auto problem = about("version", candidate.version); !problem.empty()) return problem;
  const auto digest = lower_ascii(text_at(*json, "sha256"));
  if (digest != candidate.digest)
    return digest.empty() ? std::string("the signed manifest.json names no sha256 of model.pt")
                          : "the signed manifest.json promises another model.pt: sha256 " + digest.substr(0, 64) +
                                ", not " + candidate.digest;
  const auto files = json->find("files");
  const auto labels = files == json->end() ? std::string() : lower_ascii(text_at(*files, std::string(kLabelsName)));
  if (labels == candidate.labels_sha256) return {};
  if (labels.empty())
    return "labels.txt lies beside model.pt, but the signed manifest.json names no files.\"labels.txt\"";
  if (candidate.labels_sha256.empty()) return "labels.txt, which the signed manifest.json names, is missing";
  return "labels.txt is another one than the signed manifest.json names: sha256 " + labels.substr(0, 64) + ", not " +
         candidate.labels_sha256;
}

}  // namespace

std::string_view to_string(SignatureMode mode) {
  switch (mode) {
    case SignatureMode::off:
      return "off";
    case SignatureMode::warn:
      return "warn";
    case SignatureMode::enforce:
      return "enforce";
  }
  return "off";
}

std::string_view to_string(SignatureState state) {
  for (const auto& [known, word] : kStates)
    if (known == state) return word;
  return "unchecked";
}

Result<SignatureState> signature_state_from(std::string_view text) {
  for (const auto& [state, word] : kStates)
    if (word == text) return state;
  return fail(ErrorCode::invalid_input, "no such state of a signature: '" + std::string(text) + "'");
}

SignatureRecord check_signature(const Candidate& candidate, const SignatureSettings& settings) {
  if (settings.mode == SignatureMode::off) return {};
  SignatureRecord record;
  record.keys = fingerprint_of_keys(settings);
  const auto found = [&](SignatureState state, std::string problem) {
    record.state = state;
    record.problem = std::move(problem);
    return record;
  };
  if (candidate.manifest.empty())
    return found(SignatureState::missing, "there is no manifest.json that could be signed");
  if (!candidate.signature_problem.empty()) return found(SignatureState::invalid, candidate.signature_problem);
  if (candidate.manifest_signature.empty())
    return found(SignatureState::missing, "manifest.json is not signed: there is no manifest.json.sig");
  const auto signature = parse_signature(candidate.manifest_signature);
  if (!signature) return found(SignatureState::invalid, "manifest.json.sig " + signature.error().message);
  const auto signer = std::find_if(settings.keys.begin(), settings.keys.end(), [&](const SigningKey& key) {
    return verify_ed25519(key.raw, candidate.manifest, *signature);
  });
  if (signer == settings.keys.end())
    return found(SignatureState::untrusted, "manifest.json.sig was made by none of the configured keys (" +
                                                names_of(settings.keys) +
                                                "), or manifest.json was changed after it was signed");
  record.key = sha256_hex(signer->raw);
  record.key_name = signer->name;
  auto problem = problem_with_manifest(candidate);
  return problem.empty() ? found(SignatureState::valid, {}) : found(SignatureState::invalid, std::move(problem));
}

bool needs_check(const SignatureRecord& record, const SignatureSettings& settings) {
  if (settings.mode == SignatureMode::off) return false;
  if (record.state == SignatureState::unchecked) return true;
  return record.state == SignatureState::untrusted && record.keys != fingerprint_of_keys(settings);
}

SignatureView weigh_signature(const SignatureRecord& record, const SignatureSettings& settings) {
  SignatureView view;
  view.mode = settings.mode;
  if (settings.mode == SignatureMode::off) return view;
  view.state = record.state;
  view.key = record.key_name;
  view.problem = record.problem;
  view.pending = needs_check(record, settings);
  if (record.state == SignatureState::unchecked) view.problem = "its signature has not been checked yet";
  if (record.key.empty()) return view;
  const auto known = std::find_if(settings.keys.begin(), settings.keys.end(),
                                  [&](const SigningKey& key) { return sha256_hex(key.raw) == record.key; });
  if (known != settings.keys.end()) {
    view.key = known->name;
  } else if (record.state == SignatureState::valid) {
    view.state = SignatureState::untrusted;
    view.problem = "it was signed by key " + record.key_name + ", which is no longer configured";
  }
  return view;
}

Json to_json(const SignatureView& view) {
  const auto text = [](const std::string& value) { return value.empty() ? Json(nullptr) : Json(value); };
  return {{"mode", to_string(view.mode)},
          {"state", to_string(view.state)},
          {"key", text(view.key)},
          {"problem", text(view.problem)}};
}

}  // namespace defuse
