// Takes one HTTP/1.x request out of the bytes that a connection brings, and takes it strictly: whatever two readers
// could understand in two ways (a second Content-Length, a folded header, a line that ends in a bare newline, a length
// beside chunks) is refused, because requests are smuggled through such doubts. Bounded in every direction. Pure: knows
// no socket and no time. One reader per request.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/api/api.h"

namespace defuse {

inline constexpr std::size_t kMaxHeadBytes = 16 << 10;   // request line and headers
inline constexpr std::size_t kMaxTargetBytes = 8 << 10;  // path and query
inline constexpr std::size_t kMaxHeaders = 64;

class RequestReader {
 public:
  enum class State { head, body, whole, refused };

  // Takes from the front of `bytes` what belongs to this request and leaves the rest; call again when there are more.
  State feed(std::string& bytes);
  State state() const { return state_; }

  // Meaningful once the head was read.
  bool keep_alive() const { return keep_alive_; }
  bool wants_continue() const { return wants_continue_ && state_ == State::body; }  // "Expect: 100-continue"
  // Once whole: method, path, query, headers, body.
  ApiRequest& request() { return request_; }
  // Once refused.
  int status() const { return status_; }
  const std::string& why() const { return why_; }

 private:
  bool scan(const std::string& bytes);
  bool read_head(std::string_view head);
  bool read_request_line(std::string_view line);
  bool read_header(std::string_view line);
  bool settle_framing();
  void read_body(std::string& bytes);
  void read_chunks(std::string& bytes);
  bool refuse(int status, std::string why);

  State state_ = State::head;
  ApiRequest request_;
  std::size_t scanned_ = 0;    // bytes of the head that were looked at
  std::size_t head_size_ = 0;  // 0: its end has not been seen
  bool line_read_ = false;
  bool keep_alive_ = false;
  bool old_ = false;  // HTTP/1.0
  bool chunked_ = false;
  bool wants_continue_ = false;
  std::size_t expected_ = 0;  // bytes of the body, or of the chunk under way
  bool in_chunk_ = false;
  std::size_t headers_ = 0;
  int status_ = 0;
  std::string why_;
};

}  // namespace defuse
