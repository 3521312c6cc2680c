// The one place where a process is started. A child gets its own process group (so that it and whatever it starts can
// be ended together), an explicit environment, /dev/null as standard input, pipes for output, default signal handling,
// and no other descriptor of ours. Called by the supervisor. Thread-safe; throws nothing.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace defuse {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SpawnRequest {
  std::filesystem::path program;
  std::vector<std::string> arguments;    // without the program's own name
  std::vector<std::string> environment;  // "NAME=value", all of it
};

struct Child {
  pid_t pid = -1;   // also its process group
  UniqueFd output;  // read ends, non-blocking
  UniqueFd errors;
};

// `not_found` if the program is missing, `unavailable` if the system is short of processes or memory, `io` otherwise.
Result<Child> spawn(const SpawnRequest& request);

// Sends a signal to the group of a child that has not been reaped yet. A group that is already gone is not an error.
void signal_group(pid_t pid, int signal);

// "killed by signal 11 (Segmentation fault)", "exit code 3"; for a status of waitpid.
std::string describe_exit(int status);

}  // namespace defuse
