// `defusectl evaluate`: one gate without a daemon, for CI machines that have the data and the two models at hand.
// Starts a worker as the daemon would, decides with the same function, writes the same reports.
#include <algorithm>

#include "config/config.h"
#include "core/base/files.h"
#include "core/verdict/conclude.h"
#include "daemon/ctl/commands.h"
#include "daemon/local/signed_folder.h"
#include "daemon/local/temp_folder.h"
#include "reports/write_reports.h"

namespace defuse::ctl {
namespace {
namespace fs = std::filesystem;

void tell(Console& console, const Report& report, const fs::path& folder) {
  if (console.json) {
    console.print(verdict_document(report));
  } else {
    console.raw(Console::plain(report.model + " " + report.version) + ": " +
                console.word(std::string(to_string(report.verdict.state))) + "\n");
    console.line(report.verdict.reason);
    for (const auto& finding : report.verdict.findings)
      if (finding.decision == Decision::violation) console.line("- " + finding.sentence);
    if (!report.signature.problem.empty()) console.say("warning: " + report.signature.problem);
    if (report.test_reuse)
      console.say(
          "evidence: this gate is not counted; only the daemon remembers how many candidates were judged on "
          "this test split");
  }
  console.say("report: " + (folder / "report.html").string());
}

}  // namespace

int evaluate(Console& console, const EvaluateRequest& request, const Clock& clock) {
  const auto report_folder = local::ready_folder(request.report);
  if (!report_folder) return console.failed(report_folder.error());
  // What an earlier run left would pass for this one's answer if we were killed.
  for (const char* name :
       {"report.json", "report.html", "report.md", "report.junit.xml", "report.sarif", "verdict.json"})
    if (const auto removed = remove_synced(*report_folder / name); !removed)
      return std::max<int>(console.failed(removed.error()), kError);
  const auto job = local::specify(request.gate, *report_folder);
  if (!job) {
    console.failed(job.error());
    return kUsage;
  }

  const auto signature = local::vouched_for(request.gate, *job);
  if (!signature) return std::max<int>(console.failed(signature.error()), kError);

  auto temporary =
      request.work.empty() ? local::TempFolder::create() : Result<local::TempFolder>(tl::unexpected<Error>(Error{}));
  if (request.work.empty() && !temporary) return console.failed(temporary.error());
  const auto work = local::ready_folder(temporary ? temporary->path() : request.work);
  if (!work) return console.failed(work.error());
  if (const auto removed = remove_whole(*work / "result"); !removed)  // it would be taken for this worker's
    return std::max<int>(console.failed(removed.error()), kError);
  if (const auto written = write_atomically(*work / "job.json", dump_json(to_json(*job), 2) + "\n"); !written)
    return console.failed(written.error());

  const auto exit = local::run_worker(*job, *work, shown_on(console));
  if (!exit) return std::max<int>(console.failed(exit.error()), kError);
  auto report = local::conclude(*job, *work, *exit, clock.now());
  note_signature(report, *signature);
  auto written = write_reports(report, *report_folder);
  if (written)
    written = write_atomically(*report_folder / "verdict.json", dump_json(verdict_document(report), 2) + "\n");
  // A verdict that cannot be shown is none: nobody could look up why.
  if (!written) return std::max<int>(console.failed(written.error()), kError);
  tell(console, report, *report_folder);
  return exit_of(report.verdict.state);
}

}  // namespace defuse::ctl
