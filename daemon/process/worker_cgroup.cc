#include "daemon/process/worker_cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>
#include <system_error>

#include "core/base/files.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxControlFile = 1 << 20;
constexpr int kMostThreads = 1024;  // of a worker: its own, LibTorch's and whatever a model begins

tl::unexpected<Error> not_ours(const std::string& why) { return fail(ErrorCode::unavailable, why); }

// In place and in one write, as control files want it.
Result<void> tell(const fs::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int number = errno;
  if (fd >= 0) ::close(fd);
  if (!written) return not_ours("cannot write " + file.string() + ": " + std::strerror(number));
  return {};
}

bool there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

bool holds(const std::string& words, std::string_view word) {
  std::istringstream stream(words);
  for (std::string one; stream >> one;)
    if (one == word) return true;
  return false;
}

Result<fs::path> own_group(const fs::path& root, const fs::path& own) {
  if (!there(root / "cgroup.controllers")) return not_ours("control groups are not version 2 here");
  TRY(text, read_file(own, kMaxControlFile));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("0::/") && line.size() > 4 && line.find("..") == std::string::npos)
      return root / line.substr(4);
  return not_ours("this process is in no control group of its own");
}

// Only who is alone in a group may move out of it and hand its controllers on; others in it are not ours to move.
Result<void> expect_delegated(const fs::path& group) {
  TRY(controllers, read_file(group / "cgroup.controllers", kMaxControlFile));
  if (!holds(controllers, "memory")) return not_ours("the memory controller was not delegated");
  TRY(processes, read_file(group / "cgroup.procs", kMaxControlFile));
  if (processes != std::to_string(::getpid()) + "\n")
    return not_ours("the daemon's control group holds other processes");
  for (const char* file : {"cgroup.procs", "cgroup.subtree_control"})
    if (::access((group / file).c_str(), W_OK) != 0) return not_ours("the daemon's control group was not delegated");
  return {};
}

}  // namespace

Result<WorkerCgroups> WorkerCgroups::take(const fs::path& root, const fs::path& own) {
  TRY(group, own_group(root, own));
  TRY_OK(expect_delegated(group));
  TRY(controllers, read_file(group / "cgroup.controllers", kMaxControlFile));
  const auto leaf = group / "daemon";
  std::error_code failed;
  fs::create_directory(leaf, failed);
  if (failed) return not_ours("cannot make " + leaf.string() + ": " + failed.message());
  const auto self = std::to_string(::getpid());
  TRY_OK(tell(leaf / "cgroup.procs", self));
  const auto handed = tell(group / "cgroup.subtree_control", holds(controllers, "pids") ? "+memory +pids" : "+memory");
  if (!handed) {
    (void)tell(group / "cgroup.procs", self);
    ::rmdir(leaf.c_str());
    return tl::unexpected<Error>(handed.error());
  }
  return WorkerCgroups(group);
}

Result<WorkerCgroup> WorkerCgroups::make(std::uint64_t memory) const {
  static unsigned counter = 0;
  const auto folder = folder_ / ("worker-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
  std::error_code failed;
  fs::create_directory(folder, failed);
  if (failed) return not_ours("cannot make " + folder.string() + ": " + failed.message());
  WorkerCgroup group(folder);
  TRY_OK(tell(folder / "memory.max", std::to_string(memory)));
  // The rest sharpens the limit where the kernel has it.
  if (there(folder / "memory.swap.max")) TRY_OK(tell(folder / "memory.swap.max", "0"));
  if (there(folder / "memory.oom.group")) TRY_OK(tell(folder / "memory.oom.group", "1"));
  if (there(folder / "pids.max")) TRY_OK(tell(folder / "pids.max", std::to_string(kMostThreads)));
  return group;
}

WorkerCgroup::~WorkerCgroup() {
  if (!folder_.empty()) ::rmdir(folder_.c_str());
}

Result<void> WorkerCgroup::add(pid_t process) const { return tell(folder_ / "cgroup.procs", std::to_string(process)); }

void WorkerCgroup::kill() const {
  if (there(folder_ / "cgroup.kill")) (void)tell(folder_ / "cgroup.kill", "1");
}

bool WorkerCgroup::ran_out_of_memory() const {
  const auto text = read_file(folder_ / "memory.events", kMaxControlFile);
  if (!text) return false;
  std::istringstream events(*text);
  std::string name;
  for (std::uint64_t count = 0; events >> name >> count;)
    if (name == "oom_kill" && count > 0) return true;
  return false;
}

}  // namespace defuse
