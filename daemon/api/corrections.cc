// Repairs: ordering one, and what a finished one left. Files are found by a job's number only.
#include "daemon/api/corrections.h"

#include "core/verdict/job.h"
#include "daemon/api/handlers.h"
#include "daemon/api/plain_file.h"

namespace defuse::http {
namespace {

constexpr std::uint64_t kMaxPicture = 4ULL << 20;
constexpr std::uint64_t kMaxManifest = 1ULL << 20;

// The picture has its own style in it, and nothing else.
constexpr const char* kPicturePolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string job_url(const JobRow& job) { return "/v1/jobs/" + std::to_string(job.id) + "/correction"; }

std::filesystem::path folder_of(const JobRow& job) {
  return std::filesystem::path("corrections") / std::to_string(job.id);
}

Result<std::vector<std::string>> regions_of(const Json& body) {
  std::vector<std::string> regions;
  const auto found = body.find("regions");
  if (found == body.end() || found->is_null()) return regions;
  if (!found->is_array()) return fail(ErrorCode::invalid_input, "body.regions: expected a list of regions");
  for (const auto& item : *found) {
    if (!item.is_string() || !is_valid_name(item.get<std::string>()))
      return fail(ErrorCode::invalid_input, "body.regions: '" + dump_json(item) + "' is not a region");
    regions.push_back(item.get<std::string>());
  }
  return regions;
}

// What is left out is as `defusectl correct` has it.
Result<RepairSettings> settings_of(const Json& body) {
  Json settings = to_json(RepairSettings{});
  for (const auto& item : body.items())
    if (item.key() != "regions" && !item.value().is_null()) settings[item.key()] = item.value();
  return repair_settings_from_json(settings, "body");
}

Result<std::string> read_kept(const Call& call, const JobRow& job, const char* name, std::uint64_t most) {
  auto bytes = read_plain_file(call.read.config()->state_dir, folder_of(job), name, most);
  if (bytes || bytes.error().code != ErrorCode::not_found) return bytes;
  return fail(ErrorCode::not_found, "what job " + std::to_string(job.id) + " made is no longer kept");
}

// The tuned model's manifest; `not_found`, with the reason, where no model was chosen.
Result<Json> manifest_of(const Call& call, const JobRow& job) {
  TRY(result, repair_result(call, job));
  if (!result.chosen)
    return fail(ErrorCode::not_found, "job " + std::to_string(job.id) + " chose no model: " + result.reason);
  TRY(text, read_kept(call, job, "manifest.json", kMaxManifest));
  return parse_json(text, "manifest.json");
}

Result<JobRow> finished(const Call& call) {
  TRY(job, repair_job(call));
  if (job.state == JobState::done) return job;
  const auto words = "job " + std::to_string(job.id) + " is " + std::string(to_string(job.state));
  if (!is_final(job.state)) return fail(ErrorCode::unavailable, words);
  return fail(ErrorCode::conflict, words + (job.error.empty() ? "" : ": " + job.error));
}

}  // namespace

Result<JobRow> repair_job(const Call& call) {
  TRY(store, call.read.store());
  TRY(job, store->jobs.find(std::stoll(call.at("job"))));
  if (!job) return fail(ErrorCode::not_found, "no job " + call.at("job"));
  if (job->kind != JobKind::repair)
    return fail(ErrorCode::not_found, "job " + call.at("job") + " is a gate: it left a report, not a correction");
  return std::move(*job);
}

Result<RepairResult> repair_result(const Call& call, const JobRow& job) {
  TRY(text, read_kept(call, job, "correction.json", kMaxResultBytes));
  TRY(json, parse_json(text, "correction.json"));
  return repair_result_from_json(json);
}

Answer correct(const Call& call) {
  TRY(body, body_of(call, {"regions", "lambdas", "steps", "batch", "learning_rate", "max_loss", "distillation",
                           "distillation_weight", "update_batch_norm"}));
  RepairRequest wanted;
  TRY(regions, regions_of(body));
  TRY(settings, settings_of(body));
  wanted.regions = std::move(regions);
  wanted.settings = std::move(settings);
  TRY(store, call.read.store());
  TRY_OK(known_model(call, *store));
  TRY(job, call.actions.correct(call.model(), call.version(), wanted, call.who()));
  auto response = json_response({{"job", job},
                                 {"kind", to_string(JobKind::repair)},
                                 {"model", call.model()},
                                 {"version", call.version()},
                                 {"state", "queued"}},
                                202);
  response.headers.emplace_back("Location", "/v1/jobs/" + std::to_string(job));
  return response;
}

Answer correction(const Call& call) {
  TRY(job, finished(call));
  TRY(result, repair_result(call, job));
  TRY(store, call.read.store());
  TRY(order, store->jobs.repair_order(job.id));
  TRY(version, store->versions.by_digest(job.model, job.digest));
  Json regions = Json::array();
  for (const auto& region : order.regions)
    regions.push_back({{"id", region.id}, {"label", region.label}, {"seeds", region.seeds.size()}});
  Json digest;
  if (result.chosen) {
    TRY(manifest, manifest_of(call, job));
    digest = manifest["sha256"];
  }
  return json_response({{"job", job_json(job)},
                        {"regions", std::move(regions)},
                        {"settings", to_json(order.settings)},
                        {"result", to_json(result)},
                        {"sha256", std::move(digest)},
                        {"labels", version ? version->labels : std::vector<std::string>()},
                        {"model", result.chosen ? Json(job_url(job) + "/model.pt") : Json()},
                        {"manifest", result.chosen ? Json(job_url(job) + "/manifest.json") : Json()},
                        {"picture", job_url(job) + ".svg"}});
}

Answer repair_picture(const Call& call) {
  TRY(job, finished(call));
  TRY(picture, read_kept(call, job, "sweep.svg", kMaxPicture));
  ApiResponse response;
  response.content_type = "image/svg+xml";
  response.headers.emplace_back("Content-Security-Policy", kPicturePolicy);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  response.body = std::move(picture);
  return response;
}

Answer repair_manifest(const Call& call) {
  TRY(job, finished(call));
  TRY(manifest, manifest_of(call, job));
  return json_response(manifest);
}

Answer repair_model(const Call& call) {
  TRY(job, finished(call));
  TRY(manifest, manifest_of(call, job));
  const auto digest = manifest.find("sha256");
  if (digest == manifest.end() || !digest->is_string())
    return fail(ErrorCode::corrupt, "manifest.json names no sha256");
  const auto tag = "\"" + digest->get<std::string>() + "\"";
  ApiResponse response;
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  if (const auto have = call.request.headers.find("if-none-match");
      have != call.request.headers.end() && have->second == tag) {
    response.status = 304;
    return response;
  }
  TRY(file, PlainFile::open(call.read.config()->state_dir, folder_of(job), "model.pt"));
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"model.pt\"");
  response.file = std::move(file);
  return response;
}

}  // namespace defuse::http
