#include "daemon/http/relay.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/base/ascii.h"
#include "daemon/http/civet_server.h"

namespace defuse {
namespace {

constexpr std::size_t kMaxAnswerHead = 32 << 10;

// What handlers read of a request. The rest stays outside: the fewer words reach a second reader, the fewer can be read
// in a second way.
constexpr const char* kPassed[] = {"accept",         "authorization", "content-type", "host",
                                   "if-none-match",  "last-event-id", "origin",       "sec-fetch-dest",
                                   "sec-fetch-mode", "sec-fetch-site"};

std::string text_of(const ApiRequest& request, const std::string& secret) {
  std::string text = request.method + " " + request.path + (request.query.empty() ? "" : "?" + request.query) +
                     " HTTP/1.1\r\nConnection: close\r\n";
  const auto add = [&](std::string_view name, const std::string& value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  for (const char* name : kPassed)
    if (const auto found = request.headers.find(name); found != request.headers.end()) add(name, found->second);
  add(kSecretHeader, secret);
  add(kRemoteHeader, request.remote);
  if (!request.body.empty()) add("Content-Length", std::to_string(request.body.size()));
  return text + "\r\n" + request.body;
}

template <class T>
bool number_of(std::string_view text, T& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

}  // namespace

Relay::Relay(int port, const std::string& secret, const ApiRequest& request)
    : line_(begin_connecting(port), nullptr), bodiless_(request.method == "HEAD") {
  line_.send(text_of(request, secret));
}

Relay::State Relay::step(std::size_t room) {
  if (state_ == State::asking || state_ == State::answering) {
    if (line_.flush() == Connection::Io::closed) return state_ = State::broken;
    if (line_.waiting() > 0) return state_;
  }
  while (state_ == State::asking || (state_ == State::answering && in_.size() < room)) {
    const auto before = in_.size();
    const auto io = line_.receive(in_);
    if (io == Connection::Io::wait) break;
    if (io == Connection::Io::closed)
      return state_ = state_ == State::answering && !left_ ? State::done : State::broken;
    if (state_ == State::asking) {
      if (!read_head()) continue;
      if (state_ == State::broken) return state_;
      if (left_) *left_ -= std::min<std::uint64_t>(*left_, in_.size());
    } else if (left_) {
      *left_ -= std::min<std::uint64_t>(*left_, in_.size() - before);
    }
    if (left_ == std::uint64_t{0}) return state_ = State::done;
  }
  return state_;
}

// Leaves what has come of the body in `in_`. False while the head is not whole.
bool Relay::read_head() {
  const auto end = in_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (in_.size() > kMaxAnswerHead) state_ = State::broken;
    return state_ == State::broken;
  }
  const std::string text = in_.substr(0, end + 2);
  in_.erase(0, end + 4);
  state_ = State::answering;
  const std::string_view head(text);
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 14 || !number_of(head.substr(9, 3), head_.status)) {
    state_ = State::broken;
    return true;
  }
  for (auto at = head.find("\r\n") + 2; at < head.size();) {
    const auto line = head.substr(at, head.find("\r\n", at) - at);
    at += line.size() + 2;
    if (const auto colon = line.find(": "); colon != std::string_view::npos)
      note_header(line.substr(0, colon), std::string(line.substr(colon + 2)));
  }
  if (head_.event_stream)  // what is sent is the front's, and has no length
    std::erase_if(head_.headers, [](const auto& header) {
      const auto name = lower_ascii(header.first);
      return name == "content-length" || name == "content-type";
    });
  if (bodiless_ || head_.status == 204 || head_.status == 304) left_ = 0;
  return true;
}

void Relay::note_header(std::string_view name, std::string value) {
  const auto plain = lower_ascii(name);
  if (plain == "connection" || plain == "date" || plain == "keep-alive") return;
  if (plain == kEventHeader) {
    head_.event_stream = number_of(std::string_view(value), head_.event_id);
    return;
  }
  std::uint64_t length = 0;
  if (plain == "content-length" && number_of(std::string_view(value), length)) left_ = length;
  head_.headers.emplace_back(std::string(name), std::move(value));
}

std::string Relay::take_body() { return std::exchange(in_, {}); }

}  // namespace defuse
