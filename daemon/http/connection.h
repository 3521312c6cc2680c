// One client's connection: its socket, TLS if there is any, what came in and what has to go out. Moves bytes without
// ever waiting and knows nothing of what they mean. Owned by the server's loop; one thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "daemon/api/plain_file.h"

struct ssl_ctx_st;
struct ssl_st;

namespace defuse {

// A socket on its way to a port of this machine; one that cannot get there shows in its first step. Negative without a
// descriptor.
int begin_connecting(int port);

class Connection {
 public:
  enum class Io { moved, wait, closed };

  // Takes the socket. Without a context bytes go as they are.
  Connection(int socket, const std::shared_ptr<ssl_ctx_st>& tls);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return socket_; }
  bool tls() const { return ssl_ != nullptr; }
  const std::string& address() const { return address_; }  // without the port
  bool from_this_machine() const { return from_this_machine_; }
  short wants() const { return wants_; }  // poll's events for what was last told to wait

  Io shake();                                  // `moved` once TLS is agreed on
  Io receive(std::string& in);                 // appends at most 16 KiB
  void send(std::string bytes);                // queued; flush() sends
  void send(std::shared_ptr<PlainFile> file);  // after the bytes, in blocks
  Io flush();                                  // `moved` once all is out; `wait` may have moved some: see sent()
  void finish();                               // tells the client that nothing more will come
  void abort();                                // what is still to go out is dropped, and the client told so
  std::size_t waiting() const { return out_.size() - out_done_; }
  std::uint64_t sent() const { return sent_; }

 private:
  Io verdict(int result);
  Io flush_bytes();

  int socket_;
  ssl_st* ssl_ = nullptr;
  std::string address_;
  bool from_this_machine_ = false;
  short wants_ = 0;
  std::string out_;
  std::size_t out_done_ = 0;
  std::shared_ptr<PlainFile> file_;
  std::uint64_t file_left_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace defuse
