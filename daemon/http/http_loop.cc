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

namespace defuse {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto kMayHold = 2s;        // how long a slow client keeps a place at CivetWeb that another waits for
constexpr auto kTick = 250ms;        // how soon it is noticed that a time is up
constexpr auto kStreamTick = 100ms;  // how soon an event reaches its listeners
constexpr auto kSayAgain = 60s;      // that all places are taken
constexpr auto kStands = 2s;         // a reader that has taken nothing for so long may have to go
constexpr auto kArrives = 100ms;     // what a client needs at the least to say what it has come for
constexpr int kAcceptAtOnce = 64;

int port_of(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

HttpLoop::WakeUp::WakeUp() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
HttpLoop::WakeUp::~WakeUp() { ::close(fd); }

void HttpLoop::WakeUp::signal() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

void HttpLoop::WakeUp::clear() const {
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
  wake_up_.signal();
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
  std::vector<pollfd> entries = {{wake_up_.fd, POLLIN, 0}, {stopping_ || full_ ? -1 : listener_, POLLIN, 0}};
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
  const auto tick = streams || full_ ? kStreamTick : kTick;
  const int timeout = ready                                      ? 0
                      : clients_.empty() && !stopping_ && !full_ ? -1
                                                                 : static_cast<int>(milliseconds(tick).count());
  ::poll(entries.data(), entries.size(), timeout);
  for (std::size_t i = 0; i < polled.size(); ++i) polled[i]->ready |= entries[i + 2].revents != 0;
  wake_up_.clear();
}

// Who comes when all places are taken by such as ask in earnest is the last to be let in, one above the number; the
// next ones wait in the kernel, where nobody is turned away, until one of them is answered.
void HttpLoop::accept_all() {
  full_ = false;
  for (int i = 0; i < kAcceptAtOnce; ++i) {
    if (clients_.size() > limits_.connections && !make_room(nullptr, "as many as may be")) {
      full_ = true;
      return;
    }
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
      // Out of descriptors: the client waits in the kernel as well.
      full_ = (errno == EMFILE || errno == ENFILE) && !make_room(nullptr, "and no descriptor is left");
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
    if (!client.line.from_this_machine() && of_one > limits_.connections_of_one &&
        !make_room(&address, "too many from one address")) {
      clients_.erase(id);
      continue;
    }
    step(client);
  }
}

// For its client, who could go on and does not.
bool HttpLoop::is_waiting(const Client& client) const {
  switch (client.phase) {
    case Phase::shaking:
      return now_ - client.since > kArrives;
    case Phase::reading:
      return !client.begun || now_ - client.since > kArrives;
    case Phase::writing:
      return now_ - client.moved > kStands;
    default:
      return client.phase == Phase::draining;
  }
}

// Ends the connection that has waited longest for its client, of `address` or of the address that has most of them.
bool HttpLoop::make_room(const std::string* address, const char* why) {
  if (now_ - said_full_ > kSayAgain) {
    spdlog::warn("http: {} connections are open, {}: those that ask for nothing make room", clients_.size(), why);
    said_full_ = now_;
  }
  std::map<std::string, std::size_t> of_one;
  for (const auto& [id, client] : clients_) ++of_one[client.line.address()];
  auto found = clients_.end();
  for (auto at = clients_.begin(); at != clients_.end(); ++at) {
    const Client& client = at->second;
    if (!is_waiting(client) || (address != nullptr && client.line.address() != *address)) continue;
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

}  // namespace defuse
