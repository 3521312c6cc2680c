// HTTP requests, as the API is given them: a byte of wishes (who asks, from where), then lines: method and target,
// headers, an empty line, the body. The daemon behind it has a version for each verdict, regions, a correction, waivers
// and an audit.
#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include "daemon/api/api.h"
#include "daemon/http/routes.h"
#include "reports/write_reports.h"
#include "tests/daemon/http/world.h"
#include "tests/fuzz/fuzz.h"
#include "tests/reports/sample_report.h"
#include "tests/support/repairs.h"

namespace defuse {
namespace {

using fuzz::require;
using testing::World;

constexpr std::string_view kMark = "<fuzz";  // the dictionary's; it must never come through as a tag

struct Daemon {
  World world;
  std::string reading, operating;

  Daemon() {
    reading = world.make_token("grafana", Scope::read);
    operating = world.make_token("ann", Scope::operate);
    for (const char* version : {"1", "2", "3", "4", "5", "6"}) world.release(version, version);
    world.judge("1", "1", VerdictState::pass);
    world.promote("1", "1");
    NewRegion region;
    region.region = samples::region(0);
    for (auto& sample : region.region.samples) sample.picture = "region-1-0.png";
    world.judge("2", "2", VerdictState::fail, "1", {testing::violation("accuracy/overall", "w-1")}, {region});
    world.judge("3", "3", VerdictState::inconclusive, "1");
    world.judge("4", "4", VerdictState::error, "1");
    world.start(world.enqueue("5", "5"));
    write_version_2();
    Waiver waiver = samples::waiver();
    waiver.model = "digits";
    check(world.store->waivers.add(waiver, "ann"));
    check(world.store->regions.label(region.region.id, "confirmed", "ann", "yes"));
    correct(region.region.id);
    world.read.events = {{1, "job", "{}"}, {2, "verdict", "{}"}};
  }

  template <class T>
  static void check(const Result<T>& result) {
    require(result.has_value(), "the daemon can be set up", result ? "" : result.error().describe());
  }

  // What its page shows comes from the report's files.
  void write_version_2() {
    const auto verdict = world.store->verdicts.latest("digits", testing::digest_of("2"));
    check(verdict);
    Report report = samples::report();
    samples::draw_pictures(report, world.tree / "pictures");
    check(write_reports(report, world.tree / (*verdict)->report, {}));
    world.write_document("2", "2", verdict_document(report));
  }

  void correct(const std::string& region) {
    RepairOrder order;
    order.regions = {{RegionId(region), 7, RegionEvidence::both, {1, 2}}};
    order.settings = few_settings();
    const auto job =
        world.store->jobs.enqueue_repair("digits", "2", testing::digest_of("2"), order, {"ann", "correct", "digits/2"});
    check(job);
    world.start(*job);
    check(world.store->jobs.move(*job, JobState::done, {}));
    const auto folder = "corrections/" + std::to_string(*job) + "/";
    world.tree.file(folder + "correction.json", dump_json(to_json(mended_result(region))))
        .file(folder + "sweep.svg", "<svg/>")
        .file(folder + "manifest.json", R"({"sha256":"abc"})")
        .file(folder + "model.pt", "the model");
  }
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view take_until(std::string_view& rest, char end) {
  const auto at = rest.find(end);
  const auto found = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return found;
}

enum Who { nobody, reader, operator_, stranger };

ApiRequest request_of(fuzz::Input& input, const Daemon& daemon, Who& who) {
  const auto wishes = input.byte();
  auto rest = input.rest();
  ApiRequest request;
  request.loopback = (wishes & 1) == 0;
  who = static_cast<Who>((wishes >> 1) & 3);
  auto line = take_until(rest, '\n');
  request.method = take_until(line, ' ');
  request.path = take_until(line, '?');
  request.query = line;
  for (line = take_until(rest, '\n'); !line.empty(); line = take_until(rest, '\n')) {
    const auto name = take_until(line, ':');
    if (line.starts_with(' ')) line.remove_prefix(1);
    request.headers.emplace(lower(name), line);
  }
  request.body = rest;
  if (who == reader) request.headers["authorization"] = "Bearer " + daemon.reading;
  if (who == operator_) request.headers["authorization"] = "Bearer " + daemon.operating;
  if (who == stranger) request.headers["authorization"] = "Bearer dfs_" + std::string(43, 'x');
  return request;
}

const std::set<int> kStatuses = {200, 201, 202, 204, 303, 400, 401, 403, 404,
                                 405, 409, 412, 413, 414, 415, 421, 422, 503};

void check_headers(const ApiResponse& response) {
  std::set<std::string> names;
  for (const auto& [name, value] : response.headers) {
    require(names.insert(lower(name)).second, "a header is given once", name);
    const auto plain = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
    require(std::all_of(value.begin(), value.end(), plain) && std::all_of(name.begin(), name.end(), plain),
            "headers cannot be split", name + ": " + value);
  }
  for (const char* name : {"content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
                           "cross-origin-resource-policy", "cache-control"})
    require(names.contains(name), "security headers are always there", name);
  if (response.status == 401) require(names.contains("www-authenticate"), "401 says what it wants");
  if (response.status == 405) require(names.contains("allow"), "405 says what is allowed");
}

// <script src="/assets/…"></script>, and nothing within.
bool is_named_script(std::string_view rest) {
  const auto end = rest.find('>');
  return end != std::string_view::npos && rest.substr(0, end).find(" src=\"/assets/") != std::string_view::npos &&
         rest.substr(end + 1).starts_with("</script>");
}

// Words of the request may stand in a page, braces and all.
bool brings_braces(const ApiRequest& request) {
  const std::string words = request.path + request.query + request.body;
  return words.find('{') != std::string::npos || words.find("%7b") != std::string::npos ||
         words.find("%7B") != std::string::npos;
}

void check_body(const ApiRequest& request, const ApiResponse& response) {
  const auto& type = response.content_type;
  if (type.find("json") != std::string::npos && !response.file) {
    const auto json = parse_json(response.body, "the answer");
    require(json && json->is_object(), "JSON answers are objects", response.body);
  }
  if (response.status >= 400 && type == "application/problem+json") {
    const auto json = parse_json(response.body, "the answer").value();
    require(json.at("status") == response.status && !json.at("detail").get<std::string>().empty(),
            "a problem says what it is", response.body);
  }
  if (type.starts_with("text/html")) {
    require(fuzz::is_utf8(response.body), "pages are UTF-8", response.body);
    require(response.body.find(kMark) == std::string::npos, "pages are escaped", response.body);
    require(brings_braces(request) || response.body.find("{{") == std::string::npos, "a page is filled in",
            response.body);
    for (auto at = response.body.find("<script"); at != std::string::npos; at = response.body.find("<script", at + 1))
      require(is_named_script(std::string_view(response.body).substr(at)), "no script stands in a page", response.body);
  }
}

// No one in: reading from elsewhere needs a token, acting a token that may.
void check_access(const ApiRequest& request, const ApiResponse& response, Who who, const World& world) {
  const bool acted = !world.actions.asked.empty();
  require(!acted || who == operator_, "only operators act", acted ? world.actions.asked.front() : "");
  if (request.loopback || who == reader || who == operator_ || response.status >= 400) return;
  static const std::set<std::string> kOpen = {"/livez", "/readyz", "/healthz", "/v1/openapi.json"};
  require(kOpen.contains(request.path) || request.path.find("assets") != std::string::npos ||
              request.path.find('%') != std::string::npos,
          "nobody reads without a token", request.path);
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  static Daemon daemon;
  auto& world = daemon.world;
  fuzz::Input input(data, size);
  Who who = nobody;
  const auto request = request_of(input, daemon, who);
  world.actions.asked.clear();
  const auto response = handle(request, world.read, world.actions, world.tokens);
  require(kStatuses.contains(response.status), "statuses are those we document",
          std::to_string(response.status) + " " + response.body);
  check_headers(response);
  check_body(request, response);
  check_access(request, response, who, world);
  return 0;
}
