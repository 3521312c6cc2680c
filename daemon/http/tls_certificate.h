// The certificate and key that TLS is spoken with, and their renewal: the files are read again when they changed, and
// only a pair that fits replaces the one in use, at once for every connection made from then on; those under way go on
// with theirs. Read by the server's loop, renewed from the main strand; thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

struct ssl_ctx_st;

namespace defuse {

struct CertificateState {
  bool used = false;    // TLS is on
  TimePoint expires{};  // of the one in use
  std::string problem;  // why what is on disk is not in use; empty if it is
  std::string advice;   // what somebody should look at although it works
};

class TlsCertificate {
 public:
  // PEM files; an empty `key` means that the key is in `certificate` too. TLS 1.2 and newer, forward-secret ciphers,
  // HTTP/1.1 by ALPN. `invalid_input` names the file.
  static Result<std::unique_ptr<TlsCertificate>> load(std::filesystem::path certificate,
                                                      const std::filesystem::path& key);

  enum class When { changed, now };
  // `changed`: only once the files differ from those last tried and have kept still between two calls, because
  // certificate and key are two files and are rarely replaced in one moment.
  void refresh(When when);
  CertificateState state() const;
  std::shared_ptr<ssl_ctx_st> context() const;

 private:
  TlsCertificate(std::filesystem::path certificate, const std::filesystem::path& key);
  Result<void> read();
  std::vector<std::int64_t> stamp() const;

  const std::filesystem::path certificate_;
  const std::filesystem::path key_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
  CertificateState state_;
  std::vector<std::int64_t> tried_;  // stamps of the files that were read last
  std::vector<std::int64_t> seen_;   // stamps at the last call
};

}  // namespace defuse
