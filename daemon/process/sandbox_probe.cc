#include "daemon/process/sandbox_probe.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace defuse {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kLongestAnswer = 16 << 10;
constexpr std::chrono::milliseconds kLook{50};  // how often `give_up` is asked

// What it writes until it ends, is given up or has said more than it should.
std::string answer_of(const Child& child, std::chrono::milliseconds patience, const std::function<bool()>& give_up) {
  std::string text;
  std::array<char, 4096> block{};
  const auto end = Steady::now() + patience;
  while (Steady::now() < end && !give_up() && text.size() <= kLongestAnswer) {
    struct pollfd waits {
      child.output.get(), POLLIN, 0
    };
    if (::poll(&waits, 1, static_cast<int>(kLook.count())) <= 0) continue;
    const auto got = ::read(child.output.get(), block.data(), block.size());
    if (got == 0) return text;
    if (got > 0) text.append(block.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EAGAIN && errno != EINTR) return text;
  }
  return {};
}

}  // namespace

Result<SandboxState> probe_sandbox(const SpawnRequest& worker, std::chrono::milliseconds patience,
                                   const std::function<bool()>& give_up) {
  TRY(child, spawn(worker));
  const auto text = answer_of(child, patience, give_up);
  if (text.empty()) signal_group(child.pid, SIGKILL);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (text.empty())
    return fail(ErrorCode::unavailable, "the worker did not say what sandbox it has: " + describe_exit(status));
  return sandbox_state_from_json(text);
}

}  // namespace defuse
