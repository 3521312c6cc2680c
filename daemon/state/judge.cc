#include "daemon/state/judge.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/cache/npy_array.h"
#include "core/wire/documents.h"
#include "reports/write_reports.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFrozen = 256ULL << 20;
constexpr std::uint64_t kMaxDocument = 4ULL << 20;  // of the daemon's own small JSON files

// A folder or file that is itself there, not a link to somewhere else, and not a pipe that would block its reader.
bool is_plain(const fs::path& path, fs::file_type type) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() == type;
}

bool is_file_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 120 && name.front() != '.' && std::all_of(name.begin(), name.end(), plain);
}

// The text of a small file of the daemon's own; none if it was never written. One that is there and cannot be read is
// an error: going on without it would lose what it says.
Result<std::optional<std::string>> remembered(const fs::path& file, std::uint64_t limit) {
  auto text = read_file(file, limit);
  if (text) return std::optional(std::move(*text));
  if (text.error().code == ErrorCode::not_found) return std::optional<std::string>();
  return tl::unexpected(std::move(text.error()));
}

// The ids given when the job was first judged, or new ones, remembered before anything else refers to them.
Result<RegionIds> ids_of(const JudgeRequest& request, const WorkerResult& result) {
  const auto file = request.state.region_ids(request.job.id);
  TRY(text, remembered(file, kMaxDocument));
  if (text) {
    RegionIds ids;
    const auto json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (json.is_object())
      for (const auto& [from, to] : json.items())
        if (to.is_string()) ids[RegionId(from)] = RegionId(to.get<std::string>());
    const auto known = [&](const Region& region) { return ids.contains(region.id); };
    if (std::all_of(result.regions.begin(), result.regions.end(), known)) return ids;
    // Under new ids people's labels and waivers would no longer meet their regions.
    if (!request.suffix.empty())
      return fail(ErrorCode::io, file.string() + " is damaged: it no longer names the regions");
  }
  auto earlier = request.earlier;
  for (auto& region : earlier) {
    TRY(probe, remembered(request.state.probe_of_region(region.id), 256));
    if (probe) region.probe_digest = std::move(*probe);
  }
  auto ids = settle_regions(result, earlier);
  Json json = Json::object();
  for (const auto& [from, to] : ids) json[from] = to;
  TRY_OK(write_atomically(file, dump_json(json)));
  return ids;
}

// The frozen test of a region, copied out of the worker's reach; empty if the region has none. Without it the bug would
// never be tested again, so that one which was promised and cannot be had fails: `corrupt` where the worker did not
// leave what it names, and what the disk says where the copy cannot be made.
Result<fs::path> take_frozen(const JudgeRequest& request, const Region& region) {
  if (region.frozen.empty()) return fs::path();
  const auto source = request.state.job(request.job.id) / "result" / region.frozen;
  const auto promised = [&](const std::string& what) {
    return fail(ErrorCode::corrupt,
                "the worker's result cannot be used: the frozen test of region " + region.id + what);
  };
  if (!is_file_name(region.frozen) || !is_plain(source, fs::file_type::regular)) return promised(" is not there");
  const auto images = load_npy_images(source, kMaxFrozen);
  if (!images) return promised(" cannot be read: " + images.error().message);
  if (images->n == 0 || images->n != region.frozen_cluster.size())
    return promised(" does not hold the images it should");
  const auto bytes = read_file(source, kMaxFrozen);
  if (!bytes) return promised(" cannot be read: " + bytes.error().message);
  // Named by job as well, so that the test of an earlier sighting, which the store may prefer, is never overwritten.
  const auto relative = fs::path("regions") / (region.id + "-" + std::to_string(request.job.id) + ".npy");
  TRY_OK(while_doing("while keeping the frozen test of region " + region.id,
                     write_atomically(request.state.absolute(relative), *bytes)));
  return relative;
}

Result<std::vector<NewRegion>> take_regions(const JudgeRequest& request, const WorkerResult& result) {
  std::vector<NewRegion> regions;
  for (const auto& region : result.regions) {
    TRY_OK(write_atomically(request.state.probe_of_region(region.id), result.probe_digest));
    TRY(frozen, take_frozen(request, region));
    auto cluster = frozen.empty() ? std::vector<std::uint32_t>() : region.frozen_cluster;
    regions.push_back({region, std::move(frozen), std::move(cluster)});
  }
  return regions;
}

fs::path report_folder(const JudgeRequest& request) {
  const auto& candidate = request.job.candidate;
  auto name = short_digest(candidate.digest) + "-" + std::to_string(request.job.id);
  if (!request.suffix.empty()) name += "-" + request.suffix;
  return fs::path("reports") / request.job.model.str() / candidate.version.str() / name;
}

// Everything of a report into a folder that appears whole. No stored verdict refers to it yet, so one that an
// interrupted attempt left there is replaced.
Result<VerdictRow> publish_report(const JudgeRequest& request, Report report) {
  note_signature(report, request.signature);
  const auto relative = report_folder(request);
  const auto target = request.state.absolute(relative);
  const fs::path scratch = target.string() + ".tmp";
  TRY_OK(remove_whole(scratch));
  TRY_OK(remove_whole(target));  // one that stayed would be taken for this report
  TRY_OK(make_folder(scratch));
  TRY_OK(while_doing("while writing the reports", write_reports(report, scratch, request.waivers)));
  TRY_OK(write_atomically(scratch / "verdict.json", dump_json(verdict_document(report), 2) + "\n"));
  TRY_OK(publish_folder(scratch, target));

  VerdictRow row;
  row.job = request.job.id;
  row.model = report.model;
  row.version = report.version;
  row.digest = report.digest;
  row.created = report.created;
  if (request.job.incumbent) {
    row.incumbent_version = request.job.incumbent->version;
    row.incumbent_digest = request.job.incumbent->digest;
  }
  if (report.test_reuse && report.test_reuse->counted)
    row.judgement = Judgement{report.test_reuse->data_digest, report.test_reuse->position,
                              report.test_reuse->rejections, rejected_by_data(report.verdict)};
  row.verdict = std::move(report.verdict);
  row.report = relative;
  return row;
}

Result<void> remove_all_but(const fs::path& folder, const std::set<std::string>& keep) {
  std::error_code code;
  std::vector<fs::path> doomed;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    if (!keep.contains(entry->path().filename().string())) doomed.push_back(entry->path());
  if (code == std::errc::no_such_file_or_directory) return {};
  if (code) return fail(ErrorCode::io, "cannot look into " + folder.string() + ": " + code.message());
  for (const auto& path : doomed) TRY_OK(remove_whole(path));
  return {};
}

}  // namespace

Result<void> StateFolder::create() const {
  TRY_OK(make_folder(root));
  for (const char* folder : {"cache", "jobs", "reports", "verdicts", "regions", "corrections"})
    TRY_OK(make_folder(root / folder));
  return {};
}

Result<void> prepare_job(const StateFolder& state, const JobSpec& job) {
  const auto folder = state.job(job.id);
  TRY_OK(make_folder(folder));
  TRY_OK(remove_all_but(folder, {"worker.log"}));  // a result of an attempt before would be taken for this one's
  const auto text = dump_json(to_json(job), 2) + "\n";
  TRY_OK(write_atomically(state.job_record(job.id), text));
  return write_atomically(folder / "job.json", text);
}

Result<JobSpec> read_job(const StateFolder& state, std::int64_t id) {
  const auto file = state.job_record(id);
  TRY(text, read_file(file, kMaxDocument));
  return job_from_json(text, file);
}

bool has_result(const StateFolder& state, std::int64_t id) {
  const auto folder = state.job(id) / "result";
  return is_plain(folder, fs::file_type::directory) && is_plain(folder / "result.json", fs::file_type::regular);
}

Result<WorkerResult> read_result(const fs::path& job_folder, const JobSpec& job) {
  const auto folder = job_folder / "result";
  const auto file = folder / "result.json";
  if (!is_plain(folder, fs::file_type::directory) || !is_plain(file, fs::file_type::regular))
    return fail(ErrorCode::corrupt, "the worker ended without a result");
  auto text = read_file(file, kMaxResultBytes);
  if (!text) return fail(ErrorCode::corrupt, "the worker's result cannot be read: " + text.error().message);
  const auto json = parse_json(*text, "result.json");
  if (!json) return fail(ErrorCode::corrupt, "the worker's result cannot be used: " + json.error().message);
  auto result = worker_result_from_json(*json);
  if (!result) return fail(ErrorCode::corrupt, "the worker's result cannot be used: " + result.error().message);
  TRY_OK(fits_job(*result, job));
  return result;
}

Result<Judged> judge_result(const JudgeRequest& request) {
  const auto folder = request.state.job(request.job.id);
  TRY(result, read_result(folder, request.job));
  TRY(ids, ids_of(request, result));
  rename_regions(ids, result);
  Judged judged;
  if (request.suffix.empty()) {  // judging again brings no new regions
    TRY(regions, take_regions(request, result));
    judged.regions = std::move(regions);
  }
  judged.stations = result.stations;
  TRY(row, publish_report(request, conclude(std::move(result), request.job.settings, request.waivers, request.labels,
                                            request.now, folder / "result", request.job.history)));
  judged.row = std::move(row);
  return judged;
}

Result<Judged> judge_failure(const JudgeRequest& request, const std::string& cause) {
  TRY(row, publish_report(request, conclude_failure(request.job, cause, request.now)));
  Judged judged;
  judged.row = std::move(row);
  return judged;
}

Result<std::string> published_document(const StateFolder& state, const fs::path& report) {
  return read_file(state.absolute(report) / "verdict.json", kMaxDocument);
}

std::string other_document(const ModelName& model, const Version& version, const Digest& digest,
                           std::optional<VerdictState> verdict, const std::string& reason) {
  if (verdict == VerdictState::pass) verdict = VerdictState::error;  // a pass has a report behind it
  Json json = Json::object();
  json["model"] = model;
  json["version"] = version;
  json["digest"] = digest.empty() ? Json(nullptr) : Json(digest);
  json["verdict"] = verdict ? Json(to_string(*verdict)) : Json(nullptr);
  json["ok"] = false;
  json["reason"] = reason;
  json["report"] = nullptr;
  json["findings"] = Json::array();
  return dump_json(json, 2) + "\n";
}

Result<void> write_verdict_file(const StateFolder& state, const ModelName& model, const Version& version,
                                const std::string& document) {
  const auto file = state.verdict_file(model, version);
  TRY_OK(make_folder(file.parent_path()));
  if (const auto present = read_file(file, kMaxDocument); present && *present == document) return {};
  return write_atomically(file, document);
}

Result<void> tidy_job(const StateFolder& state, std::int64_t id, KeepResult keep) {
  std::set<std::string> names = {"job.json", "worker.log"};
  if (keep == KeepResult::yes) names.insert("result");
  return remove_all_but(state.job(id), names);
}

Result<void> sweep(const StateFolder& state) {
  std::error_code ignored;  // what cannot be listed is not half-written by us; the next start looks again
  std::vector<fs::path> doomed;
  for (const char* root : {"reports", "verdicts", "regions", "corrections", "jobs"}) {
    fs::recursive_directory_iterator entry(state.root / root, fs::directory_options::skip_permission_denied, ignored);
    for (const fs::recursive_directory_iterator end; entry != end; entry.increment(ignored)) {
      const auto name = entry->path().filename().string();
      const bool half_written = name.starts_with("tmp-") || name.ends_with(".tmp");
      if (half_written) doomed.push_back(entry->path());
      // Job folders are emptied when their job is prepared or tidied.
      if (half_written || std::string_view(root) == "jobs") entry.disable_recursion_pending();
    }
  }
  // In the folder itself only what a daemon writes, of which there is one: tokens may be in the making.
  const auto address = "-" + state.address().filename().string();
  for (fs::directory_iterator entry(state.root, ignored), end; entry != end; entry.increment(ignored))
    if (const auto name = entry->path().filename().string(); name.starts_with("tmp-") && name.ends_with(address))
      doomed.push_back(entry->path());
  Result<void> swept;
  for (const auto& path : doomed)
    if (auto removed = remove_whole(path); !removed && swept) swept = std::move(removed);
  return swept;
}

}  // namespace defuse
