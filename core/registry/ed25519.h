// Ed25519 (RFC 8032) by OpenSSL, over whole messages: what signature.h and `defusectl sign` are made of. Keys are PEM,
// as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them. Leaves nothing in OpenSSL's error
// queue. Stateless; thread-safe.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

inline constexpr std::size_t kPublicKeyBytes = 32;
inline constexpr std::size_t kSignatureBytes = 64;

// The 32 bytes of a public key. `invalid_input` for a private key, another kind of key or no PEM at all.
Result<std::string> read_public_key(const std::filesystem::path& file);

// `raw_key` of 32 bytes, `signature` of 64; anything else is false.
bool verify_ed25519(std::string_view raw_key, std::string_view message, std::string_view signature);

// `file` holds a private key without a password. The daemon never calls this.
Result<std::string> sign_ed25519(const std::filesystem::path& file, std::string_view message);

// 64 raw bytes, or their base64 with or without line breaks; `invalid_input` for anything else.
Result<std::string> parse_signature(std::string_view bytes);

}  // namespace defuse
