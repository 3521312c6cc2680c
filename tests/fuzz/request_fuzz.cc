// The bytes of a connection, before anything is a request: the first byte says in what pieces they come. However they
// are cut, the same requests come out, and the same refusal.
#include <algorithm>
#include <string>
#include <vector>

#include "daemon/http/request_reader.h"
#include "tests/fuzz/fuzz.h"

namespace defuse {
namespace {

struct Told {
  std::vector<std::string> requests;
  int refused = 0;
  bool operator==(const Told&) const = default;
};

std::string text_of(const ApiRequest& request) {
  std::string text = request.method + " " + request.path + "?" + request.query + "\n";
  for (const auto& [name, value] : request.headers) text += name + ": " + value + "\n";
  return text + "\n" + request.body;
}

void check(RequestReader& reader) {
  const auto& request = reader.request();
  fuzz::require(request.path.starts_with('/') && request.path.find_first_of("?# \r\n") == std::string::npos,
                "a path is a path", request.path);
  fuzz::require(request.query.find_first_of("# \r\n") == std::string::npos, "a query is a query", request.query);
  fuzz::require(request.body.size() <= kMaxBodyBytes, "a body keeps its limit");
  for (const auto& [name, value] : request.headers)
    fuzz::require((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
                  "no header holds another", value);
}

Told read(std::string_view bytes, std::size_t piece) {
  Told told;
  RequestReader reader;
  std::string waiting;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    waiting += bytes.substr(at, piece);
    while (reader.feed(waiting) == RequestReader::State::whole) {
      check(reader);
      told.requests.push_back(text_of(reader.request()));
      reader = {};
      if (waiting.empty()) break;
    }
    if (reader.state() != RequestReader::State::refused) continue;
    fuzz::require(reader.status() >= 400 && reader.status() < 600 && !reader.why().empty(), "a refusal says why");
    told.refused = reader.status();
    break;
  }
  return told;
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  const std::size_t piece = 1 + input.byte();
  fuzz::require(read(input.rest(), piece) == read(input.rest(), input.rest().size() + 1), "pieces do not matter");
  return 0;
}
