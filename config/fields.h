// Every key of the configuration that only the daemon acts on, once; those that a worker hears of are in
// core/settings/fields.h. Three visitors walk through these descriptions: Decoder (decode.h) reads, DocumentWriter
// writes back, SchemaWriter (schema.h) makes the JSON Schema.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

#include "config/config.h"
#include "config/listen.h"
#include "core/base/describe.h"
#include "core/registry/ed25519.h"
#include "core/settings/fields.h"
#include "core/settings/text_forms.h"

namespace defuse {

inline constexpr Choice<Readiness, 4> kReadiness{{{{"auto", Readiness::automatic},
                                                   {"marker", Readiness::marker},
                                                   {"manifest", Readiness::manifest},
                                                   {"settle", Readiness::settle}}}};
inline constexpr Choice<SignatureMode, 3> kSignatureMode{
    {{{"off", SignatureMode::off}, {"warn", SignatureMode::warn}, {"enforce", SignatureMode::enforce}}}};

inline Choice<std::string, 1> api_version() { return {{{{"defused/v1", "defused/v1"}}}}; }
inline Choice<std::string, 5> log_levels() {
  return {{{{"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}}}};
}
template <class V, Is<RegistrySettings> T>
void describe(V& v, T& s) {
  v.field("path", s.path, Path{}, "root folder, <model>/<version>/model.pt", Need::required);
  v.field("readiness", s.readiness, kReadiness, "how a version shows that it has been copied completely");
  v.field("settle", s.settle, Duration<std::chrono::milliseconds>{0ms, 1h},
          "unchanged for this long counts as complete");
  v.field("rescan", s.rescan, Duration<std::chrono::milliseconds>{100ms, kDay}, "full listing beside change notices");
}

template <class V, Is<HttpSettings> T>
void describe(V& v, T& s) {
  Address address{s.host, s.port};
  v.field("listen", address, Listen{}, "address and port; port 0 takes any free one");
  if constexpr (!std::is_const_v<T>) {
    s.host = address.host;
    s.port = address.port;
  }
  v.field("certificate", s.certificate, Path{}, "PEM file with the certificate and its chain; turns TLS on");
  v.field("key", s.key, Path{}, "PEM file with the certificate's key; without it the key is in the certificate's file");
  v.field("max_waiver", s.max_waiver, Duration<std::chrono::hours>{1h, 3650 * kDay}, "longest time a waiver may run");
  v.check(is_loopback(s.host) || !s.certificate.empty(), "listen",
          "may be reached from other machines, so http.certificate is needed (or listen on 127.0.0.1)");
  v.check(s.key.empty() || !s.certificate.empty(), "key", "belongs to http.certificate, which is not given");
}

template <class V, Is<CacheSettings> T>
void describe(V& v, T& s) {
  v.field("size", s.size, Size{64ULL << 20}, "disk that results of stations may take; the longest unused goes first");
}

inline constexpr std::size_t kMostSigningKeys = 20;

// The key is read here, so that one that is missing or of another kind is a mistake of the file, with its position.
template <class V, Is<SigningKey> T>
void describe(V& v, T& s) {
  v.field("name", s.name, Text{}, "as people know it", Need::required);
  v.field("file", s.file, Path{}, "public key, Ed25519, PEM", Need::required);
  if constexpr (!std::is_const_v<T>) {
    if (s.file.empty() || !s.raw.empty()) return;
    auto raw = read_public_key(s.file);
    if (raw) s.raw = std::move(*raw);
    v.check(!s.raw.empty(), "file", raw ? "" : "cannot be used: " + raw.error().message);
  }
}

template <class V, Is<SignatureSettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kSignatureMode,
          "off: nobody looks; warn: what is wrong is reported; enforce: such a version is not judged and not promoted");
  v.objects("keys", s.keys, "whose signatures count");
  v.check(s.mode == SignatureMode::off || !s.keys.empty(), "keys",
          "names no key: mode " + std::string(to_string(s.mode)) + " needs one whose signatures count");
  v.check(s.keys.size() <= kMostSigningKeys, "keys", "names more than " + std::to_string(kMostSigningKeys) + " keys");
  std::vector<std::string> names;
  for (const auto& key : s.keys) names.push_back(key.name);
  std::sort(names.begin(), names.end());
  v.check(std::adjacent_find(names.begin(), names.end()) == names.end(), "keys", "names two keys alike");
}

template <class V, Is<ModelLine> T>
void describe(V& v, T& s) {
  describe(v, static_cast<std::conditional_t<std::is_const_v<T>, const ModelSettings, ModelSettings>&>(s));
  v.object("signature", s.signature, "in place of the top-level signature");
}

template <class V, Is<Config> T>
void describe(V& v, T& s) {
  std::string version = "defused/v1";
  v.field("api_version", version, api_version(), "of this file's format", Need::required);
  v.field("state_dir", s.state_dir, Path{}, "database, cache, verdicts and blobs");
  v.field("log_level", s.log_level, log_levels(), "what is written to the journal");
  v.object("registry", s.registry, "where versions appear", Need::required);
  v.object("http", s.http, "API and dashboard");
  v.object("worker", s.worker, "limits of the process that runs one job");
  v.object("cache", s.cache, "results of stations, kept to save time");
  v.field("alpha", s.alpha, Fraction{{0, 0.5, Lower::exclusive}}, "chance that two equally good models are told apart");
  v.field("seed", s.seed, Whole<std::uint64_t>{0}, "of everything random");
  v.object("signature", s.signature, "who vouches for versions");
  ModelLine prototype;
  prototype.signature = s.signature;
  prototype.alpha = s.alpha;
  prototype.seed = s.seed;
  v.map("models", s.models, prototype, "model lines by name, as in the registry");
}

}  // namespace defuse
