#include "daemon/http/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <time.h>

#include <array>
#include <utility>

namespace defuse {
namespace {

namespace fs = std::filesystem;

std::string tls_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

// HTTP/1.1 where it is offered; else as if the client had offered nothing.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kHttp11, sizeof kHttp11, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

Result<TimePoint> expiry_of(const X509* certificate) {
  std::tm time{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
    return fail(ErrorCode::invalid_input, "http.certificate: its last day cannot be read");
  return TimePoint(std::chrono::seconds(::timegm(&time)));
}

}  // namespace

TlsCertificate::TlsCertificate(fs::path certificate, const fs::path& key)
    : certificate_(std::move(certificate)), key_(key.empty() ? certificate_ : key) {}

Result<std::unique_ptr<TlsCertificate>> TlsCertificate::load(fs::path certificate, const fs::path& key) {
  std::unique_ptr<TlsCertificate> made(new TlsCertificate(std::move(certificate), key));
  made->tried_ = made->seen_ = made->stamp();
  TRY_OK(made->read());
  return made;
}

Result<void> TlsCertificate::read() {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return fail(ErrorCode::internal, "cannot set up TLS: " + tls_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");  // of TLS 1.2; those of 1.3 are all fine
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_.c_str()) != 1)
    return fail(ErrorCode::invalid_input,
                "http.certificate: no certificate in " + certificate_.string() + ": " + tls_error());
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return fail(ErrorCode::invalid_input, std::string(key_ == certificate_ ? "http.certificate" : "http.key") +
                                              ": no key that fits the certificate in " + key_.string() + ": " +
                                              tls_error());
  TRY(expires, expiry_of(SSL_CTX_get0_certificate(context.get())));
  struct stat info {};
  const bool open_to_all = ::stat(key_.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
  const std::lock_guard lock(mutex_);
  context_ = context;
  state_ = {true, expires, "", open_to_all ? "every user of this machine can read the key in " + key_.string() : ""};
  return {};
}

std::vector<std::int64_t> TlsCertificate::stamp() const {
  std::vector<std::int64_t> all;
  for (const auto* file : {&certificate_, &key_}) {
    struct stat info {};
    const bool there = ::stat(file->c_str(), &info) == 0;
    all.insert(all.end(), {there ? info.st_mtim.tv_sec : -1, there ? info.st_mtim.tv_nsec : -1,
                           there ? static_cast<std::int64_t>(info.st_ino) : -1, there ? info.st_size : -1});
  }
  return all;
}

void TlsCertificate::refresh(When when) {
  const auto now = stamp();
  const bool still = now == std::exchange(seen_, now);
  if (when == When::changed && (now == tried_ || !still)) return;
  tried_ = now;
  if (const auto done = read(); !done) {
    const std::lock_guard lock(mutex_);
    state_.problem = done.error().describe();
  }
}

CertificateState TlsCertificate::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::shared_ptr<ssl_ctx_st> TlsCertificate::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

}  // namespace defuse
