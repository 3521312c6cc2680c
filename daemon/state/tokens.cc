#include "daemon/state/tokens.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/base64.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/registry/source.h"

namespace defuse {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kSecretBytes = 32;

fs::path file_of(const fs::path& state_dir) { return state_dir / "tokens.json"; }

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<std::vector<TokenInfo>> parse_tokens(std::string_view text, const std::string& name) {
  TRY(json, parse_json(text, name));
  if (!json.is_array()) return fail(ErrorCode::corrupt, name + ": expected an array of tokens");
  std::vector<TokenInfo> tokens;
  for (std::size_t i = 0; i < json.size(); ++i) {
    JsonReader reader(json[i], name + "[" + std::to_string(i) + "]");
    TokenInfo token;
    token.name = reader.text("name");
    const auto scope = scope_from(reader.text("scope"));
    if (scope) token.scope = *scope;
    token.sha256 = reader.text("sha256");
    const auto created = parse_rfc3339(reader.text("created"));
    const auto expires = reader.optional_text("expires");
    TRY_OK(reader.status());
    if (!scope) return tl::unexpected<Error>(scope.error().with("in " + reader.path()));
    if (!created) return tl::unexpected<Error>(created.error().with("in " + reader.path()));
    if (!is_sha256(token.sha256)) return fail(ErrorCode::corrupt, reader.path() + ".sha256: expected 64 hex digits");
    token.created = *created;
    if (expires) {
      const auto at = parse_rfc3339(*expires);
      if (!at) return tl::unexpected<Error>(at.error().with("in " + reader.path()));
      token.expires = *at;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// For as long as it lives, what this process creates has the mode it asks for, whatever the caller's umask is.
class ExactModes {
 public:
  ExactModes() : before_(::umask(0)) {}
  ExactModes(const ExactModes&) = delete;
  ExactModes& operator=(const ExactModes&) = delete;
  ~ExactModes() { ::umask(before_); }

 private:
  mode_t before_;
};

// World-readable on purpose: the daemon may run under another user than the one who makes tokens, and hashes of 256
// random bits tell nothing. Only ever called by defusectl, which has one thread.
Result<void> write_tokens(const fs::path& file, const std::vector<TokenInfo>& tokens) {
  Json json = Json::array();
  for (const auto& token : tokens)
    json.push_back({{"name", token.name},
                    {"scope", to_string(token.scope)},
                    {"sha256", token.sha256},
                    {"created", to_rfc3339(token.created)},
                    {"expires", token.expires ? Json(to_rfc3339(*token.expires)) : Json()}});
  const ExactModes exact;
  return write_atomically(file, dump_json(json, 2) + "\n");
}

class FileLock {
 public:
  static Result<FileLock> take(const fs::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::flock(fd, LOCK_EX) != 0) {
      const std::string why = std::strerror(errno);
      if (fd >= 0) ::close(fd);
      return fail(ErrorCode::io, "cannot lock " + file.string() + ": " + why);
    }
    return FileLock(fd);
  }
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

Result<std::string> new_secret() {
  std::string bytes(kSecretBytes, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(ErrorCode::io, std::string("no random bytes from the system: ") + std::strerror(errno));
    have += static_cast<std::size_t>(got);
  }
  return "dfs_" + base64url(bytes);
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::read:
      return "read";
    case Scope::operate:
      return "operate";
  }
  return "read";
}

Result<Scope> scope_from(std::string_view text) {
  if (text == "read") return Scope::read;
  if (text == "operate") return Scope::operate;
  return fail(ErrorCode::invalid_input, "no scope '" + std::string(text) + "': read or operate");
}

TokenBook::TokenBook(const fs::path& state_dir) : file_(file_of(state_dir)) {}

void TokenBook::refresh() const {
  struct stat info {};
  if (::stat(file_.c_str(), &info) != 0) {
    problem_ = errno == ENOENT ? "" : "cannot read " + file_.string() + ": " + std::strerror(errno);
    tokens_.clear();
    stamp_ = {};
    return;
  }
  // The time of the last change of any kind: a file that could not be read may be repaired by its mode alone.
  const Stamp now{info.st_ctim.tv_sec, info.st_ctim.tv_nsec, info.st_size, info.st_ino};
  if (now == stamp_) return;
  stamp_ = now;
  auto read = list_tokens(file_.parent_path());
  tokens_ = read ? std::move(*read) : std::vector<TokenInfo>{};
  problem_ = read ? "" : read.error().describe();
}

std::optional<TokenInfo> TokenBook::find(std::string_view token) const {
  const std::string hash = sha256_hex(token);
  const std::lock_guard lock(mutex_);
  refresh();
  std::optional<TokenInfo> found;
  for (const auto& known : tokens_)
    if (known.sha256.size() == hash.size() && CRYPTO_memcmp(known.sha256.data(), hash.data(), hash.size()) == 0)
      found = known;
  return found;
}

std::string TokenBook::problem() const {
  const std::lock_guard lock(mutex_);
  refresh();
  return problem_;
}

Result<std::vector<TokenInfo>> list_tokens(const fs::path& state_dir) {
  const auto file = file_of(state_dir);
  auto text = read_file(file, kMaxFileBytes);
  if (!text && text.error().code == ErrorCode::not_found) return std::vector<TokenInfo>{};
  if (!text) return tl::unexpected<Error>(std::move(text.error()));
  return parse_tokens(*text, file.string());
}

Result<std::string> create_token(const fs::path& state_dir, const std::string& name, Scope scope, const Clock& clock,
                                 std::optional<TimePoint> expires) {
  if (!is_valid_name(name))
    return fail(ErrorCode::invalid_input,
                "'" + name + "' cannot be a token's name: letters, digits, '.', '_' and '-' only");
  if (expires && *expires <= clock.now())
    return fail(ErrorCode::invalid_input, "a token that expired at " + to_rfc3339(*expires) + " would admit nobody");
  TRY_OK(make_folder(state_dir));  // tokens may be made before the daemon's first start
  TRY(lock, FileLock::take(state_dir / "tokens.lock"));
  TRY(tokens, list_tokens(state_dir));
  if (std::any_of(tokens.begin(), tokens.end(), [&](const TokenInfo& token) { return token.name == name; }))
    return fail(ErrorCode::conflict, "there is a token named '" + name + "' already: revoke it first");
  TRY(secret, new_secret());
  tokens.push_back({name, scope, sha256_hex(secret), clock.now(), expires});
  TRY_OK(write_tokens(file_of(state_dir), tokens));
  return secret;
}

Result<void> revoke_token(const fs::path& state_dir, const std::string& name) {
  TRY(lock, FileLock::take(state_dir / "tokens.lock"));
  TRY(tokens, list_tokens(state_dir));
  if (std::erase_if(tokens, [&](const TokenInfo& token) { return token.name == name; }) == 0)
    return fail(ErrorCode::not_found, "no token named '" + name + "'");
  return write_tokens(file_of(state_dir), tokens);
}

}  // namespace defuse
