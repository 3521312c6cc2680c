#include "daemon/http/http_loop.h"

#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "daemon/http/civet_server.h"
#include "daemon/http/response_text.h"

namespace defuse {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::size_t kRoom = 1 << 20;  // bytes of an answer that are kept for a client
constexpr auto kMayHold = 2s;           // how long a slow client keeps a place at CivetWeb that another waits for
constexpr auto kTick = 250ms;           // how soon it is noticed that a time is up
constexpr auto kStreamTick = 100ms;     // how soon an event reaches its listeners
constexpr auto kHeartbeat = 15s;
constexpr auto kSayAgain = 60s;  // that all places are taken
constexpr auto kStands = 2s;     // a reader that has taken nothing for so long may have to go
constexpr auto kDrain = 1s;
constexpr auto kLastWords = 2s;               // for answers that are under way when the server stops
constexpr std::size_t kMaxBacklog = 1 << 20;  // of a stream's reader
constexpr int kAcceptAtOnce = 64;

int port_of(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

std::string one_line(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  return text;
}

}  // namespace

HttpLoop::Bell::Bell() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
HttpLoop::Bell::~Bell() { ::close(fd); }

void HttpLoop::Bell::ring() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

void HttpLoop::Bell::quiet() const {
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto got = ::read(fd, &rings, sizeof rings);
}

HttpLoop::HttpLoop(int listener, const TlsCertificate* certificate, ReadModel& read, const CivetServer& inner,
                   const HttpLimits& limits)
    : listener_(listener),
      port_(port_of(listener)),
      certificate_(certificate),
      read_(read),
      inner_(inner),
      limits_(limits),
      thread_([this] { run(); }) {}

HttpLoop::~HttpLoop() {
  stopping_ = true;
  bell_.ring();
  thread_.join();
  ::close(listener_);
}

void HttpLoop::run() {
  while (!may_end()) {
    begin_relays();
    wait_for_something();
    now_ = Clock::now();
    for (auto& [id, client] : clients_) {
      try {
        if (std::exchange(client.ready, false) || client.phase == Phase::streaming || stopping_)
          step(client);
        else
          end_overdue(client);
      } catch (const std::exception& problem) {  // memory, as good as anything else
        spdlog::error("http: a connection is given up: {}", problem.what());
        client.phase = Phase::over;
      }
    }
    std::erase_if(clients_, [](const auto& entry) { return entry.second.phase == Phase::over; });
    if (!stopping_) accept_all();
  }
}

// What is being asked is answered before the server ends; step() lets everything else go.
bool HttpLoop::may_end() const { return stopping_ && clients_.empty(); }

void HttpLoop::wait_for_something() {
  std::vector<pollfd> entries = {{bell_.fd, POLLIN, 0}, {stopping_ ? -1 : listener_, POLLIN, 0}};
  std::vector<Client*> polled;
  const auto await = [&](Client& client, int socket, short events) {
    entries.push_back({socket, events, 0});
    polled.push_back(&client);
  };
  bool streams = false, ready = false;
  for (auto& [id, client] : clients_) {
    ready = ready || client.ready;
    streams = streams || client.phase == Phase::streaming;
    if (client.relay && client.line.waiting() < kRoom) await(client, client.relay->socket(), client.relay->wants());
    // poll always reports a hang-up, which nobody could do anything about while CivetWeb works.
    const bool idle = client.phase == Phase::answering || (client.relay && client.line.waiting() == 0);
    if (!idle) await(client, client.line.socket(), client.line.wants());
  }
  const auto tick = streams ? kStreamTick : kTick;
  const int timeout = ready ? 0 : clients_.empty() && !stopping_ ? -1 : static_cast<int>(milliseconds(tick).count());
  ::poll(entries.data(), entries.size(), timeout);
  for (std::size_t i = 0; i < polled.size(); ++i) polled[i]->ready |= entries[i + 2].revents != 0;
  bell_.quiet();
}

void HttpLoop::accept_all() {
  for (int i = 0; i < kAcceptAtOnce; ++i) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
      // Out of descriptors: the client waits in the kernel until somebody made room.
      if (errno == EMFILE || errno == ENFILE) make_room(nullptr);
      return;
    }
    const auto context = certificate_ == nullptr ? nullptr : certificate_->context();
    auto& client = clients_.try_emplace(next_, socket, context).first->second;
    const auto id = next_++;
    enter(client, client.line.tls() ? Phase::shaking : Phase::reading);
    client.begun = true;
    const auto& address = client.line.address();
    const auto of_one = static_cast<std::size_t>(std::count_if(
        clients_.begin(), clients_.end(), [&](const auto& entry) { return entry.second.line.address() == address; }));
    const bool too_many = clients_.size() > limits_.connections;
    const bool too_many_of_one = !client.line.from_this_machine() && of_one > limits_.connections_of_one;
    if ((too_many_of_one && !make_room(&address)) || (too_many && !too_many_of_one && !make_room(nullptr))) {
      clients_.erase(id);
      continue;
    }
    step(client);
  }
}

// Ends the connection that has waited longest for its client, of `address` or of the address that has most of them. A
// client that asks in earnest is the newest, and needs its place for as long as its request is on the way.
bool HttpLoop::make_room(const std::string* address) {
  if (now_ - said_full_ > kSayAgain) {
    spdlog::warn("http: {} connections are open, those that ask for nothing make room", clients_.size());
    said_full_ = now_;
  }
  std::map<std::string, std::size_t> of_one;
  for (const auto& [id, client] : clients_) ++of_one[client.line.address()];
  auto found = clients_.end();
  for (auto at = clients_.begin(); at != clients_.end(); ++at) {
    const Client& client = at->second;
    const bool waits = client.phase == Phase::shaking || client.phase == Phase::reading ||
                       client.phase == Phase::draining || (client.phase == Phase::writing && now_ - client.moved > kStands);
    if (!waits || at->first + 1 == next_ || (address != nullptr && client.line.address() != *address)) continue;
    const auto rank = [&](const Client& one) { return std::pair(of_one[one.line.address()], now_ - one.since); };
    if (found == clients_.end() || rank(client) > rank(found->second)) found = at;
  }
  if (found == clients_.end()) return false;
  if (found->second.phase == Phase::writing) found->second.line.abort();
  clients_.erase(found);
  return true;
}

// First come, first served. Where all places are taken, who has held one for long by reading slowly gives it up.
void HttpLoop::begin_relays() {
  std::size_t taken = 0, waiting = 0;
  for (const auto& [id, client] : clients_) {
    taken += client.relay ? 1 : 0;
    waiting += client.phase == Phase::answering && !client.relay ? 1 : 0;
  }
  if (waiting == 0) return;
  for (auto& [id, client] : clients_) {
    if (taken < kInnerPlaces) break;
    if (!client.relay || client.phase != Phase::writing || now_ - client.since < kMayHold) continue;
    client.line.abort();
    client.relay.reset();
    client.phase = Phase::over;
    --taken;
  }
  for (auto& [id, client] : clients_) {
    if (taken == kInnerPlaces) return;
    if (client.phase != Phase::answering || client.relay) continue;
    client.relay = std::make_unique<Relay>(inner_.port(), inner_.secret(), client.reader.request());
    client.ready = true;
    ++taken;
  }
}

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
