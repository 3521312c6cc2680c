// Who vouches for a version: a detached Ed25519 signature over the exact bytes of manifest.json, in manifest.json.sig.
// The manifest binds all that a gate goes by: the artifact (`sha256`), the place it was made for (`model`, `version`),
// so that it cannot be replayed elsewhere, and labels.txt (`files`), which decides what the outputs mean. The daemon
// checks once, when a version is identified, keeps what it found (SignatureRecord) and weighs that against the
// configuration of the moment (weigh_signature), so that a key that is taken away counts no more at once. Pure;
// thread-safe.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace defuse {

struct Candidate;

enum class SignatureMode { off, warn, enforce };
std::string_view to_string(SignatureMode mode);

struct SigningKey {
  std::string name;            // as people know it: "release-ci"
  std::filesystem::path file;  // public key, PEM
  std::string raw;             // its 32 bytes
};

struct SignatureSettings {
  SignatureMode mode = SignatureMode::off;
  std::vector<SigningKey> keys;
};

enum class SignatureState {
  unchecked,  // nobody looked: `off`, or not yet
  missing,    // no manifest, or no signature of it
  invalid,    // no signature at all, or one of a manifest that is about something else
  untrusted,  // made by none of the keys, or the manifest changed after it was signed
  valid,
};
std::string_view to_string(SignatureState state);
Result<SignatureState> signature_state_from(std::string_view text);

// What was found when the version was identified.
struct SignatureRecord {
  SignatureState state = SignatureState::unchecked;
  std::string key;       // fingerprint of the key that made it; empty if none of ours did
  std::string key_name;  // what it was called then
  std::string problem;   // for people; empty if valid or unchecked
  std::string keys;      // fingerprint of the set of keys that were tried
  bool operator==(const SignatureRecord&) const = default;
};
SignatureRecord check_signature(const Candidate& candidate, const SignatureSettings& settings);

// Whether looking again could give another answer: never checked, or keys came that were not tried.
bool needs_check(const SignatureRecord& record, const SignatureSettings& settings);

// What the record means under the configuration of the moment.
struct SignatureView {
  SignatureMode mode = SignatureMode::off;
  SignatureState state = SignatureState::unchecked;  // untrusted as well for a key that is no longer configured
  std::string key;                                   // name of the key; empty if there is none
  std::string problem;                               // empty if valid, or if nobody asks (`off`)
  bool pending = false;                              // it will be looked at (again) soon
  // Must not be judged, must not be promoted, and a verdict given before does not count.
  bool refused() const { return mode == SignatureMode::enforce && state != SignatureState::valid; }
};
SignatureView weigh_signature(const SignatureRecord& record, const SignatureSettings& settings);
Json to_json(const SignatureView& view);

}  // namespace defuse
