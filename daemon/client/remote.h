// The daemon as defusectl sees it: JSON questions and answers over HTTP. Turns what a server refuses into Errors that
// say so. One thread.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>

#include "core/base/json.h"
#include "daemon/client/http_client.h"

namespace defuse::ctl {

struct Reply {
  int status = 0;
  Json body;  // an object; empty for answers without a body
};

class Remote {
 public:
  static constexpr std::chrono::milliseconds kPatience{30'000};
  // For what makes the daemon read a whole artifact: nobody may think that nothing was done because it took long.
  static constexpr std::chrono::milliseconds kLongPatience{15 * 60'000};

  Remote(Url url, std::string token) : url_(std::move(url)), token_(std::move(token)) {}

  // Any status with a JSON object; the error is about reaching the daemon only, or about an answer that is no JSON.
  Result<Reply> ask(const std::string& method, const std::string& path, const Json& body = {},
                    std::chrono::milliseconds patience = kPatience) const;
  // 2xx only; anything else becomes an Error with the server's own words. 400, 401 and 403 are `invalid_input`.
  Result<Json> get(const std::string& path) const;
  Result<Json> act(const std::string& method, const std::string& path, const Json& body = {},
                   std::chrono::milliseconds patience = kPatience) const;
  Result<std::string> fetch(const std::string& path) const;  // bytes of a 200
  // The body of a 200 into a file, in pieces: it may be larger than memory. Returns its SHA-256.
  Result<std::string> download(const std::string& path, const std::filesystem::path& file) const;

  const Url& url() const { return url_; }

 private:
  Url url_;
  std::string token_;
};

// What the server's problem document says, as an Error.
Error refusal(int status, const Json& body);

// A field of an answer in words; forgiving: a newer daemon may leave one out, and a missing word must not stop a
// listing.
std::string text(const Json& answer, const char* key);

std::string model_path(const std::string& model);
std::string version_path(const std::string& model, const std::string& version);

}  // namespace defuse::ctl
