// On a plain folder that looks like a delegated control group: the files the kernel would make are made here.
#include "daemon/process/worker_cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/files.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;
using testing::TempTree;

// fs/service is the daemon's group.
struct Hierarchy {
  Hierarchy() {
    const auto self = std::to_string(::getpid());
    tree.file("own", "8:memory:/elsewhere\n0::/service\n")
        .file("fs/cgroup.controllers", "cpu memory pids")
        .file("fs/service/cgroup.controllers", "cpu memory pids\n")
        .file("fs/service/cgroup.procs", self + "\n")
        .file("fs/service/cgroup.subtree_control", "")
        .file("fs/service/daemon/cgroup.procs", "");
  }
  Result<WorkerCgroups> take() const { return WorkerCgroups::take(tree / "fs", tree / "own"); }
  TempTree tree;
};

// As the kernel fills a new group.
void fill(const fs::path& group) {
  for (const char* file :
       {"cgroup.procs", "cgroup.kill", "memory.max", "memory.swap.max", "memory.oom.group", "pids.max"})
    ASSERT_TRUE(write_file(group / file, ""));
}

TEST(WorkerCgroup, TheDaemonMovesAsideAndHandsItsControllersOn) {
  Hierarchy here;
  const auto taken = here.take();
  ASSERT_TRUE(taken) << taken.error().describe();
  EXPECT_EQ(here.tree.read("fs/service/daemon/cgroup.procs"), std::to_string(::getpid()));
  EXPECT_EQ(here.tree.read("fs/service/cgroup.subtree_control"), "+memory +pids");
}

TEST(WorkerCgroup, AWorkersGroupCarriesItsLimits) {
  Hierarchy here;
  const auto taken = here.take();
  ASSERT_TRUE(taken);
  // A plain folder does not fill a group by itself, so the first attempt fails; what it failed for is made, and it is
  // tried under the next name.
  const auto bare = taken->make(1 << 20);
  ASSERT_FALSE(bare);
  EXPECT_NE(bare.error().message.find("memory.max"), std::string::npos);
  const auto next = "worker-" + std::to_string(::getpid()) + "-1";
  fs::create_directories(here.tree / "fs/service" / next);
  fill(here.tree / "fs/service" / next);
  {
    const auto group = taken->make(1 << 20);
    ASSERT_TRUE(group) << group.error().describe();
    const auto at = [&](const char* file) { return here.tree.read("fs/service/" + next + "/" + file); };
    EXPECT_EQ(at("memory.max"), "1048576");
    EXPECT_EQ(at("memory.swap.max"), "0");
    EXPECT_EQ(at("memory.oom.group"), "1");
    EXPECT_EQ(at("pids.max"), "1024");
    ASSERT_TRUE(group->add(4711));
    EXPECT_EQ(at("cgroup.procs"), "4711");
    group->kill();
    EXPECT_EQ(at("cgroup.kill"), "1");
    EXPECT_FALSE(group->ran_out_of_memory());
    here.tree.file("fs/service/" + next + "/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\n");
    EXPECT_FALSE(group->ran_out_of_memory());
    here.tree.file("fs/service/" + next + "/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\n");
    EXPECT_TRUE(group->ran_out_of_memory());
  }
}

TEST(WorkerCgroup, NothingIsTakenThatWasNotLeftToUs) {
  const auto self = std::to_string(::getpid());
  const struct {
    const char* file;
    std::string content;
    const char* words;
  } kCases[] = {
      {"own", "8:memory:/service\n", "no control group of its own"},
      {"own", "0::/\n", "no control group of its own"},
      {"own", "0::/service/../other\n", "no control group of its own"},
      {"fs/service/cgroup.controllers", "cpu pids\n", "memory controller was not delegated"},
      {"fs/service/cgroup.procs", self + "\n1\n", "holds other processes"},
  };
  for (const auto& wrong : kCases) {
    Hierarchy here;
    here.tree.file(wrong.file, wrong.content);
    const auto taken = here.take();
    ASSERT_FALSE(taken) << wrong.content;
    EXPECT_EQ(taken.error().code, ErrorCode::unavailable);
    EXPECT_NE(taken.error().message.find(wrong.words), std::string::npos) << taken.error().message;
    EXPECT_EQ(here.tree.read("fs/service/daemon/cgroup.procs"), "");
  }
  Hierarchy old;
  fs::remove(old.tree / "fs/cgroup.controllers");
  EXPECT_FALSE(old.take());
}

}  // namespace
}  // namespace defuse
