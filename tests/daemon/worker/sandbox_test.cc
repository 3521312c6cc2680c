#include "daemon/worker/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/files.h"
#include "daemon/worker/sanitized.h"
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
    if (!DEFUSED_SANITIZED && ::fork() != -1) return 3;  // LeakSanitizer looks at the process from another
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

TEST(Sandbox, TheCacheOnlyGrows) {
  TempTree tree;
  tree.folder("cache/incoming").file("cache/answers/key/logits.npy", "numbers");
  const SandboxPlan plan{.readable = {}, .writable = {tree / "cache/incoming"}, .growing = {tree / "cache"}};
  const int answer = inside(plan, [&](const SandboxState& state) {
    if (!has(state, "landlock") || has(state, "landlock 1")) return kNotHere;
    const auto made = tree / "cache/incoming/tmp-1-0";
    if (!make_folder(made) || !write_atomically(made / "a", "x")) return 1;
    if (!publish_folder(made, tree / "cache/answers/new")) return 2;
    if (!read_file(tree / "cache/answers/new/a")) return 3;
    // Somebody was faster: the entry that is there stays, and that is no error.
    if (!make_folder(made) || !publish_folder(made, tree / "cache/answers/key")) return 4;
    if (write_file(tree / "cache/answers/key/logits.npy", "forged")) return 5;
    if (write_file(tree / "cache/answers/new/a", "forged")) return 6;
    std::error_code refused;
    std::filesystem::remove_all(tree / "cache/answers/key", refused);
    if (!refused) return 7;
    return 0;
  });
  if (answer == kNotHere) GTEST_SKIP() << "this kernel offers no Landlock, or its first version";
  EXPECT_EQ(answer, 0);
  EXPECT_EQ(tree.read("cache/answers/key/logits.npy"), "numbers");
}

TEST(Sandbox, NoCapabilityIsLeft) {
  EXPECT_EQ(inside({},
                   [](const SandboxState& state) {
                     if (!has(state, "capabilities")) return 1;
                     const auto status = read_file("/proc/self/status", 1 << 16);
                     for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
                       if (status && status->find(std::string(set) + ":\t0000000000000000") == std::string::npos)
                         return 2;
                     return status ? 0 : 3;
                   }),
            0);
}

TEST(Sandbox, StaysInItsProcessGroup) {
  const int answer = inside({}, [](const SandboxState& state) {
    if (!has(state, "seccomp")) return kNotHere;
    const auto group = ::getpgrp();
    if (::setsid() != -1 || ::setpgid(0, 0) != -1) return 1;
    return ::getpgrp() == group ? 0 : 2;
  });
  if (answer == kNotHere) GTEST_SKIP() << "this kernel offers no seccomp";
  EXPECT_EQ(answer, 0);
}

TEST(Sandbox, AFileBeyondTheLimitFailsLikeAFullDisk) {
  TempTree tree;
  tree.folder("mine");
  const SandboxPlan plan{.readable = {}, .writable = {tree / "mine"}, .largest_file = 4096};
  EXPECT_EQ(inside(plan,
                   [&](const SandboxState&) {
                     if (!write_file(tree / "mine/small", std::string(4096, 'x'))) return 1;
                     return write_file(tree / "mine/large", std::string(8192, 'x')) ? 2 : 0;
                   }),
            0);
}

TEST(Sandbox, AbortStillEndsTheProcess) {
  EXPECT_EQ(inside({}, [](const SandboxState&) -> int { std::abort(); }), -SIGABRT);
}

// Only the sandboxed thread and its children would be sealed.
TEST(Sandbox, AThreadThatRunsAlreadyIsALayerMissing) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer has a thread of its own";
#endif
  const pid_t child = ::fork();
  if (child == 0) {
    std::thread([] { ::pause(); }).detach();
    const auto state = enter_sandbox({}, {});
    ::_exit(!state.missing.empty() && state.missing.front().starts_with("one thread") ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

TEST(Sandbox, MemoryBeyondTheLimitIsRefusedNotSwapped) {
  if (DEFUSED_SANITIZED) GTEST_SKIP() << "a sanitized worker has no such limit";
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
