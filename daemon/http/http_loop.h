// The loop of the HTTP server (server.h says why there is one): every connection of every client, one thread.
// A connection's way:
//
//   shaking ─► reading ─► answering ─► writing ─► reading …   until either side has enough; then draining ─► gone
//                              └─────► streaming              /v1/events
//
// A phase ends by its work or by its time (http_phases.cc; who has a place is decided in http_loop.cc). Only whole
// requests go on to CivetWeb (relay.h), a few at once; the others wait their turn in `answering`. An answer is taken
// from it faster than a slow client takes it from here. Constructed and destroyed by HttpServer; everything private
// belongs to the loop's thread.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "daemon/http/connection.h"
#include "daemon/http/relay.h"
#include "daemon/http/request_reader.h"
#include "daemon/http/server.h"

namespace defuse {

class HttpLoop {
 public:
  // `listener`: listening, non-blocking; taken. `certificate`: null for plain HTTP; it and `inner` outlive this.
  HttpLoop(int listener, const TlsCertificate* certificate, ReadModel& read, const CivetServer& inner,
           const HttpLimits& limits);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  int port() const { return port_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase { shaking, reading, answering, writing, streaming, draining, over };

  struct Client {
    Client(int socket, const std::shared_ptr<ssl_ctx_st>& tls) : line(socket, tls) {}
    Connection line;
    Phase phase = Phase::reading;
    Clock::time_point since{};  // when the phase began
    Clock::time_point moved{};  // when the last byte went
    RequestReader reader;
    std::string in;
    std::unique_ptr<Relay> relay;  // of the request under way, until all of its answer is here
    bool ready = true;             // something can be moved
    bool begun = false;            // the request under way has sent something, or is the first
    bool continued = false;
    bool keep = false;
    bool head_only = false;
    std::uint64_t event = 0;        // of a stream: the last one that was sent
    Clock::time_point last_word{};  // of a stream
  };
  using Clients = std::map<std::uint64_t, Client>;
  static constexpr std::size_t kRoom = 1 << 20;  // bytes of an answer that are kept for a client

  void run();
  void wait_for_something();
  void accept_all();
  bool is_waiting(const Client& client) const;
  bool make_room(const std::string* address, const char* why);
  void begin_relays();
  void collect(Client& client);
  void step(Client& client);
  void enter(Client& client, Phase phase);
  void read(Client& client);
  void answer(Client& client, ApiResponse response);
  void write(Client& client);
  void stream(Client& client);
  void drain(Client& client);
  void end_overdue(Client& client);
  bool is_overdue(const Client& client) const;
  bool may_end() const;

  struct WakeUp {  // wakes the loop
    WakeUp();
    ~WakeUp();
    void signal() const;
    void clear() const;
    int fd;
  };

  int listener_;
  WakeUp wake_up_;
  int port_ = 0;
  const TlsCertificate* certificate_;
  ReadModel& read_;
  const CivetServer& inner_;
  const HttpLimits limits_;
  Clients clients_;
  std::uint64_t next_ = 1;
  Clock::time_point now_{};
  bool full_ = false;  // nobody more can be let in for now
  Clock::time_point said_full_{};
  std::optional<Clock::time_point> stopped_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace defuse
