// What happens to one connection: the phases of http_loop.h, each by its work or its time.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/http/http_loop.h"
#include "daemon/http/response_text.h"

namespace defuse {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto kHeartbeat = 15s;
constexpr auto kDrain = 1s;
constexpr auto kLastWords = 2s;               // for answers that are under way when the server stops
constexpr std::size_t kMaxBacklog = 1 << 20;  // of a stream's reader

std::string one_line(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  return text;
}

}  // namespace

void HttpLoop::enter(Client& client, Phase phase) {
  client.phase = phase;
  client.since = client.moved = now_;
}

void HttpLoop::step(Client& client) {
  if (stopping_ && !stopped_) stopped_ = now_;
  if (client.phase == Phase::shaking) {
    const auto io = client.line.shake();
    if (io == Connection::Io::closed) client.phase = Phase::over;
    if (io == Connection::Io::moved) enter(client, Phase::reading);
  }
  if (client.phase == Phase::writing) write(client);
  if (client.phase == Phase::reading) read(client);
  if (client.phase == Phase::answering) collect(client);
  if (client.phase == Phase::writing) write(client);
  if (client.phase == Phase::streaming) stream(client);
  if (client.phase == Phase::draining) drain(client);
  if (client.phase != Phase::over && client.phase != Phase::answering) end_overdue(client);
}

void HttpLoop::read(Client& client) {
  if (stopping_) {
    client.phase = Phase::over;
    return;
  }
  auto state = client.reader.feed(client.in);  // of a pipelined request all may be here already
  while (state == RequestReader::State::head || state == RequestReader::State::body) {
    if (client.reader.wants_continue() && !std::exchange(client.continued, true))
      client.line.send("HTTP/1.1 100 Continue\r\n\r\n");
    if (client.line.waiting() > 0 && client.line.flush() == Connection::Io::closed) break;
    const auto io = client.line.receive(client.in);
    if (io == Connection::Io::closed) break;
    if (io == Connection::Io::wait) return;
    if (!std::exchange(client.begun, true)) client.since = now_;
    state = client.reader.feed(client.in);
  }
  if (state == RequestReader::State::refused)
    return answer(client, problem_response(client.reader.status(), client.reader.why()));
  if (state != RequestReader::State::whole) {
    client.phase = Phase::over;
    return;
  }
  auto& request = client.reader.request();
  request.remote = client.line.address();
  client.keep = client.reader.keep_alive();
  client.head_only = request.method == "HEAD";
  enter(client, Phase::answering);
}

void HttpLoop::collect(Client& client) {
  if (!client.relay) return;  // its turn has not come
  const auto state = client.relay->step(kRoom);
  if (state == Relay::State::asking) return;
  if (state != Relay::State::broken) return answer(client, client.relay->head());
  client.relay.reset();
  client.keep = false;
  answer(client, problem_response(500, "the request could not be carried out; see the daemon's log"));
}

// With a relay the body follows from there; without one the answer is the front's own, and whole.
void HttpLoop::answer(Client& client, ApiResponse response) {
  if (response.event_stream && !client.head_only) {
    client.relay.reset();
    const auto streams = std::count_if(clients_.begin(), clients_.end(),
                                       [](const auto& entry) { return entry.second.phase == Phase::streaming; });
    if (static_cast<std::size_t>(streams) < limits_.streams) {
      client.keep = false;
      client.event = response.event_id;
      client.last_word = now_;
      client.line.send(stream_head(response, client.line.tls()));
      return enter(client, Phase::streaming);
    }
    response = problem_response(503, "too many clients listen to events already");
    response.headers.emplace_back("Retry-After", "10");
  }
  if (stopping_) client.keep = false;
  client.ready = true;
  if (client.relay) {
    client.line.send(relayed_head(response, client.keep, client.line.tls()));
  } else {
    client.line.send(response_head(response, client.keep, client.line.tls()));
    if (!client.head_only) client.line.send(std::move(response.body));
  }
  enter(client, Phase::writing);
}

// A connection that ends before the promised length tells its client that something went wrong.
void HttpLoop::write(Client& client) {
  if (client.relay) {
    if (client.line.waiting() < kRoom) client.relay->step(kRoom - client.line.waiting());
    client.line.send(client.relay->take_body());
    const auto state = client.relay->state();
    if (state == Relay::State::done) client.relay.reset();
    if (state == Relay::State::broken) {
      spdlog::warn("http: an answer ended before its end");
      client.line.abort();
      client.relay.reset();
      client.phase = Phase::over;
      return;
    }
  }
  const auto before = client.line.sent();
  const auto io = client.line.flush();
  if (client.line.sent() != before) client.moved = now_;
  if (io == Connection::Io::closed) {
    client.relay.reset();
    client.phase = Phase::over;
  }
  if (io != Connection::Io::moved || client.relay) return;
  if (!client.keep) {
    client.line.finish();
    return enter(client, Phase::draining);
  }
  client.reader = {};
  client.begun = !client.in.empty();
  client.continued = false;
  enter(client, Phase::reading);
}

void HttpLoop::stream(Client& client) {
  if (stopping_) {
    client.line.finish();
    client.phase = Phase::over;
    return;
  }
  std::string ignored;
  if (client.line.receive(ignored) == Connection::Io::closed) {
    client.phase = Phase::over;
    return;
  }
  std::string text;
  for (const auto& event : read_.events_after(client.event, milliseconds(0))) {
    text += "id: " + std::to_string(event.id) + "\nevent: " + one_line(event.type) + "\ndata: " + one_line(event.data) +
            "\n\n";
    client.event = event.id;
  }
  if (text.empty() && now_ - client.last_word >= kHeartbeat) text = ": still here\n\n";  // notices who left
  if (!text.empty()) {
    client.last_word = now_;
    if (client.line.waiting() == 0) client.moved = now_;
    client.line.send(std::move(text));
  }
  if (client.line.waiting() == 0) return;
  const auto before = client.line.sent();
  const auto io = client.line.flush();
  if (client.line.sent() != before) client.moved = now_;
  if (io == Connection::Io::closed || client.line.waiting() > kMaxBacklog) client.phase = Phase::over;
  if (io == Connection::Io::moved) client.line.receive(ignored);  // so that its end is waited for
}

// Closing a socket with unread bytes would take back what was just sent.
void HttpLoop::drain(Client& client) {
  std::string ignored;
  for (int i = 0; i < 16; ++i) {
    const auto io = client.line.receive(ignored);
    if (io == Connection::Io::wait) return;
    if (io == Connection::Io::closed) {
      client.phase = Phase::over;
      return;
    }
    ignored.clear();
  }
}

bool HttpLoop::is_overdue(const Client& client) const {
  const auto lasted = now_ - client.since;
  switch (client.phase) {
    case Phase::shaking:
      return lasted > limits_.handshake;
    case Phase::reading:
      return lasted > (client.begun ? limits_.request : limits_.idle);
    case Phase::writing: {
      if (now_ - client.moved > limits_.stall || (stopped_ && now_ - *stopped_ > kLastWords)) return true;
      const auto beyond = std::chrono::duration_cast<std::chrono::seconds>(lasted - limits_.stall).count();
      return beyond > 0 && client.line.sent() < static_cast<std::uint64_t>(beyond) * limits_.least_speed;
    }
    case Phase::streaming:
      return client.line.waiting() > 0 && now_ - client.moved > limits_.stall;
    case Phase::draining:
      return lasted > kDrain || stopping_;
    case Phase::answering:
    case Phase::over:
      return false;
  }
  return false;
}

void HttpLoop::end_overdue(Client& client) {
  if (stopping_ && client.phase == Phase::shaking) client.phase = Phase::over;
  if (!is_overdue(client)) return;
  const bool half_asked = client.phase == Phase::reading && client.begun &&
                          (!client.in.empty() || client.reader.state() != RequestReader::State::head);
  if (!half_asked) {
    if (client.phase == Phase::writing || client.phase == Phase::streaming) client.line.abort();
    client.phase = Phase::over;
    return;
  }
  client.keep = false;
  answer(client, problem_response(408, "the request did not arrive in time"));
  write(client);
}

}  // namespace defuse
