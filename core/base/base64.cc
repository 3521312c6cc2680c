#include "core/base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace defuse {
namespace {

constexpr std::string_view kBase64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');  // EncodeBlock also writes the NUL that every string ends with
  EVP_EncodeBlock(octets(text), octets(bytes), static_cast<int>(bytes.size()));
  return text;
}

std::string base64url(std::string_view bytes) {
  std::string text = base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  // EVP_DecodeBlock skips white space at both ends, takes '=' in odd places and counts padding as bytes.
  const std::size_t letters = std::min(text.find_first_not_of(kBase64Letters), text.size());
  const std::string_view padding = text.substr(letters);
  if (text.size() % 4 != 0 || (!padding.empty() && padding != "=" && padding != "==")) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(octets(bytes), octets(text), static_cast<int>(text.size())) < 0) return std::nullopt;
  bytes.resize(bytes.size() - padding.size());
  return bytes;
}

}  // namespace defuse
