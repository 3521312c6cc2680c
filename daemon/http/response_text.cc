#include "daemon/http/response_text.h"

#include <time.h>

#include <algorithm>
#include <array>

#include "daemon/api/status_map.h"

namespace defuse {
namespace {

// A value that came from outside may end a header only by a bug elsewhere; it must not begin another one here.
void add(std::string& head, const std::string& name, std::string value) {
  std::replace_if(
      value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  head += name + ": " + value + "\r\n";
}

std::string date() {
  const auto now = ::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const auto size = ::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text.data(), size);
}

std::string begin(const ApiResponse& response, bool tls) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + status_title(response.status) + "\r\n";
  add(head, "Date", date());
  for (const auto& [name, value] : response.headers) add(head, name, value);
  if (tls) add(head, "Strict-Transport-Security", "max-age=31536000");
  return head;
}

}  // namespace

std::string response_head(const ApiResponse& response, bool keep_alive, bool tls) {
  std::string head = begin(response, tls);
  if (!response.content_type.empty()) add(head, "Content-Type", response.content_type);
  if (response.status != 204 && response.status != 304)
    add(head, "Content-Length", std::to_string(response.file ? response.file->size() : response.body.size()));
  add(head, "Connection", keep_alive ? "keep-alive" : "close");
  return head + "\r\n";
}

std::string relayed_head(const ApiResponse& response, bool keep_alive, bool tls) {
  std::string head = begin(response, tls);
  add(head, "Connection", keep_alive ? "keep-alive" : "close");
  return head + "\r\n";
}

std::string stream_head(const ApiResponse& response, bool tls) {
  std::string head = begin(response, tls);
  add(head, "Content-Type", "text/event-stream");
  add(head, "Connection", "close");
  return head + "\r\n: events of defused\n\n";
}

}  // namespace defuse
