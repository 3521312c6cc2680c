// `defusectl correct`: mends a version without a daemon, from the report of its gate. Starts a worker as the gate does,
// and leaves the tuned model, its manifest and what it is worth in a folder. Whether it may be promoted is for the
// gate.
#include <fmt/format.h>

#include <algorithm>

#include "config/config.h"
#include "core/correct/correction.h"
#include "core/files.h"
#include "core/sha256.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/local_job.h"
#include "reports/correction_report.h"
#include "reports/text.h"

namespace defuse::ctl {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxReport = 256ULL << 20;

// A person's word about the region, or the data's.
std::optional<std::int32_t> label_of(const Region& region, const Json& json) {
  const auto said = json.find("label_by_person");
  if (said == json.end() || !said->is_string()) return region.label;
  const auto word = said->get<std::string>();
  if (word == "ambiguous" || word == "unrealistic") return std::nullopt;
  if (word.starts_with("class:")) return static_cast<std::int32_t>(std::atoi(word.c_str() + 6));
  return region.label;
}

bool is_bug(const Region& region) {
  return region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
}

Result<CorrectionOrder> order_from(const CorrectRequest& request, const JobSpec& job) {
  const auto file = request.gate / "report.json";
  TRY(text, while_doing("while reading the gate's report", read_file(file, kMaxReport)));
  TRY(report, parse_json(text, file.string()));
  JsonReader r(report, file.string());
  const auto digest = r.text("digest");
  const Json& data = r.object("data");
  const Json& regions = r.array("regions");
  TRY_OK(r.status());
  if (digest != job.candidate.digest)
    return fail(ErrorCode::conflict, file.string() + " is about another file than " + job.candidate.path.string());
  CorrectionOrder order;
  order.settings = request.settings;
  if (data.contains("probe_digest") && data["probe_digest"].is_string())
    order.probe_digest = data["probe_digest"].get<std::string>();
  std::vector<std::string> missing = request.regions;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    TRY(region, region_from_json(regions[i], file.string() + ".regions[" + std::to_string(i) + "]"));
    const auto asked = std::find(missing.begin(), missing.end(), region.id);
    const bool named = asked != missing.end();
    if (named) missing.erase(asked);
    if (!named && (!request.regions.empty() || !is_bug(region))) continue;
    const auto label = label_of(region, regions[i]);
    if (!label) continue;
    RegionToMend mend{region.id, *label, region.evidence, {}};
    for (const auto& member : region.members) mend.seeds.push_back(member.seed);
    order.regions.push_back(std::move(mend));
  }
  if (!missing.empty()) return fail(ErrorCode::not_found, file.string() + " has no region " + missing.front());
  if (order.regions.empty())
    return fail(ErrorCode::invalid_input,
                file.string() + " has no new or worse region; name those to be mended with --region");
  return order;
}

Json manifest_of(const JobSpec& job, const CorrectionOrder& order, const CorrectionResult& result,
                 const std::string& digest) {
  Json regions = Json::array();
  for (const auto& region : order.regions) regions.push_back(region.id);
  const auto& chosen = result.runs[*result.chosen];
  return {{"sha256", digest},
          {"created_by", "defusectl correct " DEFUSED_VERSION},
          {"corrected_from", {{"version", job.candidate.version}, {"sha256", job.candidate.digest}}},
          {"correction",
           {{"regions", std::move(regions)}, {"lambda", chosen.lambda}, {"settings", to_json(order.settings)}}}};
}

Result<CorrectionResult> result_of(const fs::path& work) {
  const auto file = work / "result" / "correction.json";
  TRY(text, read_file(file, kMaxResultBytes));
  TRY(json, parse_json(text, file.string()));
  return correction_result_from_json(json);
}

// All that is there at the end, or an error; model.pt last, so that a folder with one is whole.
Result<void> publish(const JobSpec& job, const CorrectionOrder& order, const CorrectionResult& result,
                     const fs::path& work, const fs::path& out) {
  const CorrectionTitle title{job.model, job.candidate.version};
  TRY_OK(write_atomically(out / "correction.json", dump_json(to_json(result), 2) + "\n"));
  TRY_OK(write_atomically(out / "correction.md", correction_markdown(title, result)));
  TRY_OK(write_atomically(out / "sweep.svg", correction_svg(title, result)));
  if (!result.chosen) return {};
  const auto tuned = work / "result" / "model.pt";
  TRY(digest, sha256_file(tuned));
  TRY_OK(write_atomically(out / "manifest.json", dump_json(manifest_of(job, order, result, digest), 2) + "\n"));
  if (!job.candidate_labels.empty()) {
    std::string labels;
    for (const auto& label : job.candidate_labels) labels += label + "\n";
    TRY_OK(write_atomically(out / "labels.txt", labels));
  }
  TRY(model, read_file(tuned, 16ULL << 30));
  return write_atomically(out / "model.pt", model);
}

void tell(Console& console, const CorrectionResult& result, const fs::path& out) {
  if (console.json) {
    console.print(to_json(result));
    return;
  }
  for (const auto& note : result.notes) console.line(note);
  console.line(result.reason);
  if (result.chosen) {
    const auto& run = result.runs[*result.chosen];
    console.line(
        fmt::format("regions, held out: {} -> {}", percent(result.before.regions), percent(run.score.regions)));
    console.line(fmt::format("test split:        {} -> {}", percent(result.before.test), percent(run.score.test)));
    console.say("model: " + (out / "model.pt").string());
  }
  console.say("report: " + (out / "correction.md").string() + ", " + (out / "sweep.svg").string());
}

}  // namespace

int correct(Console& console, const CorrectRequest& request) {
  const auto out = ready_folder(request.out);
  if (!out) return console.failed(out.error());
  std::error_code ignored;
  for (const char* name : {"model.pt", "manifest.json", "correction.json", "correction.md", "sweep.svg"})
    fs::remove(*out / name, ignored);
  EvaluateRequest files;
  files.config = request.config;
  files.model = request.model;
  files.candidate = request.candidate;
  files.incumbent = request.incumbent;
  files.cache = request.cache.empty() ? request.gate / ".cache" : request.cache;
  const auto job = specify(files, *out);
  if (!job) {
    console.failed(job.error());
    return kUsage;
  }
  const auto order = order_from(request, *job);
  if (!order) return console.failed(order.error());

  const auto work = TempFolder::create();
  if (!work) return console.failed(work.error());
  for (const auto& [name, json] : {std::pair{"job.json", to_json(*job)}, {"correction.json", to_json(*order)}})
    if (const auto written = write_atomically(work->path() / name, dump_json(json, 2) + "\n"); !written)
      return console.failed(written.error());
  const auto exit = run_worker(*job, work->path(), console);
  if (!exit) return std::max<int>(console.failed(exit.error()), kError);
  if (!exit->clean) {
    console.say(exit->cause);
    return kError;
  }
  const auto result = result_of(work->path());
  if (!result) return std::max<int>(console.failed(result.error()), kError);
  if (const auto written = publish(*job, *order, *result, work->path(), *out); !written)
    return std::max<int>(console.failed(written.error()), kError);
  tell(console, *result, *out);
  return result->chosen ? kPass : kFail;
}

}  // namespace defuse::ctl
