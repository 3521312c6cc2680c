// Health for machines, metrics, and the description of the API itself.
#include "daemon/api/handlers.h"
#include "embedded/openapi.h"

namespace defuse::http {
namespace {

ApiResponse text_response(int status, std::string text) {
  ApiResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

std::string line(bool fine, const std::string& what, const std::string& problem) {
  return std::string(fine ? "[+] " : "[-] ") + what + (fine ? " ok" : ": " + problem) + "\n";
}

}  // namespace

// Asks nothing but "does this process answer": a locked store must not make a supervisor restart us.
Answer livez(const Call&) { return text_response(200, "ok\n"); }

// Ready means that questions get true answers: the first scan is done and the store can be read. A registry that went
// away later does not make us unready, because the gate still answers, and says so.
Answer readyz(const Call& call) {
  const auto status = call.read.status();
  const auto store = call.read.store();
  const bool ready = status.ready && store.has_value();
  std::string text = ready ? "ok\n" : "not ready\n";
  if (call.query.contains("verbose") && call.may_read) {
    text =
        line(status.ready, "first scan", "not done yet") +
        line(store.has_value(), "store", store ? "" : store.error().describe()) +
        line(status.registry_problem.empty(), "registry", status.registry_problem) +
        line(status.config_problem.empty(), "configuration", "the last reload was refused: " + status.config_problem) +
        line(status.certificate_problem.empty(), "certificate", status.certificate_problem);
    for (const auto& warning : status.warnings) text += "[!] " + warning + "\n";
    text += ready ? "ready\n" : "not ready\n";
  }
  auto response = text_response(ready ? 200 : 503, std::move(text));
  if (!ready) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Answer metrics(const Call& call) {
  auto response = text_response(200, call.read.metrics());
  response.content_type = "text/plain; version=0.0.4";
  return response;
}

Answer openapi(const Call&) {
  ApiResponse response;
  response.content_type = "application/json";
  response.body = embedded::openapi();
  return response;
}

}  // namespace defuse::http
