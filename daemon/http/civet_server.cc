#include "daemon/http/civet_server.h"

#include <civetweb.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/ascii.h"
#include "core/base/url.h"
#include "daemon/api/api.h"
#include "daemon/http/connection.h"
#include "daemon/http/routes.h"

namespace defuse {
namespace {

using std::chrono::milliseconds;
constexpr const char* kThreads = "20";  // more than kInnerPlaces
constexpr std::uint64_t kFileBlock = 64 << 10;

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

ApiRequest request_of(const mg_request_info& info, bool loopback) {
  ApiRequest request;
  request.method = text_or_empty(info.request_method);
  request.path = text_or_empty(info.local_uri_raw != nullptr ? info.local_uri_raw : info.request_uri);
  request.query = text_or_empty(info.query_string);
  request.loopback = loopback;
  for (int i = 0; i < info.num_headers; ++i) {
    const auto& header = info.http_headers[i];
    auto [slot, fresh] = request.headers.emplace(lower_ascii(header.name), text_or_empty(header.value));
    if (!fresh) slot->second += ", " + text_or_empty(header.value);  // two Hosts name no host
  }
  if (const auto remote = request.headers.extract(kRemoteHeader)) request.remote = remote.mapped();
  return request;
}

// One byte over the limit is enough to know.
std::string read_body(mg_connection* connection, const mg_request_info& info, const ApiRequest& request) {
  std::string body;
  if (info.content_length <= 0 && !request.headers.contains("transfer-encoding")) return body;
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
  if (response.event_stream)
    mg_response_header_add(connection, kEventHeader, std::to_string(response.event_id).c_str(), -1);
  mg_response_header_send(connection);
  if (!head_only && !response.body.empty()) mg_write(connection, response.body.data(), response.body.size());
}

std::string new_secret() {
  std::array<unsigned char, 24> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace

CivetServer::CivetServer(ReadModel& read, Actions& actions, const std::filesystem::path& state_dir, bool loopback)
    : read_(read), actions_(actions), tokens_(state_dir), loopback_(loopback), secret_(new_secret()) {}

Result<std::unique_ptr<CivetServer>> CivetServer::start(ReadModel& read, Actions& actions,
                                                        const std::filesystem::path& state_dir, bool loopback) {
  std::unique_ptr<CivetServer> server(new CivetServer(read, actions, state_dir, loopback));
  if (server->secret_.empty()) return fail(ErrorCode::unavailable, "no random bytes from the system");
  TRY_OK(server->listen());
  return server;
}

Result<void> CivetServer::listen() {
  static std::once_flag once;
  std::call_once(once, [] { mg_init_library(MG_FEATURES_DEFAULT); });
  const char* options[] = {"listening_ports",
                           "127.0.0.1:0",
                           "num_threads",
                           kThreads,
                           "decode_url",
                           "no",  // url.h decodes, once, after splitting
                           "enable_keep_alive",
                           "no",
                           "request_timeout_ms",
                           "30000",  // longer than the front bears a client that takes nothing
                           "max_request_size",
                           "32768",
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
  callbacks.begin_request = &CivetServer::on_request;
  callbacks.http_error = &CivetServer::on_error;
  callbacks.log_message = &CivetServer::on_log;
  std::array<char, 256> text{};
  unsigned code = 0;
  mg_error_data error{&code, text.data(), text.size()};
  mg_init_data init{&callbacks, this, options};
  context_ = mg_start2(&init, &error);
  if (context_ == nullptr)
    return fail(ErrorCode::unavailable,
                std::string("no inner port on 127.0.0.1: ") + (text[0] == '\0' ? "none is free" : text.data()));
  return {};
}

// CivetWeb's accepting thread looks up from its sockets every two seconds only; a connection wakes it.
void CivetServer::stop_listening() {
  std::array<mg_server_port, 4> ports{};
  const int known = mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data());
  std::atomic<bool> stopped = false;
  std::thread waker([&stopped, port = known > 0 ? ports[0].port : 0] {
    while (!stopped && port != 0) {
      // Whether it is accepted does not matter: the attempt is the message.
      if (const int fd = begin_connecting(port); fd >= 0) ::close(fd);
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  mg_stop(context_);
  stopped = true;
  waker.join();
}

CivetServer::~CivetServer() {
  stopping_ = true;
  if (context_ != nullptr) stop_listening();
}

int CivetServer::port() const {
  std::array<mg_server_port, 4> ports{};
  return mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data()) > 0 ? ports[0].port : 0;
}

int CivetServer::on_request(mg_connection* connection) noexcept {
  try {
    return static_cast<CivetServer*>(mg_get_request_info(connection)->user_data)->serve(connection);
  } catch (const std::exception& problem) {
    spdlog::error("http: a handler threw: {}", problem.what());
  } catch (...) {
    spdlog::error("http: a handler threw");
  }
  on_error(connection, 500, "the request could not be carried out; see the daemon's log");
  return 500;
}

int CivetServer::serve(mg_connection* connection) {
  const auto& info = *mg_get_request_info(connection);
  auto request = request_of(info, loopback_);
  const auto given = request.headers.extract(kSecretHeader);
  if (!given || given.mapped().size() != secret_.size() ||
      CRYPTO_memcmp(given.mapped().data(), secret_.data(), secret_.size()) != 0) {
    mg_disable_connection_keep_alive(connection);
    send(connection, problem_response(403, "this port is not for clients"), /*head_only=*/false);
    return 403;
  }
  const bool too_long = info.content_length > static_cast<long long>(kMaxBodyBytes);
  if (!too_long) request.body = read_body(connection, info, request);
  const bool unread = too_long || request.body.size() > kMaxBodyBytes;
  if (unread) mg_disable_connection_keep_alive(connection);
  const auto response =
      too_long ? problem_response(413, "a request's body may have at most " + std::to_string(kMaxBodyBytes) + " bytes")
               : handle(request, read_, actions_, tokens_);
  const bool head_only = request.method == "HEAD";
  send(connection, response, head_only);
  if (response.file && !head_only) send_file(connection, *response.file, stopping_);
  return response.status;
}

int CivetServer::on_error(mg_connection* connection, int status, const char* message) noexcept {
  try {
    mg_disable_connection_keep_alive(connection);
    send(connection, problem_response(status, message == nullptr ? "" : message), /*head_only=*/false);
    return 0;
  } catch (...) {
    return 1;  // CivetWeb writes its own
  }
}

int CivetServer::on_log(const mg_connection*, const char* message) noexcept {
  try {
    spdlog::debug("http: {}", message);
  } catch (...) {
    return 1;
  }
  return 1;
}

}  // namespace defuse
