#include "daemon/state/repair_job.h"

#include <algorithm>

#include "core/base/files.h"
#include "core/base/json.h"
#include "reports/write_repair.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResult = "correction.json";

fs::file_type type_of(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type();
}

tl::unexpected<Error> unusable(const std::string& why) {
  return fail(ErrorCode::corrupt, "the worker's result cannot be used: " + why);
}

// No rates at all: no image of any region comes from the test split.
bool same_regions(const std::vector<RegionRate>& rates, const std::vector<RegionToRepair>& regions) {
  return rates.empty() ||
         std::equal(rates.begin(), rates.end(), regions.begin(), regions.end(),
                    [](const RegionRate& rate, const RegionToRepair& region) { return rate.id == region.id; });
}

Result<RepairResult> read_repair(const fs::path& folder) {
  if (type_of(folder) != fs::file_type::directory || type_of(folder / kResult) != fs::file_type::regular)
    return fail(ErrorCode::corrupt, "the worker ended without a result");
  const auto text = read_file(folder / kResult, kMaxResultBytes);
  if (!text) return unusable(text.error().message);
  const auto json = parse_json(*text, kResult);
  if (!json) return unusable(json.error().message);
  auto result = repair_result_from_json(*json);
  if (!result) return unusable(result.error().message);
  return result;
}

}  // namespace

Result<void> prepare_repair(const StateFolder& state, const JobSpec& job, const RepairOrder& order) {
  TRY_OK(prepare_job(state, job));
  return write_atomically(state.job(job.id) / kResult, dump_json(to_json(order), 2) + "\n");
}

bool has_repair(const StateFolder& state, std::int64_t id) {
  const auto folder = state.job(id) / "result";
  return type_of(folder) == fs::file_type::directory && type_of(folder / kResult) == fs::file_type::regular;
}

Result<void> fits_order(const RepairResult& result, const RepairOrder& order) {
  std::vector<double> lambdas;
  for (const auto& run : result.runs) {
    if (run.kind == RunKind::sweep) lambdas.push_back(run.lambda);
    if (run.problem.empty() && !same_regions(run.score.by_region, order.regions))
      return unusable("a run is about other regions than the order");
  }
  if (lambdas != order.settings.lambdas) return unusable("other weights were tried than the order names");
  if (!same_regions(result.before.by_region, order.regions))
    return unusable("it is about other regions than the order");
  if (!result.chosen) return {};
  const auto& chosen = result.runs[*result.chosen];
  if (chosen.kind != RunKind::sweep || !chosen.problem.empty()) return unusable("a run was chosen that cannot be");
  return {};
}

Result<RepairResult> take_repair(const StateFolder& state, const JobSpec& job, const RepairOrder& order) {
  const auto from = state.job(job.id) / "result";
  TRY(result, read_repair(from));
  TRY_OK(fits_order(result, order));
  const auto target = state.correction(job.id);
  const fs::path scratch = target.string() + ".tmp";
  TRY_OK(remove_whole(scratch));
  TRY_OK(remove_whole(target));  // of an attempt that was interrupted; if it stayed, it would be taken for this one
  TRY_OK(make_folder(scratch));
  TRY_OK(while_doing("while keeping the correction",
                     write_repair(job, order, result, from / "model.pt", scratch, "defused " DEFUSED_VERSION)));
  TRY_OK(publish_folder(scratch, target));
  return result;
}

}  // namespace defuse
