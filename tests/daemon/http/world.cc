#include "tests/daemon/http/world.h"

#include <cstdio>
#include <cstdlib>

#include "core/base/sha256.h"

namespace defuse::testing {
namespace {

template <class T>
auto must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "cannot set the test up: %s\n", result.error().describe().c_str());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

const std::string kPng("\x89PNG\r\n\x1a\n and so on");

Digest digest_of(const std::string& name) { return Digest(name.empty() ? "" : sha256_hex(name)); }

World::World() {
  auto& config = *read.settings;
  config.state_dir = tree.root();
  config.models["digits"].name = "digits";
  read.daemon.ready = true;
  store = must(Store::open(tree / "defused.db", Store::Mode::read_write, clock));
}

void World::release(const std::string& version, const std::string& digest_word) {
  Candidate candidate;
  candidate.model = "digits";
  candidate.version = Version(version);
  candidate.digest = digest_of(digest_word);
  candidate.artifact = "/registry/digits/" + version + "/model.pt";
  candidate.seen_at = clock.now();
  must(store->versions.put(candidate, "fingerprint of " + digest_word));
}

std::int64_t World::enqueue(const std::string& version, const std::string& digest_word) {
  return must(store->jobs.enqueue("digits", Version(version), digest_of(digest_word), 0,
                                  {"daemon", "queue", "digits/" + version}));
}

void World::start(std::int64_t job) { must(store->jobs.move(job, JobState::running, {})); }

void World::judge(const std::string& version, const std::string& digest_word, VerdictState state,
                  const std::string& incumbent, std::vector<Finding> findings, std::vector<NewRegion> regions) {
  const auto job = enqueue(version, digest_word);
  start(job);
  VerdictRow row;
  row.job = job;
  row.model = "digits";
  row.version = Version(version);
  row.digest = digest_of(digest_word);
  row.created = clock.now();
  row.incumbent_version = Version(incumbent);
  row.incumbent_digest = digest_of(incumbent);
  row.verdict.state = state;
  row.verdict.reason = "because of " + std::string(to_string(state));
  row.verdict.reasons = {row.verdict.reason};
  row.verdict.checks = {{"accuracy", CheckMode::block, state, row.verdict.reason}};
  row.verdict.findings = std::move(findings);
  row.report = "reports/digits/" + version + "/" + std::to_string(job);
  tree.file(row.report / "report.json", "{\"verdict\": {}}\n").file(row.report / "report.html", "<!doctype html>");
  tree.file(row.report / "report.md", "# report\n").file(row.report / "report.junit.xml", "<testsuites/>");
  tree.file(row.report / "report.sarif", "{\"version\": \"2.1.0\"}").file(row.report / "region-1-0.png", kPng);
  must(store->verdicts.finish_job(job, state == VerdictState::error ? JobState::failed : JobState::done, row, regions));
}

void World::write_document(const std::string& version, const std::string& digest_word, const Json& document) {
  const auto job = must(store->jobs.last_gate("digits", digest_of(digest_word)));
  tree.file("reports/digits/" + version + "/" + std::to_string(job.value().id) + "/verdict.json", dump_json(document));
}

void World::promote(const std::string& version, const std::string& digest_word) {
  must(store->promotions.promote("digits", Version(version), digest_of(digest_word), PromotionKind::promote, "ann",
                                 "better"));
}

std::string World::make_token(const std::string& name, Scope scope) {
  return must(create_token(tree.root(), name, scope, clock));
}

ApiResponse World::ask(const std::string& method, const std::string& target, const std::string& body,
                       const std::string& token) {
  ApiRequest request;
  request.method = method;
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
  request.headers = headers;
  request.headers.emplace("host", "127.0.0.1:8470");
  if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
  request.body = body;
  if (!body.empty()) request.headers.emplace("content-type", "application/json");
  request.loopback = loopback;
  return handle(request, read, actions, tokens);
}

Json World::get_json(const std::string& target) { return must(parse_json(get(target).body, target)); }

Finding violation(const std::string& id, const std::string& waiver) {
  Finding finding;
  finding.id = id;
  finding.check = "accuracy";
  finding.subject = "overall";
  finding.decision = Decision::violation;
  finding.value = 0.91;
  finding.sentence = "It is worse.";
  finding.waiver = waiver;
  return finding;
}

std::string header_of(const ApiResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

}  // namespace defuse::testing
