// A request to the HTTP API and its answer, as plain values, and what every answer carries. Files are read only beneath
// the state folder, by names that the store gave. Thread-safe.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/api/plain_file.h"

namespace defuse {

inline constexpr std::size_t kMaxBodyBytes = 64 << 10;
inline constexpr std::size_t kMaxPathBytes = 2048;

struct ApiRequest {
  std::string method;                          // as sent
  std::string path;                            // as sent, still percent-encoded
  std::string query;                           // without the question mark, still encoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // the adapter never reads more than kMaxBodyBytes + 1
  std::string remote;                          // address, for the audit log only
  bool loopback = false;                       // the server listens on this machine only: reading needs no token
};

struct ApiResponse {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;  // beside Content-Type and Content-Length
  std::string body;
  std::shared_ptr<PlainFile> file;  // sent in blocks instead of the body, which may not fit into memory
  bool event_stream = false;        // /v1/events: the adapter goes on sending, from after `event_id`
  std::uint64_t event_id = 0;
};

// For errors that arise before there is a request (too long, malformed).
ApiResponse problem_response(int status, const std::string& detail);

// Headers that keep browsers from doing more with an answer than showing it; one that is already there stays.
void add_security_headers(ApiResponse& response);

}  // namespace defuse
