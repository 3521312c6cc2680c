#include "daemon/process/supervisor.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/files.h"
#include "daemon/process/spawn.h"
#include "daemon/process/worker_line.h"
#include "daemon/process/worker_pipe.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kBytesPerTick = 256 << 10;
constexpr std::size_t kLogBytes = 64 << 10;         // kept at each end
constexpr std::chrono::milliseconds kExitPoll{20};  // only where the kernel gives no pidfd

std::string bytes_for_people(std::uint64_t bytes) {
  const double gib = static_cast<double>(bytes) / static_cast<double>(1ULL << 30);
  const double mib = static_cast<double>(bytes) / static_cast<double>(1ULL << 20);
  const auto number = [](double value) {
    auto text = std::to_string(std::round(value * 10) / 10);
    text.erase(text.find('.') + 2);
    if (text.ends_with(".0")) text.erase(text.size() - 2);
    return text;
  };
  return gib >= 1 ? number(gib) + " GiB" : number(mib) + " MiB";
}

std::string duration_for_people(std::chrono::milliseconds time) {
  if (time.count() % 60000 == 0) return std::to_string(time.count() / 60000) + " min";
  if (time.count() % 1000 == 0) return std::to_string(time.count() / 1000) + " s";
  return std::to_string(time.count()) + " ms";
}

// Resident bytes, or 0 if they cannot be read (the process has just ended).
std::uint64_t resident_bytes(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/statm", 4096);
  if (!text) return 0;
  const auto space = text->find(' ');
  if (space == std::string::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(text->data() + space + 1, text->data() + text->size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Of a whole group, so that threads it may have begun already are meant as well. 0, or the errno for what forbade it.
int lower_priority(pid_t group, int by) {
  if (by == 0) return 0;
  const int ours = ::getpriority(PRIO_PROCESS, 0);  // -1 is a priority too, and asking for one's own never fails
  return ::setpriority(PRIO_PGRP, static_cast<id_t>(group), std::min(ours + by, 19)) == 0 ? 0 : errno;
}

}  // namespace

// One worker process. Kept alive by the handlers it waits in; `on_exit` empty means that nobody wants to know any more.
struct Supervisor::Run : std::enable_shared_from_this<Supervisor::Run> {
  Run(asio::io_context& io, const SupervisorOptions& with, const WorkerLimits& within, const fs::path& folder)
      : options(with),
        limits(within),
        timer(io),
        exit_watch(io),
        exit_poll(io),
        log(folder / "worker.log", kLogBytes) {}

  const SupervisorOptions& options;
  WorkerLimits limits;
  pid_t pid = -1;
  std::optional<WorkerCgroup> group;
  Steady::time_point started = Steady::now();
  std::optional<Steady::time_point> kill_at;
  asio::steady_timer timer;
  asio::posix::stream_descriptor exit_watch;
  asio::steady_timer exit_poll;
  std::shared_ptr<WorkerPipe> output;
  std::shared_ptr<WorkerPipe> errors;
  LineSplitter lines{kLongestLine};
  CappedLog log;
  OnProgress on_progress;
  OnExit on_exit;
  std::string station;
  double fraction = 0;
  bool progressed = false;
  std::string ended_by;  // why we ended it
  bool stopped = false;
  bool over = false;
  std::optional<Error> reported;

  void begin(asio::io_context& io, Child child) {
    pid = child.pid;
    output = std::make_shared<WorkerPipe>(io, std::move(child.output), kBytesPerTick,
                                          [this](std::string_view bytes) { take_output(bytes); });
    errors = std::make_shared<WorkerPipe>(io, std::move(child.errors), kBytesPerTick,
                                          [this](std::string_view bytes) { log.add(bytes); });
    output->start();
    errors->start();
    UniqueFd watch(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (watch) exit_watch.assign(watch.release());
    await_exit();
    tick();
  }

  void await_exit() {
    if (exit_watch.is_open()) {
      exit_watch.async_wait(asio::posix::stream_descriptor::wait_read,
                            [self = shared_from_this()](const boost::system::error_code& error) {
                              if (!error) self->check_exit();
                            });
      return;
    }
    exit_poll.expires_after(kExitPoll);
    exit_poll.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->check_exit();
    });
  }

  void check_exit() {
    if (over) return;
    siginfo_t info{};
    // Looked at without reaping: while the leader is a zombie its group id cannot be given to anybody else.
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
      return await_exit();
    finish();
  }

  int reap() {
    signal_group(pid, SIGKILL);  // whatever it started
    if (group) group->kill();
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    over = true;
    return status;
  }

  void finish() {
    const bool out_of_memory = group && group->ran_out_of_memory();
    const int status = reap();
    group.reset();
    output->drain_and_close();
    errors->drain_and_close();
    log.finish();
    timer.cancel();
    exit_poll.cancel();
    boost::system::error_code ignored;
    if (exit_watch.is_open()) exit_watch.close(ignored);

    WorkerExit exit;
    exit.ran = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - started);
    exit.stopped = stopped;
    exit.reported = reported;
    exit.clean = ended_by.empty() && !stopped && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!ended_by.empty())
      exit.cause = ended_by;
    else if (out_of_memory && !exit.clean)
      exit.cause = memory_words();
    else if (reported && !exit.clean)
      exit.cause = reported->message;
    else if (!exit.clean)
      exit.cause = "the worker ended by itself: " + describe_exit(status);
    if (stopped && ended_by.empty()) exit.cause = "stopped";
    if (auto tell = std::exchange(on_exit, nullptr)) tell(exit);
  }

  void tick() {
    output->tick();
    errors->tick();
    const auto now = Steady::now();
    if (kill_at && now >= *kill_at) signal_group(pid, SIGKILL);
    if (!kill_at) check_limits(now);
    if (std::exchange(progressed, false) && on_progress) on_progress(station, fraction);
    if (over) return;  // told to stop by on_progress
    auto wait = options.tick;
    // Limits that fall between two ticks are kept on time.
    const auto until = [&](Steady::time_point when) {
      if (when > now)
        wait = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(when - now), std::chrono::milliseconds(1), wait);
    };
    kill_at ? until(*kill_at) : until(started + limits.wall);
    timer.expires_after(wait);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->over) self->tick();
    });
  }

  void check_limits(Steady::time_point now) {
    if (now - started >= limits.wall)
      end("time limit of " + duration_for_people(limits.wall) + " reached" +
              (station.empty() ? "" : " in station " + station),
          How::politely);
    // Memory is ended at once: every moment may take another service down.
    else if (limits.memory > 0 && resident_bytes(pid) > limits.memory)
      end(memory_words(), How::at_once);
  }

  std::string memory_words() const {
    return "out of memory: the limit is " + bytes_for_people(limits.memory) +
           (station.empty() ? "" : ", in station " + station);
  }

  // Before it has loaded anything. Without a group the rlimits and check_limits remain.
  void confine() {
    if (!options.cgroups) return;
    auto made = options.cgroups->make(limits.memory);
    const auto joined = made ? made->add(pid) : Result<void>(tl::unexpected<Error>(made.error()));
    if (!joined) return log.add("[no control group: " + joined.error().message + "]\n");
    group.emplace(std::move(*made));
  }

  void end(const std::string& why, How how) {
    if (ended_by.empty() && !stopped) ended_by = why;
    kill(how);
  }

  void kill(How how) {
    if (over) return;
    const auto now = Steady::now();
    signal_group(pid, how == How::politely ? SIGTERM : SIGKILL);
    if (!kill_at || how == How::at_once)
      kill_at = now + (how == How::politely ? options.grace : std::chrono::milliseconds(0));
  }

  void take_output(std::string_view bytes) {
    lines.add(bytes, [this](std::string_view line) { take_line(line); });
  }

  void take_line(std::string_view line) {
    auto said = parse_worker_line(line);
    if (!said) return;
    if (said->error) {
      reported = std::move(said->error);
      return;
    }
    station = std::move(said->station);
    fraction = said->fraction;
    progressed = true;
  }
};

Supervisor::Supervisor(asio::io_context& io, SupervisorOptions options) : io_(io), options_(std::move(options)) {}

Supervisor::~Supervisor() {
  if (!busy()) return;
  run_->on_exit = nullptr;
  run_->on_progress = nullptr;
  run_->stopped = true;
  run_->finish();  // kills the group and reaps
}

bool Supervisor::busy() const { return run_ && !run_->over; }

Result<void> Supervisor::start(const fs::path& folder, const WorkerLimits& limits, OnProgress on_progress,
                               OnExit on_exit) {
  if (busy()) return fail(ErrorCode::conflict, "a worker is running already");
  auto run = std::make_shared<Run>(io_, options_, limits, folder);
  TRY(child, spawn({options_.worker, {"--job", folder.string()}, options_.environment}));
  run->on_progress = std::move(on_progress);
  run->on_exit = std::move(on_exit);
  run->pid = child.pid;
  run->confine();
  const int refused = lower_priority(child.pid, options_.nice);
  // A daemon that dies leaves this behind; the next one looks for the process (kill_stray_worker).
  const auto noted = write_atomically(folder / "worker.pid", std::to_string(child.pid));
  run->begin(io_, std::move(child));
  run_ = std::move(run);
  if (refused != 0) run_->log.add(std::string("[its priority could not be lowered: ") + std::strerror(refused) + "]\n");
  if (!noted) run_->log.add("[worker.pid could not be written: " + noted.error().message + "]\n");
  return {};
}

void Supervisor::stop(How how) {
  if (!busy()) return;
  run_->stopped = true;
  run_->kill(how);
  run_->timer.expires_after(std::chrono::milliseconds(0));  // so that the end of the grace is seen on time
  run_->timer.async_wait([run = run_](const boost::system::error_code& error) {
    if (!error && !run->over) run->tick();
  });
}

std::vector<std::string> worker_environment() {
  // One BLAS thread: OpenBLAS keeps a pool of its own whatever Torch is told, and results repeat only with a fixed
  // number.
  std::vector<std::string> result = {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "LANG=C.UTF-8",
                                     "PATH=/usr/local/bin:/usr/bin:/bin"};
  for (const char* name : {"OPENBLAS_CORETYPE", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) result.push_back(std::string(name) + "=" + value);
  return result;
}

Result<fs::path> find_worker() {
  if (const char* given = std::getenv("DEFUSED_WORKER"); given != nullptr && *given != '\0') {
    if (::access(given, X_OK) == 0) return fs::path(given);
    return fail(ErrorCode::not_found, std::string("$DEFUSED_WORKER names ") + given + ", which cannot be run");
  }
  std::error_code failed;
  const auto self = fs::read_symlink("/proc/self/exe", failed);
  for (const auto& folder : {failed ? fs::path() : self.parent_path(), fs::path("/usr/libexec/defused")})
    if (!folder.empty() && ::access((folder / "defuse-worker").c_str(), X_OK) == 0) return folder / "defuse-worker";
  return fail(ErrorCode::not_found, "defuse-worker is neither beside this program nor in /usr/libexec/defused");
}

namespace {

// The words that process was started with, empty where there is no such process. A process that has just been spawned
// has a program but no words for a moment: the kernel wakes whoever spawned it before it has laid them down.
std::string words_of(pid_t pid) {
  constexpr std::chrono::seconds kLongestStart{5};
  const auto process = "/proc/" + std::to_string(pid);
  const auto until = Steady::now() + kLongestStart;
  while (true) {
    auto words = read_file(process + "/cmdline", 1 << 16);
    if (!words) return {};
    std::error_code ignored;
    const bool has_program = fs::exists(process + "/exe", ignored);  // unlike a zombie, or a thread of the kernel
    if (!words->empty() || !has_program || Steady::now() > until) return std::move(*words);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

void kill_stray_worker(const fs::path& folder) {
  const auto noted = read_file(folder / "worker.pid", 32);
  if (!noted) return;
  std::error_code ignored;
  pid_t pid = -1;
  std::from_chars(noted->data(), noted->data() + noted->size(), pid);
  // The number may be somebody else's by now: only a process that was given this very folder is ours.
  const std::string ours = std::string("--job") + '\0' + folder.string() + '\0';
  if (pid > 1 && words_of(pid).find(ours) != std::string::npos) signal_group(pid, SIGKILL);
  fs::remove(folder / "worker.pid", ignored);
}

}  // namespace defuse
