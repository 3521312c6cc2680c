// Who may ask and who may act over HTTP. A token is "dfs_" and 43 characters of base64url (256 random bits);
// <state>/tokens.json keeps only its SHA-256, so the file gives nothing away. `defusectl token` writes the file; the
// HTTP server reads it and looks at it again whenever it changed. A file that cannot be read admits nobody. TokenBook
// is thread-safe; the functions that change the file lock it against each other.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace defuse {

enum class Scope { read, operate };  // operate includes read
std::string_view to_string(Scope scope);
Result<Scope> scope_from(std::string_view text);

struct TokenInfo {
  std::string name;  // for the audit log
  Scope scope = Scope::read;
  std::string sha256;  // of the token's text, lower-case hex
  TimePoint created;
  std::optional<TimePoint> expires;  // from then on it admits nobody

  bool expired(TimePoint now) const { return expires && *expires <= now; }
};

class TokenBook {
 public:
  explicit TokenBook(const std::filesystem::path& state_dir);

  // Compares against every token, each in constant time. Whether it has expired is the caller's to ask, who has a
  // clock.
  std::optional<TokenInfo> find(std::string_view token) const;
  std::string problem() const;  // why no token is accepted, for people; empty if the file is fine or absent

 private:
  void refresh() const;  // needs mutex_

  struct Stamp {
    std::int64_t seconds = -1;
    std::int64_t nanoseconds = -1;
    std::int64_t size = -1;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  std::filesystem::path file_;
  mutable std::mutex mutex_;
  mutable Stamp stamp_;
  mutable std::vector<TokenInfo> tokens_;
  mutable std::string problem_;
};

// Empty if there is no file yet.
Result<std::vector<TokenInfo>> list_tokens(const std::filesystem::path& state_dir);
// Returns the token's text: the only time that anybody sees it. `conflict` if the name is taken.
// `expires`: never, unless given.
Result<std::string> create_token(const std::filesystem::path& state_dir, const std::string& name, Scope scope,
                                 const Clock& clock, std::optional<TimePoint> expires = std::nullopt);
Result<void> revoke_token(const std::filesystem::path& state_dir, const std::string& name);

}  // namespace defuse
