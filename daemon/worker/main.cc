// defuse-worker: judges one version and goes away. Reads <job>/job.json, says what it is doing in lines on stdout, and
// leaves <job>/result/, which appears by rename when it is whole. Started by the daemon or by `defusectl evaluate`; may
// crash, hang or be killed at any moment without harm. Exit codes: 0 a result is there · 1 none, the last line on
// stdout says why · 2 usage.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <new>

#include "checks/all_checks.h"
#include "config/config.h"
#include "core/base/files.h"
#include "core/cache/cache_file.h"
#include "core/data/never_break.h"
#include "core/gate/pipeline.h"
#include "core/torch/model.h"
#include "core/tuning/repair.h"
#include "core/wire/documents.h"
#include "daemon/worker/sandbox.h"

namespace defuse {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxJobBytes = 64ULL << 20;
constexpr std::uint64_t kSmallestFileLimit = 1ULL << 30;  // unpacked data sets are kept whatever the cache's size

// One JSON object a line, on a descriptor of its own: what a model prints goes to stderr and can't pass for progress.
class LineProgress final : public Progress {
 public:
  explicit LineProgress(int fd) : fd_(fd) {}
  void report(std::string_view station, double fraction) override {
    write({{"station", station}, {"progress", fraction}});
  }
  void error(const Error& error) {
    write({{"error", {{"code", to_string(error.code)}, {"message", error.describe()}}}});
  }

 private:
  void write(const Json& json) {
    const std::string line = dump_json(json) + "\n";
    // A parent that no longer listens is no reason to stop: the result still counts.
    [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
  }
  int fd_;
};

// Whoever started us holds the other end of our standard output, unless it has died.
bool nobody_listens() {
  struct pollfd output {
    STDOUT_FILENO, 0, 0
  };
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

// OpenBLAS reads its variable when it is loaded, before main. Two thread pools on the same cores would cost more than
// they give, and equal bytes need one setting, so a worker started by hand starts itself once more with it.
void pin_blas_threads(char** argv) {
  const char* pinned = std::getenv("OPENBLAS_NUM_THREADS");
  if (pinned != nullptr && std::string_view(pinned) == "1") return;
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  ::execv("/proc/self/exe", argv);
}

void add_data(const DataSource& source, std::vector<fs::path>& readable) {
  if (const auto* idx = std::get_if<IdxSource>(&source)) readable.insert(readable.end(), {idx->images, idx->labels});
  if (const auto* folder = std::get_if<FolderSource>(&source)) readable.push_back(folder->path);
  if (const auto* npy = std::get_if<NpySource>(&source)) readable.insert(readable.end(), {npy->images, npy->labels});
}

SandboxPlan plan_for(const JobSpec& job, const fs::path& folder, const fs::path& scratch) {
  SandboxPlan plan;
  // The cache is every model's, and job.json is read again by the daemon: a model that got hold of this process must
  // not be able to change either. What is made here gets to its place by a move.
  plan.writable = {scratch, incoming_folder(job.cache), training_folder(job.cache)};
  plan.growing = {job.cache};
  plan.publishing = {folder};
  plan.largest_file = std::max(job.cache_size, kSmallestFileLimit);
  plan.readable = {job.candidate.path};
  if (job.incumbent) plan.readable.push_back(job.incumbent->path);
  for (const auto& sibling : job.siblings) plan.readable.push_back(sibling.path);
  add_data(job.settings.data.train, plan.readable);
  add_data(job.settings.data.test, plan.readable);
  if (job.settings.generator.kind == GeneratorKind::torchscript)
    plan.readable.insert(plan.readable.end(), {job.settings.generator.encoder, job.settings.generator.decoder});
  for (const auto& region : job.known_regions) plan.readable.push_back(region.images);
  return plan;
}

// With it the version is not judged but repaired.
Result<std::optional<RepairOrder>> order_in(const fs::path& folder) {
  const auto file = folder / "correction.json";
  const auto text = read_file(file, kMaxJobBytes);
  if (!text && text.error().code == ErrorCode::not_found) return std::nullopt;
  if (!text) return tl::unexpected(text.error());
  TRY(json, parse_json(*text, file.string()));
  TRY(order, repair_order_from_json(json));
  return std::optional<RepairOrder>(std::move(order));
}

Result<void> expect_whole(const SandboxState& sandbox) {
  if (sandbox.missing.empty()) return {};
  std::string missing;
  for (const auto& layer : sandbox.missing) missing += (missing.empty() ? "" : ", ") + layer;
  return fail(ErrorCode::invalid_input, "worker.sandbox is require, and this machine lacks " + missing);
}

Result<void> work_on(const fs::path& folder, LineProgress& progress) {
  TRY(text, read_file(folder / "job.json", kMaxJobBytes));
  TRY(job, job_from_json(text, folder / "job.json"));
  TRY(order, order_in(folder));
  TRY_OK(read_never_break(job.settings.checks.negative_flips));
  const auto scratch = folder / "tmp-result";
  std::error_code ignored;
  fs::remove_all(scratch, ignored);  // of an attempt that was killed
  fs::remove_all(folder / "result", ignored);
  for (const auto& needed : {scratch, incoming_folder(job.cache), training_folder(job.cache)})
    TRY_OK(make_folder(needed));
  const auto sandbox = enter_sandbox(job.worker, plan_for(job, folder, scratch));
  std::cerr << sandbox.describe() << std::endl;
  if (job.worker.sandbox == SandboxMode::require) TRY_OK(expect_whole(sandbox));

  set_up_torch();
  if (order) {
    TRY(result, repair(job, *order, scratch, progress));
    TRY_OK(write_atomically(scratch / "correction.json", dump_json(to_json(result), 1)));
  } else {
    const auto checks = make_checks(job.settings.checks);
    TRY(result, run_pipeline(job, checks, scratch, progress));
    result.machine += "; " + sandbox.describe();
    TRY_OK(write_atomically(scratch / "result.json", dump_json(to_json(result), 1)));
  }
  TRY_OK(publish_folder(scratch, folder / "result"));
  progress.report("done", 1);
  return {};
}

int run(const fs::path& folder) {
  const int lines = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  LineProgress progress(lines < 0 ? STDOUT_FILENO : lines);
  try {
    const auto done = work_on(folder, progress);
    if (done) return 0;
    std::cerr << done.error().describe() << std::endl;
    progress.error(done.error());
  } catch (const std::bad_alloc&) {
    progress.error({ErrorCode::exhausted, "the worker ran out of the memory it is allowed (worker.memory)", {}});
  } catch (const std::exception& problem) {  // a bug of ours or a library's: the daemon tries again, then says so
    progress.error({ErrorCode::internal, std::string("unexpected: ") + problem.what(), {}});
  }
  return 1;
}

}  // namespace
}  // namespace defuse

#if defined(__SANITIZE_ADDRESS__)
// LeakSanitizer looks at the process from another one, through /proc; the sandbox is for neither. The same code is
// looked at in the unit tests.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

#if defined(__SANITIZE_THREAD__)
// Names of functions are read from the programs' files, which the sandbox keeps shut, and suppressions go by names.
extern "C" void __sanitizer_symbolize_pc(void* place, const char* format, char* out, std::size_t size);
static void read_symbols() {
  char name[64];
  __sanitizer_symbolize_pc(__builtin_return_address(0), "%f", name, sizeof name);
}
#else
static void read_symbols() {}
#endif

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::cout << "defuse-worker " << DEFUSED_VERSION << '\n';
    return 0;
  }
  const bool asked = argc == 2 && std::string_view(argv[1]) == "--sandbox";
  if (!asked && (argc != 3 || std::string_view(argv[1]) != "--job")) {
    std::cerr << "usage: defuse-worker --job FOLDER | --sandbox\n"
                 "Judges the version that FOLDER/job.json describes, or repairs it as FOLDER/correction.json says, and "
                 "leaves\n"
                 "FOLDER/result. Started by defused, `defusectl evaluate` and `defusectl correct`; seldom by hand.\n"
                 "With --sandbox: seals itself as for a job, says what of the sandbox this machine has, and ends.\n";
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);      // nobody would read the result of an orphan
  if (defuse::nobody_listens()) return 1;  // it died before that
  ::signal(SIGPIPE, SIG_IGN);
  defuse::pin_blas_threads(argv);
  read_symbols();
  if (asked) {
    std::cout << defuse::dump_json(defuse::to_json(defuse::enter_sandbox({}, {}))) << std::endl;
    return 0;
  }
  std::error_code problem;
  const auto folder = std::filesystem::canonical(argv[2], problem);
  if (problem) {
    std::cerr << "defuse-worker: " << argv[2] << ": " << problem.message() << '\n';
    return 2;
  }
  return defuse::run(folder);
}
