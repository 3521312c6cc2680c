// `defusectl correct`: repairs a version without a daemon, from the report of its gate. Starts a worker as the gate
// does, and leaves the tuned model, its manifest and what it is worth in a folder. Whether it may be promoted is for
// the gate.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "config/config.h"
#include "core/base/files.h"
#include "core/repair/order.h"
#include "daemon/ctl/commands.h"
#include "daemon/local/temp_folder.h"
#include "reports/text.h"
#include "reports/write_repair.h"

namespace defuse::ctl {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxReport = 256ULL << 20;

Result<RepairOrder> order_from(const CorrectRequest& request, const JobSpec& job) {
  const auto file = request.gate / "report.json";
  TRY(text, while_doing("while reading the gate's report", read_file(file, kMaxReport)));
  TRY(report, parse_json(text, file.string()));
  TRY(found, gate_findings_from_json(report, file.string()));
  if (found.digest != job.candidate.digest)
    return fail(ErrorCode::conflict, file.string() + " is about another file than " + job.candidate.path.string());
  return repair_order(found, request.wanted.regions, request.wanted.settings);
}

Result<RepairResult> result_of(const fs::path& work) {
  const auto file = work / "result" / "correction.json";
  TRY(text, read_file(file, kMaxResultBytes));
  TRY(json, parse_json(text, file.string()));
  return repair_result_from_json(json);
}

std::string share(double value) { return std::isnan(value) ? "" : percent(value); }

std::string flip_rate(const FourCounts& flips) {
  return flips.total() == 0 ? ""
                            : percent(static_cast<double>(flips.negative_flips) / static_cast<double>(flips.total()));
}

std::string flip_rate(const std::optional<FourCounts>& flips) { return flips ? flip_rate(*flips) : ""; }

}  // namespace

void tell_repair(Console& console, const RepairResult& result) {
  std::vector<std::vector<std::string>> rows = {{"(before)", "", share(result.before.regions),
                                                 share(result.before.test), "", flip_rate(result.incumbent_flips), ""}};
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const auto& run = result.runs[i];
    rows.push_back({run.name, fmt::format("{:.3g}", run.lambda), share(run.score.regions), share(run.score.test),
                    flip_rate(run.flips), flip_rate(run.incumbent_flips), result.chosen == i ? "chosen" : run.problem});
  }
  console.table({"TUNED ON", "LAMBDA", "REGIONS", "TEST", "FLIPS", "OF INCUMBENT", ""}, rows);
  for (const auto& note : result.notes) console.line(note);
  console.line(result.reason);
  if (!result.chosen) return;
  const auto& score = result.runs[*result.chosen].score;
  console.line(fmt::format("regions, held out: {} -> {}", percent(result.before.regions), percent(score.regions)));
  console.line(fmt::format("test split:        {} -> {}", percent(result.before.test), percent(score.test)));
}

int correct(Console& console, const CorrectRequest& request) {
  const auto out = local::ready_folder(request.wanted.out);
  if (!out) return console.failed(out.error());
  for (const char* name : {"model.pt", "manifest.json", "correction.json", "correction.md", "sweep.svg"})
    if (const auto removed = remove_synced(*out / name); !removed)
      return std::max<int>(console.failed(removed.error()), kError);
  local::GateRequest files;
  files.config = request.config;
  files.model = request.wanted.model;
  files.candidate = request.candidate;
  files.incumbent = request.incumbent;
  files.cache = request.cache.empty() ? request.gate / ".cache" : request.cache;
  const auto job = local::specify(files, *out);
  if (!job) {
    console.failed(job.error());
    return kUsage;
  }
  const auto order = order_from(request, *job);
  if (!order) return console.failed(order.error());

  const auto work = local::TempFolder::create();
  if (!work) return console.failed(work.error());
  for (const auto& [name, json] : {std::pair{"job.json", to_json(*job)}, {"correction.json", to_json(*order)}})
    if (const auto written = write_atomically(work->path() / name, dump_json(json, 2) + "\n"); !written)
      return console.failed(written.error());
  const auto exit = local::run_worker(*job, work->path(), shown_on(console));
  if (!exit) return std::max<int>(console.failed(exit.error()), kError);
  if (!exit->clean) {
    console.say(exit->cause);
    return kError;
  }
  const auto result = result_of(work->path());
  if (!result) return std::max<int>(console.failed(result.error()), kError);
  const auto written = write_repair(*job, *order, *result, work->path() / "result" / "model.pt", *out,
                                    "defusectl correct " DEFUSED_VERSION);
  if (!written) return std::max<int>(console.failed(written.error()), kError);
  if (console.json) {
    console.print(to_json(*result));
  } else {
    tell_repair(console, *result);
    if (result->chosen) console.say("model: " + (*out / "model.pt").string());
    console.say("report: " + (*out / "correction.md").string() + ", " + (*out / "sweep.svg").string());
  }
  return result->chosen ? kPass : kFail;
}

}  // namespace defuse::ctl
