#include "daemon/client/remote.h"

#include <fstream>

#include "core/base/sha256.h"
#include "core/base/url.h"

namespace defuse::ctl {

Error refusal(int status, const Json& body) {
  const auto detail = body.is_object() ? body.find("detail") : body.end();
  std::string words = body.is_object() && detail != body.end() && detail->is_string()
                          ? detail->get<std::string>()
                          : "defused answered with HTTP status " + std::to_string(status);
  switch (status) {
    case 400:
    case 413:
    case 414:
      return {ErrorCode::invalid_input, words, {}};
    case 401:
      return {ErrorCode::invalid_input, words + " (give it with --token-file or DEFUSED_TOKEN)", {}};
    case 403:
      return {ErrorCode::invalid_input, words, {}};
    case 404:
      return {ErrorCode::not_found, words, {}};
    case 409:
      return {ErrorCode::conflict, words, {}};
    default:
      return {ErrorCode::unavailable, words, {}};
  }
}

Result<Reply> Remote::ask(const std::string& method, const std::string& path, const Json& body,
                          std::chrono::milliseconds patience) const {
  HttpRequest request;
  request.timeout = patience;
  request.method = method;
  request.path = path;
  request.token = token_;
  if (!body.is_null()) request.body = dump_json(body);
  TRY(answer, http_ask(url_, request));
  Reply reply{answer.status, Json::object()};
  if (answer.body.empty()) return reply;
  auto parsed = parse_json(answer.body, "the answer");
  if (!parsed || !parsed->is_object())
    return fail(ErrorCode::corrupt, "what answers at " + url_.host + ":" + std::to_string(url_.port) +
                                        " is not defused (HTTP status " + std::to_string(answer.status) + ", no JSON)");
  reply.body = std::move(*parsed);
  return reply;
}

Result<Json> Remote::get(const std::string& path) const { return act("GET", path); }

Result<Json> Remote::act(const std::string& method, const std::string& path, const Json& body,
                         std::chrono::milliseconds patience) const {
  TRY(reply, ask(method, path, body, patience));
  if (reply.status < 200 || reply.status > 299) return tl::unexpected<Error>(refusal(reply.status, reply.body));
  return std::move(reply.body);
}

Result<std::string> Remote::fetch(const std::string& path) const {
  HttpRequest request;
  request.path = path;
  request.token = token_;
  TRY(answer, http_ask(url_, request));
  if (answer.status == 200) return std::move(answer.body);
  const auto parsed = parse_json(answer.body, "the answer");
  return tl::unexpected<Error>(refusal(answer.status, parsed ? *parsed : Json()));
}

Result<std::string> Remote::download(const std::string& path, const std::filesystem::path& file) const {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  Sha256 hash;
  HttpRequest request;
  request.path = path;
  request.token = token_;
  request.sink = [&](std::string_view bytes) -> Result<void> {
    hash.update(bytes);
    if (!out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      return fail(ErrorCode::io, "cannot write " + file.string());
    return {};
  };
  TRY(answer, http_ask(url_, request));
  if (answer.status != 200) {
    const auto parsed = parse_json(answer.body, "the answer");
    return tl::unexpected<Error>(refusal(answer.status, parsed ? *parsed : Json()));
  }
  out.close();
  if (!out) return fail(ErrorCode::io, "cannot write " + file.string());
  return hash.hex();
}

std::string text(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (!json.is_object() || found == json.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

std::string model_path(const std::string& model) { return "/v1/models/" + percent_encode(model); }

std::string version_path(const std::string& model, const std::string& version) {
  return model_path(model) + "/versions/" + percent_encode(version);
}

}  // namespace defuse::ctl
