#include "daemon/process/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace defuse {
namespace {

// posix_spawn's two option objects, freed on every way out.
class SpawnOptions {
 public:
  SpawnOptions() {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
  }
  ~SpawnOptions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  // 0 or an errno, as every posix_spawn function.
  int prepare(int output, int errors) {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    const std::array results = {
        ::posix_spawnattr_setflags(&attributes_,
                                   // A group, not a session: where the kernel shares cores among sessions first
                                   // (sched_autogroup), a worker in one of its own would have as much as the daemon,
                                   // however nice it is.
                                   POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
        ::posix_spawnattr_setpgroup(&attributes_, 0),
        ::posix_spawnattr_setsigmask(&attributes_, &none),
        ::posix_spawnattr_setsigdefault(&attributes_, &all),
        ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0),
        ::posix_spawn_file_actions_adddup2(&actions_, output, 1),
        ::posix_spawn_file_actions_adddup2(&actions_, errors, 2),
        // Whatever a library of ours opened without O_CLOEXEC stays here: the database, sockets, the state lock.
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3),
    };
    for (const int result : results)
      if (result != 0) return result;
    return 0;
  }

  const posix_spawnattr_t* attributes() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ErrorCode::unavailable, std::string("cannot make a pipe: ") + std::strerror(errno));
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // Only our end: a child that finds its standard output non-blocking loses lines.
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0)
    return fail(ErrorCode::io, std::string("cannot set up a pipe: ") + std::strerror(errno));
  return pipe;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Child> spawn(const SpawnRequest& request) {
  TRY(output, make_pipe());
  TRY(errors, make_pipe());
  SpawnOptions options;
  int failure = options.prepare(output.write.get(), errors.write.get());
  Child child;
  if (failure == 0) {
    std::vector<std::string> words{request.program.string()};
    words.insert(words.end(), request.arguments.begin(), request.arguments.end());
    auto variables = request.environment;
    failure = ::posix_spawn(&child.pid, request.program.c_str(), options.actions(), options.attributes(),
                            pointers(words).data(), pointers(variables).data());
  }
  if (failure != 0) {
    const auto code = failure == ENOENT                        ? ErrorCode::not_found
                      : failure == EAGAIN || failure == ENOMEM ? ErrorCode::unavailable
                                                               : ErrorCode::io;
    return fail(code, "cannot start " + request.program.string() + ": " + std::strerror(failure));
  }
  child.output = std::move(output.read);
  child.errors = std::move(errors.read);
  return child;
}

void signal_group(pid_t pid, int signal) {
  if (pid > 1) ::kill(-pid, signal);  // 0 and 1 would mean our own group and everybody
}

std::string describe_exit(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = ::sigdescr_np(signal);
    return "killed by signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "unknown") + ")";
  }
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace defuse
