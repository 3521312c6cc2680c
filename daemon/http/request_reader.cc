#include "daemon/http/request_reader.h"

#include <algorithm>
#include <charconv>

#include "core/base/ascii.h"

namespace defuse {
namespace {

constexpr std::size_t kMaxMethodBytes = 16;
constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kSymbols.find(c) != std::string_view::npos;
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool number_of(std::string_view text, int base, std::size_t& value) {
  if (text.empty() || text.size() > 15) return false;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

// Host names, addresses, brackets, a port; nothing that another reader could take for a path or a user's name.
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
}

bool names_once(const std::string& name) {
  return name == "host" || name == "content-length" || name == "transfer-encoding" || name == "content-type" ||
         name == "authorization" || name == "origin" || name == "expect";
}

}  // namespace

bool RequestReader::refuse(int status, std::string why) {
  state_ = State::refused;
  status_ = status;
  why_ = std::move(why);
  keep_alive_ = false;
  return false;
}

RequestReader::State RequestReader::feed(std::string& bytes) {
  if (state_ == State::head) {
    if (!scan(bytes) || head_size_ == 0) return state_;
    const std::string head = bytes.substr(0, head_size_);
    bytes.erase(0, head_size_);
    if (!read_head(head)) return state_;
    state_ = State::body;
  }
  if (state_ == State::body) chunked_ ? read_chunks(bytes) : read_body(bytes);
  return state_;
}

// Looks at each byte of the head once and at once: what cannot become a request is refused before its end.
bool RequestReader::scan(const std::string& bytes) {
  for (; scanned_ < bytes.size(); ++scanned_) {
    const char c = bytes[scanned_];
    const bool after_return = scanned_ > 0 && bytes[scanned_ - 1] == '\r';
    if ((c == '\n') != after_return) return refuse(400, "a line of the head must end with CR LF, and only there");
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\r' && c != '\n' && c != '\t') || byte == 0x7f)
      return refuse(400, "the head holds a control character");
    if (!line_read_ && scanned_ >= kMaxTargetBytes + 64) return refuse(414, "the address is too long");
    if (!line_read_ && scanned_ == kMaxMethodBytes && bytes.find(' ') > kMaxMethodBytes)
      return refuse(501, "no method has such a long name");
    if (c == '\n' && !line_read_) {
      if (!read_request_line(std::string_view(bytes).substr(0, scanned_ - 1))) return false;
      line_read_ = true;
    } else if (c == '\n' && scanned_ >= 3 && bytes.compare(scanned_ - 3, 4, "\r\n\r\n") == 0) {
      head_size_ = scanned_ + 1;
      return true;
    }
    if (scanned_ >= kMaxHeadBytes)
      return refuse(431, "the headers may have at most " + std::to_string(kMaxHeadBytes) + " bytes");
  }
  return true;
}

bool RequestReader::read_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
    return refuse(400, "a request begins with a method, an address and HTTP/1.1");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, second - first - 1);
  const auto version = line.substr(second + 1);
  if (!is_token(method)) return refuse(400, "this is no method");
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.')
    return refuse(400, "a request's first line ends with HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "this server speaks HTTP/1.1");
  // No proxy: an address with a scheme and a host in it has no business here.
  if (target.empty() || target.front() != '/') return refuse(400, "an address begins with a slash");
  if (target.size() > kMaxTargetBytes) return refuse(414, "the address is too long");
  for (const char c : target)
    if (c == '#' || c == '\t' || static_cast<unsigned char>(c) >= 0x80)
      return refuse(400, "the address holds a character that must be percent-encoded");
  old_ = version == "HTTP/1.0";
  request_.method = method;
  const auto question = target.find('?');
  request_.path = target.substr(0, question);
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
  return true;
}

bool RequestReader::read_head(std::string_view head) {
  head.remove_prefix(head.find('\n') + 1);  // the request line, which is read already
  for (auto end = head.find("\r\n"); end != 0; end = head.find("\r\n")) {
    if (!read_header(head.substr(0, end))) return false;
    head.remove_prefix(end + 2);
  }
  return settle_framing();
}

bool RequestReader::read_header(std::string_view line) {
  if (++headers_ > kMaxHeaders)
    return refuse(431, "a request may have at most " + std::to_string(kMaxHeaders) + " headers");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refuse(400, "a header is a name, a colon and a value on one line");
  const auto name = lower_ascii(line.substr(0, colon));
  const std::string value(trimmed(line.substr(colon + 1)));
  auto [slot, fresh] = request_.headers.emplace(name, value);
  if (!fresh && names_once(name)) return refuse(400, "the header " + name + " may be given once");
  if (!fresh) slot->second += ", " + value;
  return true;
}

// How long the body is, and what becomes of the connection.
bool RequestReader::settle_framing() {
  const auto& headers = request_.headers;
  const auto host = headers.find("host");
  if (host == headers.end() && !old_) return refuse(400, "the header Host is missing");
  if (host != headers.end() && !is_host(host->second)) return refuse(400, "the header Host names no host");
  const auto connection = headers.find("connection");
  keep_alive_ =
      !old_ && (connection == headers.end() || lower_ascii(connection->second).find("close") == std::string::npos);

  const auto length = headers.find("content-length");
  const auto coding = headers.find("transfer-encoding");
  if (coding != headers.end()) {
    if (length != headers.end() || old_) return refuse(400, "a body has a length or comes in chunks, not both");
    if (lower_ascii(coding->second) != "chunked") return refuse(501, "of transfer encodings only chunked is known");
    chunked_ = true;
  } else if (length != headers.end()) {
    if (length->second.empty() || length->second.find_first_not_of("0123456789") != std::string::npos)
      return refuse(400, "the header Content-Length is no length");
    if (!number_of(length->second, 10, expected_)) expected_ = kMaxBodyBytes + 1;  // too many digits to count
    if (expected_ > kMaxBodyBytes)
      return refuse(413, "a request's body may have at most " + std::to_string(kMaxBodyBytes) + " bytes");
  }
  if (const auto expect = headers.find("expect"); expect != headers.end()) {
    if (lower_ascii(expect->second) != "100-continue") return refuse(417, "of expectations only 100-continue is known");
    wants_continue_ = !old_;
  }
  return true;
}

void RequestReader::read_body(std::string& bytes) {
  const auto take = std::min(bytes.size(), expected_ - request_.body.size());
  request_.body.append(bytes, 0, take);
  bytes.erase(0, take);
  if (request_.body.size() == expected_) state_ = State::whole;
}

// Sizes without extensions, no trailers: nobody needs them here.
void RequestReader::read_chunks(std::string& bytes) {
  for (;;) {
    if (!in_chunk_) {
      const auto end = bytes.find('\n');
      if (end == std::string::npos) {
        if (bytes.size() > 16) refuse(400, "a chunk begins with its size");
        return;
      }
      if (end == 0 || bytes[end - 1] != '\r' || !number_of(std::string_view(bytes).substr(0, end - 1), 16, expected_)) {
        refuse(400, "a chunk begins with its size, in a line of its own");
        return;
      }
      if (expected_ > kMaxBodyBytes || request_.body.size() + expected_ > kMaxBodyBytes) {
        refuse(413, "a request's body may have at most " + std::to_string(kMaxBodyBytes) + " bytes");
        return;
      }
      bytes.erase(0, end + 1);
      in_chunk_ = true;
    }
    if (bytes.size() < expected_ + 2) return;  // at most one chunk waits, and it fits into the limit
    if (bytes.compare(expected_, 2, "\r\n") != 0) {
      refuse(400, expected_ == 0 ? "trailers are not taken" : "a chunk is longer than its size");
      return;
    }
    request_.body.append(bytes, 0, expected_);
    bytes.erase(0, expected_ + 2);
    in_chunk_ = false;
    if (expected_ != 0) continue;
    state_ = State::whole;
    return;
  }
}

}  // namespace defuse
