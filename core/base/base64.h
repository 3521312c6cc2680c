// Base64 (RFC 4648), by OpenSSL. Used for pictures inside a page, signatures, HTTP's Basic header and tokens. Decoding
// is strict, unlike OpenSSL's own: no white space, no missing or misplaced padding, no other alphabet. Inputs are at
// most 1 GiB. Thread-safe.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace defuse {

std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);  // '-' and '_' in place of '+' and '/', and no padding

// None where `text` is no padded base64.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace defuse
