// `defusectl evaluate`: one gate without a daemon, for CI machines that have the data and the two models at hand.
// Starts a worker as the daemon would, decides with the same function, writes the same reports. Knows no earlier
// releases: no waivers, no labels, no known regions. A worker that dies, for whatever reason, makes the verdict
// `error`, never anything better.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <optional>

#include "config/config.h"
#include "core/clock.h"
#include "core/files.h"
#include "core/pipeline/pace.h"
#include "core/sha256.h"
#include "daemon/conclude.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/temp_folder.h"
#include "daemon/judge.h"
#include "daemon/supervisor.h"
#include "reports/write_reports.h"

namespace defuse::ctl {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxLabels = 1 << 20;

struct Artifact {
  ArtifactRef ref;
  std::vector<std::string> labels;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// A version's folder as in a registry, or the artifact alone. Its name: the folder's, or the file's if that says more.
Result<Artifact> artifact_at(const fs::path& given, const std::string& what) {
  std::error_code problem;
  auto file = fs::canonical(given, problem);
  if (problem) return fail(ErrorCode::invalid_input, what + " " + given.string() + ": " + problem.message());
  if (fs::is_directory(file, problem)) file /= "model.pt";
  if (!fs::is_regular_file(file, problem))
    return fail(ErrorCode::invalid_input, what + " " + file.string() + " is not a file");
  Artifact artifact;
  const bool in_version_folder = file.filename() == "model.pt";
  artifact.ref.version = in_version_folder ? file.parent_path().filename().string() : file.stem().string();
  if (!is_valid_name(artifact.ref.version)) artifact.ref.version = what;
  artifact.ref.path = file;
  TRY(digest, while_doing("while reading the " + what, sha256_file(file)));
  artifact.ref.digest = std::move(digest);
  if (in_version_folder) {
    auto labels = read_file(file.parent_path() / "labels.txt", kMaxLabels);
    if (labels) artifact.labels = lines_of(*labels);
    if (!labels && labels.error().code != ErrorCode::not_found) return tl::unexpected<Error>(std::move(labels.error()));
  }
  return artifact;
}

Result<fs::path> ready_folder(const fs::path& path) {
  TRY_OK(make_folder(path));
  std::error_code problem;
  auto real = fs::canonical(path, problem);
  if (problem) return fail(ErrorCode::io, path.string() + ": " + problem.message());
  return real;
}

Result<JobSpec> specify(const EvaluateRequest& request, const fs::path& report) {
  TRY(config, load_config(request.config));
  const auto settings = config.models.find(request.model);
  if (settings == config.models.end())
    return fail(ErrorCode::invalid_input, request.config.string() + " has no model " + request.model);
  TRY(candidate, artifact_at(request.candidate, "candidate"));
  JobSpec job;
  job.id = 1;
  job.model = request.model;
  job.candidate = std::move(candidate.ref);
  job.candidate_labels = std::move(candidate.labels);
  if (!request.incumbent.empty()) {
    TRY(incumbent, artifact_at(request.incumbent, "incumbent"));
    job.incumbent = std::move(incumbent.ref);
    if (job.incumbent->version == job.candidate.version) job.incumbent->version += "-incumbent";
  }
  for (const auto& path : request.siblings) {
    TRY(sibling, artifact_at(path, "sibling"));
    job.siblings.push_back({sibling.ref.version, sibling.ref.digest, sibling.ref.path, {}});
  }
  job.settings = settings->second;
  // Versions that the file names stand in a registry, which this gate does not look at.
  if (job.siblings.empty())
    for (const auto& name : job.settings.noise_floor.versions)
      job.siblings.push_back({name, {}, {}, "name its file with --sibling: this gate looks into no registry"});
  job.worker = config.worker;
  TRY(cache, ready_folder(request.cache.empty() ? report / ".cache" : request.cache));
  job.cache = std::move(cache);
  job.cache_size = config.cache.size;
  return job;
}

// Runs the worker to its end. The event loop is this function's own.
Result<WorkerExit> run_worker(const JobSpec& job, const fs::path& folder, Console& console) {
  TRY(worker, find_worker());
  SupervisorOptions options;
  options.worker = std::move(worker);
  options.environment = worker_environment();
  boost::asio::io_context io;
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  Supervisor supervisor(io, std::move(options));
  bool interrupted = false;
  signals.async_wait([&](const boost::system::error_code& error, int) {
    interrupted = !error;
    if (interrupted) supervisor.stop(Supervisor::How::politely);
  });
  std::optional<WorkerExit> exit;
  std::string last;
  Pace pace;
  TRY_OK(supervisor.start(
      folder, WorkerLimits{job.worker.timeout, job.worker.memory},
      [&](const std::string& station, double fraction) {
        const auto now = SystemClock().now();
        if (station != last) pace = {now, fraction, now, fraction};
        last = station;
        pace.at = now;
        pace.now = fraction;
        const auto ends = expected_end(pace);
        console.progress(
            fmt::format("{}: {:.0f} %{}", station, 100 * fraction, ends ? Console::until(to_rfc3339(*ends)) : ""));
      },
      [&](const WorkerExit& ended) {
        exit = ended;
        io.stop();
      }));
  io.run();
  if (interrupted) return fail(ErrorCode::cancelled, "interrupted");
  if (!exit) return fail(ErrorCode::internal, "the worker's end was not noticed");
  return *exit;
}

Report conclude_job(const JobSpec& job, const fs::path& folder, const WorkerExit& exit, TimePoint now) {
  if (!exit.clean) return conclude_failure(job, exit.cause, now);
  auto result = read_result(folder, job);
  if (!result) return conclude_failure(job, result.error().describe(), now);
  return conclude(std::move(*result), job.settings, {}, {}, now, folder / "result");
}

void tell(Console& console, const Report& report, const fs::path& folder) {
  if (console.json) {
    console.print(verdict_document(report));
  } else {
    console.raw(Console::plain(report.model + " " + report.version) + ": " +
                console.word(std::string(to_string(report.verdict.state))) + "\n");
    console.line(report.verdict.reason);
    for (const auto& finding : report.verdict.findings)
      if (finding.decision == Decision::violation) console.line("- " + finding.sentence);
    if (report.evidence)
      console.say(
          "evidence: this gate is not counted; only the daemon remembers how many candidates were judged on "
          "this test split");
  }
  console.say("report: " + (folder / "report.html").string());
}

}  // namespace

int evaluate(Console& console, const EvaluateRequest& request, const Clock& clock) {
  const auto report_folder = ready_folder(request.report);
  if (!report_folder) return console.failed(report_folder.error());
  // What an earlier run left would pass for this one's answer if we were killed.
  std::error_code ignored;
  for (const char* name :
       {"report.json", "report.html", "report.md", "report.junit.xml", "report.sarif", "verdict.json"})
    fs::remove(*report_folder / name, ignored);
  const auto job = specify(request, *report_folder);
  if (!job) {
    console.failed(job.error());
    return kUsage;
  }

  auto temporary = request.work.empty() ? TempFolder::create() : Result<TempFolder>(tl::unexpected<Error>(Error{}));
  if (request.work.empty() && !temporary) return console.failed(temporary.error());
  const auto work = ready_folder(temporary ? temporary->path() : request.work);
  if (!work) return console.failed(work.error());
  fs::remove_all(*work / "result", ignored);
  if (const auto written = write_atomically(*work / "job.json", dump_json(to_json(*job), 2) + "\n"); !written)
    return console.failed(written.error());

  const auto exit = run_worker(*job, *work, console);
  if (!exit) return std::max<int>(console.failed(exit.error()), kError);
  const auto report = conclude_job(*job, *work, *exit, clock.now());
  auto written = write_reports(report, *report_folder);
  if (written)
    written = write_atomically(*report_folder / "verdict.json", dump_json(verdict_document(report), 2) + "\n");
  // A verdict that cannot be shown is none: nobody could look up why.
  if (!written) return std::max<int>(console.failed(written.error()), kError);
  tell(console, report, *report_folder);
  return exit_of(report.verdict.state);
}

}  // namespace defuse::ctl
