#include "daemon/process/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "tests/daemon/support.h"

namespace defuse {
namespace {

std::string read_all(const UniqueFd& fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd wait{fd.get(), POLLIN, 0};
    if (::poll(&wait, 1, 20000) <= 0) return text + "<timeout>";
    const auto got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST(Spawn, GivesArgumentsEnvironmentAndOutputs) {
  auto child = spawn({"/bin/sh", {"-c", "echo \"$A-$1-$HOME\"; echo oops >&2; exit 3", "sh", "b c"}, {"A=x"}});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(read_all(child->output), "x-b c-\n");
  EXPECT_EQ(read_all(child->errors), "oops\n");
  EXPECT_EQ(describe_exit(wait_for(child->pid)), "exit code 3");
}

TEST(Spawn, ChildHasNoDescriptorOfOurs) {
  test::TempFolder folder;
  const auto leaked = folder.file("secret", "x");
  const int open = ::open(leaked.c_str(), O_RDONLY);  // on purpose without O_CLOEXEC
  ASSERT_GE(open, 3);
  auto child = spawn({"/bin/sh", {"-c", "ls /proc/self/fd | wc -l; readlink /proc/self/fd/0"}, {"PATH=/usr/bin:/bin"}});
  ASSERT_TRUE(child);
  EXPECT_EQ(read_all(child->output), "4\n/dev/null\n");  // 0, 1, 2 and the folder that ls itself reads
  wait_for(child->pid);
  ::close(open);
}

TEST(Spawn, ChildLeadsItsOwnGroupSoThatGrandchildrenDieWithIt) {
  auto child = spawn({"/bin/sh", {"-c", "sleep 600 & echo started; wait"}, {"PATH=/usr/bin:/bin"}});
  ASSERT_TRUE(child);
  EXPECT_EQ(::getpgid(child->pid), child->pid);
  std::array<char, 16> buffer{};
  pollfd wait{child->output.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 20000), 1);
  ASSERT_GT(::read(child->output.get(), buffer.data(), buffer.size()), 0);
  signal_group(child->pid, SIGKILL);
  EXPECT_EQ(read_all(child->output), "");  // end of file: nobody holds the other end any more
  EXPECT_EQ(describe_exit(wait_for(child->pid)), "killed by signal 9 (Killed)");
}

TEST(Spawn, MissingProgramIsNotFoundAndNamed) {
  const auto child = spawn({"/nonexistent/defuse-worker", {}, {}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::not_found);
  EXPECT_NE(child.error().message.find("/nonexistent/defuse-worker"), std::string::npos);
}

TEST(SignalGroup, NeverSignalsItsOwnGroupOrEverybody) {
  signal_group(0, SIGKILL);
  signal_group(-1, SIGKILL);
  signal_group(1, SIGKILL);
  SUCCEED() << "still here";
}

}  // namespace
}  // namespace defuse
