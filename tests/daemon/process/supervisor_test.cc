#include "daemon/process/supervisor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "daemon/process/spawn.h"
#include "daemon/process/worker_pipe.h"
#include "tests/daemon/support.h"

namespace defuse {
namespace {

using test::run_until;
using test::slurp;

struct Worker : testing::Test {
  test::TempFolder folder;
  boost::asio::io_context io;
  std::filesystem::path job = folder.path() / "jobs" / "1";
  WorkerLimits limits;
  int nice = 0;
  std::vector<std::pair<std::string, double>> progress;
  std::optional<WorkerExit> exit;
  std::unique_ptr<Supervisor> supervisor;

  void start(const std::string& script) {
    std::filesystem::create_directories(job);
    SupervisorOptions options;
    options.worker = folder.script("worker", script);
    options.environment = worker_environment();
    options.tick = std::chrono::milliseconds(10);
    options.grace = std::chrono::milliseconds(100);
    options.nice = nice;
    supervisor = std::make_unique<Supervisor>(io, options);
    const auto started = supervisor->start(
        job, limits, [this](const std::string& station, double fraction) { progress.emplace_back(station, fraction); },
        [this](const WorkerExit& ended) { exit = ended; });
    ASSERT_TRUE(started) << started.error().message;
  }
  void run(const std::string& script) {
    start(script);
    ASSERT_TRUE(run_until(io, [this] { return exit.has_value(); }));
  }
};

TEST_F(Worker, ThatEndsWellIsClean) {
  run("[ \"$1\" = --job ] && mkdir \"$2/result\"");
  EXPECT_TRUE(exit->clean);
  EXPECT_EQ(exit->cause, "");
  EXPECT_TRUE(std::filesystem::is_directory(job / "result"));
  EXPECT_FALSE(supervisor->busy());
}

TEST_F(Worker, RunsWithALowerPriorityThanItsSupervisor) {
  nice = 5;
  limits.wall = std::chrono::seconds(20);
  const int expected = std::min(::getpriority(PRIO_PROCESS, 0) + nice, 19);
  // It is lowered just after the start, so the worker looks until it is; the time limit ends one that waits in vain.
  run("while [ \"$(cut -d ' ' -f 19 /proc/self/stat)\" != " + std::to_string(expected) + " ]; do :; done");
  EXPECT_TRUE(exit->clean) << exit->cause;
}

TEST_F(Worker, ThatDiesOfASignalIsNotCleanAndTheSignalIsNamed) {
  run("kill -SEGV $$");
  EXPECT_FALSE(exit->clean);
  EXPECT_NE(exit->cause.find("signal 11 (Segmentation fault)"), std::string::npos) << exit->cause;
}

TEST_F(Worker, ThatExitsWithACodeIsNotClean) {
  run("exit 7");
  EXPECT_FALSE(exit->clean);
  EXPECT_NE(exit->cause.find("exit code 7"), std::string::npos);
}

TEST_F(Worker, ThatHangsEndsAtTheTimeLimitEvenIfItIgnoresTheFirstSignal) {
  limits.wall = std::chrono::milliseconds(150);
  run("trap '' TERM; echo '{\"station\":\"evaluate\",\"progress\":0.5}'; while :; do sleep 600; done");
  EXPECT_FALSE(exit->clean);
  EXPECT_EQ(exit->cause, "time limit of 150 ms reached in station evaluate");
}

TEST_F(Worker, ThatUsesTooMuchMemoryIsEnded) {
  limits.memory = 1 << 10;  // less than any process has
  run("sleep 600");
  EXPECT_FALSE(exit->clean);
  EXPECT_NE(exit->cause.find("out of memory"), std::string::npos) << exit->cause;
}

TEST_F(Worker, OwnErrorLineIsTheCause) {
  run("echo '{\"error\":{\"code\":\"corrupt\",\"message\":\"test images are truncated\"}}'; exit 1");
  EXPECT_FALSE(exit->clean);
  EXPECT_EQ(exit->cause, "test images are truncated");
  ASSERT_TRUE(exit->reported);
  EXPECT_EQ(exit->reported->code, ErrorCode::corrupt);
}

TEST_F(Worker, ProgressArrivesAndIsBounded) {
  run("echo '{\"station\":\"train\",\"progress\":7}'; sleep 0.1; echo 'model chatter'; echo "
      "'{\"station\":\"<b>\",\"progress\":1}'");
  ASSERT_FALSE(progress.empty());
  for (const auto& [station, fraction] : progress) {
    EXPECT_EQ(station, "train");
    EXPECT_EQ(fraction, 1.0);
  }
}

TEST_F(Worker, FloodOfOutputEndsWithTheWorkerAndKeepsTheLogSmall) {
  run("echo first >&2; head -c 400000 /dev/zero | tr '\\0' x >&2; echo last >&2; head -c 400000 /dev/zero | tr '\\0' "
      "y");
  EXPECT_TRUE(exit->clean);
  const auto log = slurp(job / "worker.log");
  EXPECT_LT(log.size(), 140U << 10);
  EXPECT_TRUE(log.starts_with("first\n"));
  EXPECT_TRUE(log.ends_with("last\n"));
  EXPECT_NE(log.find("bytes left out"), std::string::npos);
}

TEST_F(Worker, SeesNoTokensAndNoNotifySocket) {
  ::setenv("NOTIFY_SOCKET", "/run/x", 1);
  ::setenv("DEFUSED_TOKEN", "secret", 1);
  run("env > \"$2/env\"");
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("DEFUSED_TOKEN");
  const auto environment = slurp(job / "env");
  EXPECT_NE(environment.find("OPENBLAS_NUM_THREADS=1"), std::string::npos);
  EXPECT_EQ(environment.find("NOTIFY_SOCKET"), std::string::npos);
  EXPECT_EQ(environment.find("secret"), std::string::npos);
}

TEST_F(Worker, StoppedAtOnceIsReportedAsStopped) {
  start("trap '' TERM; sleep 600");
  supervisor->stop(Supervisor::How::at_once);
  ASSERT_TRUE(run_until(io, [this] { return exit.has_value(); }));
  EXPECT_TRUE(exit->stopped);
  EXPECT_FALSE(exit->clean);
}

TEST_F(Worker, AskedPolitelyMayFinishItsOwnWay) {
  start("trap 'exit 0' TERM; echo '{\"station\":\"ready\",\"progress\":0}'; while :; do sleep 0.05; done");
  ASSERT_TRUE(run_until(io, [this] { return !progress.empty(); }));
  supervisor->stop(Supervisor::How::politely);
  ASSERT_TRUE(run_until(io, [this] { return exit.has_value(); }));
  EXPECT_TRUE(exit->stopped);
  EXPECT_FALSE(exit->clean) << "whatever it left behind was not asked for any more";
}

TEST_F(Worker, OnlyOneRunsAtATime) {
  start("sleep 600");
  const auto second = supervisor->start(job, limits, {}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
}

TEST_F(Worker, DiesWithItsSupervisor) {
  start("sleep 600");
  const auto pid = static_cast<pid_t>(std::stoi(slurp(job / "worker.pid")));
  ASSERT_EQ(::kill(pid, 0), 0);
  supervisor.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(Worker, StrayOfAnEarlierDaemonIsKilledButNobodyElse) {
  std::filesystem::create_directories(job);
  auto stray = spawn({"/bin/sh", {"-c", "sleep 20", "--job", job.string()}, {"PATH=/usr/bin:/bin"}});
  auto other =
      spawn({"/bin/sh", {"-c", "sleep 600", "--job", (folder.path() / "jobs" / "2").string()}, {"PATH=/usr/bin:/bin"}});
  ASSERT_TRUE(stray);
  ASSERT_TRUE(other);
  folder.file("jobs/1/worker.pid", std::to_string(other->pid));
  kill_stray_worker(job);
  int status = 0;
  EXPECT_EQ(::waitpid(other->pid, &status, WNOHANG), 0) << "its number was in the file, but it works on another folder";
  folder.file("jobs/1/worker.pid", std::to_string(stray->pid));
  kill_stray_worker(job);
  ASSERT_EQ(::waitpid(stray->pid, &status, 0), stray->pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it came to its own end";
  EXPECT_FALSE(std::filesystem::exists(job / "worker.pid"));
  signal_group(other->pid, SIGKILL);
  ::waitpid(other->pid, &status, 0);
}

// Where the machine is busy, a process has no words yet when whoever spawned it goes on.
TEST_F(Worker, StrayThatHasOnlyJustBeenStartedIsKilledToo) {
  for (int round = 0; round < 30; ++round) {
    auto stray = spawn({"/bin/sh", {"-c", "sleep 20", "--job", job.string()}, {"PATH=/usr/bin:/bin"}});
    ASSERT_TRUE(stray);
    folder.file("jobs/1/worker.pid", std::to_string(stray->pid));
    kill_stray_worker(job);
    int status = 0;
    ASSERT_EQ(::waitpid(stray->pid, &status, 0), stray->pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it came to its own end";
  }
}

TEST(LineSplitter, DropsLinesThatAreTooLongAndGoesOn) {
  LineSplitter lines(8);
  std::vector<std::string> seen;
  const auto take = [&](std::string_view line) { seen.emplace_back(line); };
  lines.add("ab", take);
  lines.add("cd\n0123456789", take);
  lines.add("0123456789\n\nef\n", take);
  EXPECT_EQ(seen, (std::vector<std::string>{"abcd", "ef"}));
}

TEST(CappedLog, KeepsHeadAndTail) {
  test::TempFolder folder;
  CappedLog log(folder.path() / "log", 4);
  for (const char* part : {"ab", "cdef", "ghijklmnop", "qr"}) log.add(part);
  log.finish();
  EXPECT_EQ(slurp(folder.path() / "log"), "abcd\n[10 bytes left out]\nopqr");
}

}  // namespace
}  // namespace defuse
