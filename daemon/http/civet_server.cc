#include "daemon/http/civet_server.h"

#include <civetweb.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/http/api.h"
#include "daemon/http/tls_front.h"
#include "daemon/http/url.h"

namespace defuse {
namespace {

using std::chrono::milliseconds;
constexpr const char* kThreads = "24";    // one per open connection, idle ones included
constexpr int kMaxStreams = 8;            // each keeps a thread
constexpr milliseconds kEventWait{1000};  // also how long a stream may outlive the server's stop
constexpr std::uint64_t kFileBlock = 64 << 10;
constexpr auto kHeartbeat = std::chrono::seconds(15);

std::string lower(const char* text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

ApiRequest request_of(const mg_request_info& info, bool loopback) {
  ApiRequest request;
  request.method = text_or_empty(info.request_method);
  request.path = text_or_empty(info.local_uri_raw != nullptr ? info.local_uri_raw : info.request_uri);
  request.query = text_or_empty(info.query_string);
  request.remote = info.remote_addr;
  request.loopback = loopback;
  for (int i = 0; i < info.num_headers; ++i) {
    const auto& header = info.http_headers[i];
    auto [slot, fresh] = request.headers.emplace(lower(header.name), text_or_empty(header.value));
    if (!fresh) slot->second += ", " + text_or_empty(header.value);  // two Hosts name no host
  }
  return request;
}

// One byte over the limit is enough to know.
std::string read_body(mg_connection* connection, const mg_request_info& info, const ApiRequest& request) {
  std::string body;
  if (info.content_length <= 0 && !request.headers.contains("transfer-encoding")) return body;
  if (request.headers.contains("expect")) mg_printf(connection, "HTTP/1.1 100 Continue\r\n\r\n");
  std::array<char, 8192> chunk{};
  while (body.size() <= kMaxBodyBytes) {
    const int got = mg_read(connection, chunk.data(), chunk.size());
    if (got <= 0) break;
    body.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return body;
}

// A connection that ends before the promised length tells its client that something went wrong.
void send_file(mg_connection* connection, PlainFile& file, const std::atomic<bool>& stopping) {
  std::string block(kFileBlock, '\0');
  for (std::uint64_t left = file.size(); left > 0;) {
    const auto got = stopping ? Result<std::size_t>(0) : file.read(std::span(block).first(std::min(left, kFileBlock)));
    if (!got || *got == 0 || mg_write(connection, block.data(), *got) <= 0)
      return mg_disable_connection_keep_alive(connection);
    left -= *got;
  }
}

void send(mg_connection* connection, const ApiResponse& response, bool head_only) {
  mg_response_header_start(connection, response.status);
  if (!response.content_type.empty())
    mg_response_header_add(connection, "Content-Type", response.content_type.c_str(), -1);
  for (const auto& [name, value] : response.headers)
    mg_response_header_add(connection, name.c_str(), value.c_str(), -1);
  if (response.status != 204 && response.status != 304)
    mg_response_header_add(connection, "Content-Length",
                           std::to_string(response.file ? response.file->size() : response.body.size()).c_str(), -1);
  mg_response_header_send(connection);
  if (!head_only && !response.body.empty()) mg_write(connection, response.body.data(), response.body.size());
}

std::string one_line(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
  return text;
}

}  // namespace

HttpServer::HttpServer(ReadModel& read, Actions& actions, const std::filesystem::path& state_dir, bool loopback)
    : read_(read), actions_(actions), tokens_(state_dir), loopback_(loopback) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpSettings& settings, ReadModel& read, Actions& actions,
                                                      const std::filesystem::path& state_dir) {
  const bool loopback = is_loopback_host(settings.host);
  if (!loopback && settings.certificate.empty())
    return fail(ErrorCode::invalid_input,
                "http.listen: " + settings.host + " can be reached from other machines, which needs http.certificate");
  std::unique_ptr<HttpServer> server(new HttpServer(read, actions, state_dir, loopback));
  TRY_OK(server->listen(settings));
  return server;
}

Result<void> HttpServer::listen(const HttpSettings& settings) {
  static std::once_flag once;
  std::call_once(once, [] { mg_init_library(MG_FEATURES_DEFAULT); });
  const bool tls = !settings.certificate.empty();
  // Behind the TLS front CivetWeb is an inner part on a port of its own; whoever finds it still needs a token.
  const std::string address = tls                            ? "127.0.0.1:0"
                              : settings.host == "localhost" ? "127.0.0.1:" + std::to_string(settings.port)
                                                             : settings.host + ":" + std::to_string(settings.port);
  const char* options[] = {"listening_ports",
                           address.c_str(),
                           "num_threads",
                           kThreads,
                           "decode_url",
                           "no",  // url.h decodes, once, after splitting
                           "enable_keep_alive",
                           "yes",
                           "keep_alive_timeout_ms",
                           "1000",
                           "request_timeout_ms",
                           "10000",
                           "max_request_size",
                           "16384",
                           "tcp_nodelay",
                           "1",
                           "enable_directory_listing",
                           "no",
                           "enable_auth_domain_check",
                           "no",
                           "access_control_allow_origin",
                           "",  // other sites' pages have no business here
                           "access_control_allow_methods",
                           "",
                           "access_control_allow_headers",
                           "",
                           nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &HttpServer::on_request;
  callbacks.http_error = &HttpServer::on_error;
  callbacks.log_message = &HttpServer::on_log;
  std::array<char, 256> text{};
  unsigned code = 0;
  mg_error_data error{&code, text.data(), text.size()};
  mg_init_data init{&callbacks, this, options};
  context_ = mg_start2(&init, &error);
  if (context_ == nullptr)
    return fail(ErrorCode::unavailable,
                "cannot listen on " + address + ": " +
                    (text[0] == '\0' ? "the address is taken or not of this machine" : text.data()));
  if (tls) {
    std::array<mg_server_port, 4> ports{};
    mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data());
    TRY(front, TlsFront::start(settings, ports[0].port));
    tls_ = std::move(front);
  }
  return {};
}

// CivetWeb's accepting thread looks up from its sockets every two seconds only; a connection wakes it.
void HttpServer::stop_listening() {
  std::array<mg_server_port, 4> ports{};
  const int known = mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data());
  std::atomic<bool> stopped = false;
  std::thread waker([&stopped, port = known > 0 ? ports[0].port : 0] {
    while (!stopped && port != 0) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(port));
      if (fd >= 0) {
        // Whether it is accepted does not matter: the attempt is the message.
        [[maybe_unused]] const int tried = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        ::close(fd);
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  mg_stop(context_);
  stopped = true;
  waker.join();
}

HttpServer::~HttpServer() {
  stopping_ = true;
  tls_.reset();
  if (context_ != nullptr) stop_listening();
}

int HttpServer::port() const {
  if (tls_) return tls_->port();
  std::array<mg_server_port, 4> ports{};
  return mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data()) > 0 ? ports[0].port : 0;
}

int HttpServer::on_request(mg_connection* connection) noexcept {
  try {
    return static_cast<HttpServer*>(mg_get_request_info(connection)->user_data)->serve(connection);
  } catch (const std::exception& problem) {
    spdlog::error("http: a handler threw: {}", problem.what());
  } catch (...) {
    spdlog::error("http: a handler threw");
  }
  mg_printf(connection, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  mg_disable_connection_keep_alive(connection);
  return 500;
}

int HttpServer::serve(mg_connection* connection) {
  const auto& info = *mg_get_request_info(connection);
  auto request = request_of(info, loopback_);
  const bool too_long = info.content_length > static_cast<long long>(kMaxBodyBytes);
  if (!too_long) request.body = read_body(connection, info, request);
  const bool unread = too_long || request.body.size() > kMaxBodyBytes;
  if (unread) mg_disable_connection_keep_alive(connection);
  const auto response =
      too_long ? problem_response(413, "a request's body may have at most " + std::to_string(kMaxBodyBytes) + " bytes")
               : handle(request, read_, actions_, tokens_);
  const bool head_only = request.method == "HEAD";
  if (response.event_stream && !head_only)
    stream(connection, response);
  else
    send(connection, response, head_only);
  if (response.file && !head_only) send_file(connection, *response.file, stopping_);
  return response.status;
}

void HttpServer::stream(mg_connection* connection, const ApiResponse& response) {
  struct Slot {
    explicit Slot(std::atomic<int>& all) : count(all), number(all.fetch_add(1)) {}
    ~Slot() { --count; }
    std::atomic<int>& count;
    int number;
  } slot(streams_);
  if (slot.number >= kMaxStreams) {
    auto refused = problem_response(503, "too many clients listen to events already");
    refused.headers.emplace_back("Retry-After", "10");
    return send(connection, refused, /*head_only=*/false);
  }
  mg_disable_connection_keep_alive(connection);
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  head += "\r\n: events of defused\n\n";
  if (mg_write(connection, head.data(), head.size()) <= 0) return;
  auto id = response.event_id;
  auto last_word = std::chrono::steady_clock::now();
  while (!stopping_) {
    const auto asked = std::chrono::steady_clock::now();
    std::string text;
    for (const auto& event : read_.events_after(id, kEventWait)) {
      text += "id: " + std::to_string(event.id) + "\nevent: " + one_line(event.type) +
              "\ndata: " + one_line(event.data) + "\n\n";
      id = event.id;
    }
    const auto now = std::chrono::steady_clock::now();
    if (text.empty() && now - last_word >= kHeartbeat) text = ": still here\n\n";  // how a client that left is noticed
    if (!text.empty()) {
      if (mg_write(connection, text.data(), text.size()) <= 0) return;
      last_word = now;
    } else if (now - asked < milliseconds(10)) {
      std::this_thread::sleep_for(milliseconds(100));  // a read model that does not wait must not make us spin
    }
  }
}

int HttpServer::on_error(mg_connection* connection, int status, const char* message) noexcept {
  try {
    mg_disable_connection_keep_alive(connection);
    send(connection, problem_response(status, message == nullptr ? "" : message), /*head_only=*/false);
    return 0;
  } catch (...) {
    return 1;  // CivetWeb writes its own
  }
}

int HttpServer::on_log(const mg_connection*, const char* message) noexcept {
  try {
    spdlog::debug("http: {}", message);
  } catch (...) {
    return 1;
  }
  return 1;
}

}  // namespace defuse
