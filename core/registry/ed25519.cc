#include "core/registry/ed25519.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <utility>

#include "core/base/base64.h"
#include "core/registry/version_files.h"

namespace defuse {
namespace {

constexpr std::uint64_t kMaxPemBytes = 64 << 10;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

// OpenSSL keeps errors by thread, and whoever looks next (a TLS connection) would take them for its own.
struct ForgetErrors {
  ~ForgetErrors() { ERR_clear_error(); }
};

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Nobody is there to type one; without this OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) { return -1; }

Memory memory_of(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

Result<void> expect_ed25519(const Key& key, const std::string& name) {
  if (EVP_PKEY_base_id(key.get()) == EVP_PKEY_ED25519) return {};
  const char* kind = OBJ_nid2sn(EVP_PKEY_base_id(key.get()));
  return fail(ErrorCode::invalid_input,
              name + " holds a key of kind " + (kind == nullptr ? "unknown" : kind) + ", not Ed25519");
}

}  // namespace

Result<std::string> read_public_key(const std::filesystem::path& file) {
  const ForgetErrors forget;
  const std::string name = file.string();
  TRY(pem, read_regular_file(file, kMaxPemBytes));
  const Memory memory = memory_of(pem);
  const Key key(memory ? PEM_read_bio_PUBKEY(memory.get(), nullptr, &no_password, nullptr) : nullptr, &EVP_PKEY_free);
  if (!key) {
    if (pem.find("PRIVATE KEY-----") != std::string::npos)
      return fail(ErrorCode::invalid_input,
                  name + " holds a private key; what is wanted is its public half: openssl pkey -in KEY -pubout");
    return fail(ErrorCode::invalid_input, name + " is no public key in PEM form (-----BEGIN PUBLIC KEY-----)");
  }
  TRY_OK(expect_ed25519(key, name));
  std::string raw(kPublicKeyBytes, '\0');
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) != 1 ||
      size != kPublicKeyBytes)
    return fail(ErrorCode::invalid_input, name + ": its key cannot be read");
  return raw;
}

bool verify_ed25519(std::string_view raw_key, std::string_view message, std::string_view signature) {
  const ForgetErrors forget;
  if (raw_key.size() != kPublicKeyBytes || signature.size() != kSignatureBytes) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw_key), raw_key.size()),
                &EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!key || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

Result<std::string> sign_ed25519(const std::filesystem::path& file, std::string_view message) {
  const ForgetErrors forget;
  const std::string name = file.string();
  TRY(pem, read_regular_file(file, kMaxPemBytes));
  const Memory memory = memory_of(pem);
  const Key key(memory ? PEM_read_bio_PrivateKey(memory.get(), nullptr, &no_password, nullptr) : nullptr,
                &EVP_PKEY_free);
  if (!key)
    return fail(ErrorCode::invalid_input, name +
                                              " is no private key in PEM form, or has a password (for such a key: "
                                              "openssl pkeyutl -sign -rawin)");
  TRY_OK(expect_ed25519(key, name));
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(message),
                     message.size()) != 1 ||
      size != kSignatureBytes)
    return fail(ErrorCode::internal, "signing with " + name + " failed");
  return signature;
}

Result<std::string> parse_signature(std::string_view bytes) {
  // Raw first: 64 bytes cannot be the base64 of 64 bytes.
  if (bytes.size() == kSignatureBytes) return std::string(bytes);
  std::string text;
  for (const char c : bytes)
    if (c != '\n' && c != '\r') text += c;
  auto decoded = base64_decoded(text);
  if (!decoded || decoded->size() != kSignatureBytes)
    return fail(ErrorCode::invalid_input, "is no Ed25519 signature (64 bytes, or the base64 of them)");
  return std::move(*decoded);
}

}  // namespace defuse
