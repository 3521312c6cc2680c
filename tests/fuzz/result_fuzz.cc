// What a worker gives the daemon: 'r' and result.json, 'c' and correction.json, 'o' and the order of a correction,
// which the store keeps, 'p' and lines of its standard output.
#include <algorithm>
#include <cmath>
#include <string>

#include "core/repair/order.h"
#include "core/verdict/conclude.h"
#include "core/verdict/job.h"
#include "core/wire/documents.h"
#include "daemon/process/worker_line.h"
#include "daemon/process/worker_pipe.h"
#include "reports/pictures.h"
#include "reports/repair_report.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"

namespace defuse {
namespace {

constexpr TimePoint kNow = std::chrono::sys_days{std::chrono::year{2026} / 3 / 1};

template <class Read>
auto read_back(std::string_view text, Read&& read) {
  using Value = std::decay_t<decltype(*read(Json()))>;
  const auto json = parse_json(text, "result.json");
  if (!json) return Result<Value>(tl::unexpected<Error>(json.error()));
  auto value = read(*json);
  if (!value) {
    fuzz::require(!value.error().message.empty(), "a refusal has words");
    return value;
  }
  const auto written = dump_json(to_json(*value));
  const auto parsed = parse_json(written, "what was written");
  fuzz::require(parsed.has_value(), "what is written is JSON", parsed ? "" : parsed.error().message);
  const auto again = read(*parsed);
  fuzz::require(again.has_value(), "what is written can be read", again ? "" : again.error().message);
  fuzz::require(dump_json(to_json(*again)) == written, "reading and writing change nothing", written);
  return value;
}

void check_pictures(const WorkerResult& result) {
  const auto check = [](const std::vector<RegionSample>& samples) {
    for (const auto& sample : samples)
      fuzz::require(sample.picture.empty() || sample.picture.find('/') == std::string::npos, "a picture stays inside",
                    sample.picture);
  };
  check(result.flips);
  for (const auto& region : result.regions) check(region.samples);
}

// Nothing green by accident: whatever a worker writes, a pass needs every blocking check, passed.
void check_verdict(WorkerResult result) {
  JobSpec job;
  job.id = result.job;
  job.model = result.model;
  job.candidate = result.candidate;
  job.incumbent = result.incumbent;
  if (const auto fits = fits_job(result, job); !fits) return fuzz::require_names(fits.error(), "the worker's result");
  rename_regions(settle_regions(result, {}), result);
  const auto checks = result.checks;
  const ModelSettings settings;
  const auto report = conclude(std::move(result), settings, {}, {}, kNow, {});
  fuzz::require(!report.verdict.reason.empty(), "a verdict has a reason");
  if (report.verdict.state != VerdictState::pass) return;
  for (const auto& name : required_checks(settings)) {
    const auto found =
        std::find_if(checks.begin(), checks.end(), [&](const auto& check) { return check.check == name; });
    fuzz::require(found != checks.end(), "a pass has every blocking check", name);
    const auto bootstrap = found->no_incumbent && !report.result.incumbent;
    fuzz::require(found->state == VerdictState::pass || bootstrap, "a pass has passed", name);
    for (const auto& finding : found->findings)
      fuzz::require(finding.decision == Decision::ok || finding.decision == Decision::note, "a pass has no violation");
  }
}

void check_correction(const RepairResult& result) {
  fuzz::require(!result.chosen || *result.chosen < result.runs.size(), "what was chosen is there");
  const RepairTitle title{"<fuzz", "<fuzz"};
  const auto markdown = repair_markdown(title, result), svg = repair_svg(title, result);
  fuzz::require(fuzz::is_utf8(markdown) && fuzz::is_utf8(svg), "what people read is UTF-8");
  fuzz::require(markdown.find("<fuzz") == std::string::npos && svg.find("<fuzz") == std::string::npos, "escaped");
}

void check_lines(std::string_view bytes) {
  LineSplitter lines(4096);
  // As a pipe gives them: in two parts.
  for (const auto part : {bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2)})
    lines.add(part, [](std::string_view line) {
      fuzz::require(line.size() <= 4096 && line.find('\n') == std::string_view::npos, "lines are short");
      const auto said = parse_worker_line(line);
      if (!said) return;
      fuzz::require(said->fraction >= 0 && said->fraction <= 1, "progress lies in [0,1]");
      fuzz::require(said->station.size() <= 64, "a station's name is short");
      fuzz::require(said->error.has_value() == said->station.empty(), "either an error or progress");
    });
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  switch (input.byte()) {
    case 'c':
      if (const auto result = read_back(input.rest(), repair_result_from_json)) check_correction(*result);
      break;
    case 'o':
      (void)read_back(input.rest(), repair_order_from_json);
      break;
    case 'p':
      check_lines(input.rest());
      break;
    default:
      if (auto result = read_back(input.rest(), worker_result_from_json)) {
        check_pictures(*result);
        check_verdict(std::move(*result));
      }
  }
  return 0;
}
