// One request on its way from the front to CivetWeb, and its answer on the way back. Moves bytes without ever waiting;
// the loop says when, and how much of the answer it has room for. One thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/api/api.h"
#include "daemon/http/connection.h"

namespace defuse {

class Relay {
 public:
  // `port`, `secret`: CivetServer's.
  Relay(int port, const std::string& secret, const ApiRequest& request);

  enum class State { asking, answering, done, broken };
  // Takes at most about `room` bytes more of the answer's body.
  State step(std::size_t room);
  State state() const { return state_; }

  // From `answering` on. Status and headers as CivetWeb gave them, less what only concerns this one connection; no
  // body.
  const ApiResponse& head() const { return head_; }
  std::string take_body();  // what has come of it since the last time

  int socket() const { return line_.socket(); }
  short wants() const { return line_.wants(); }

 private:
  bool read_head();
  void note_header(std::string_view name, std::string value);

  Connection line_;
  State state_ = State::asking;
  bool bodiless_ = false;
  std::string in_;
  ApiResponse head_;
  std::optional<std::uint64_t> left_;  // of the body; without it the connection's end is the body's
};

}  // namespace defuse
