#include "daemon/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <thread>
#include <vector>

#include "core/files.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

using testing::TempTree;

constexpr int kNotHere = 77;

// Runs `body` in a child that has entered the sandbox; its answer is the child's exit code.
int inside(const SandboxPlan& plan, const std::function<int(const SandboxState&)>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    WorkerSettings limits;
    limits.memory = 256 << 20;
    const auto state = enter_sandbox(limits, plan);
    ::_exit(body(state));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool has(const SandboxState& state, const std::string& layer) {
  return std::any_of(state.in_force.begin(), state.in_force.end(),
                     [&](const std::string& name) { return name.starts_with(layer); });
}

TEST(Sandbox, SaysWhatIsInForceAndWhatIsMissing) {
  EXPECT_EQ(inside({},
                   [](const SandboxState& state) {
                     const auto text = state.describe();
                     return has(state, "rlimits") && has(state, "no_new_privs") && text.starts_with("sandbox:") ? 0 : 1;
                   }),
            0);
}

TEST(Sandbox, NoSocketNoProgramNoProcess) {
  const int answer = inside({}, [](const SandboxState& state) {
    if (!has(state, "seccomp")) return kNotHere;
    if (::socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM) return 1;
    char* const words[] = {nullptr};
    if (::execve("/bin/true", words, words) != -1 || errno != EPERM) return 2;
    if (::fork() != -1) return 3;
    return 0;
  });
  if (answer == kNotHere) GTEST_SKIP() << "this kernel offers no seccomp";
  EXPECT_EQ(answer, 0);
}

TEST(Sandbox, ThreadsStillWork) {
  EXPECT_EQ(inside({},
                   [](const SandboxState&) {
                     int answer = 1;
                     std::thread([&] { answer = 0; }).join();
                     return answer;
                   }),
            0);
}

TEST(Sandbox, WritesOnlyIntoItsOwnFoldersAndReadsOnlyItsInputs) {
  TempTree tree;
  tree.folder("mine").file("input/model.pt", "model").file("secret/token", "secret");
  const SandboxPlan plan{.readable = {tree / "input/model.pt"}, .writable = {tree / "mine"}};
  const int answer = inside(plan, [&](const SandboxState& state) {
    if (!has(state, "landlock")) return kNotHere;
    if (!write_atomically(tree / "mine/result", "done")) return 1;
    if (write_atomically(tree / "secret/result", "gotcha")) return 2;
    if (!read_file(tree / "input/model.pt")) return 3;
    if (read_file(tree / "secret/token")) return 4;
    return 0;
  });
  if (answer == kNotHere) GTEST_SKIP() << "this kernel offers no Landlock";
  EXPECT_EQ(answer, 0);
}

TEST(Sandbox, MemoryBeyondTheLimitIsRefusedNotSwapped) {
  EXPECT_EQ(inside({},
                   [](const SandboxState&) {
                     try {
                       std::vector<char> greedy(std::size_t{1} << 30, 'x');
                       return greedy[12345] == 'x' ? 1 : 2;
                     } catch (const std::bad_alloc&) {
                       return 0;
                     }
                   }),
            0);
}

}  // namespace
}  // namespace defuse
