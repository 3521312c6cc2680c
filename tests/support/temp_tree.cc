#include "tests/support/temp_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <system_error>

namespace defuse::testing {
namespace fs = std::filesystem;
namespace {

void require(bool ok, const std::string& what) {
  if (ok) return;
  std::perror(("TempTree: " + what).c_str());
  std::abort();
}

}  // namespace

TempTree::TempTree(In where) {
  const bool memory = where == In::memory && ::access("/dev/shm", W_OK) == 0;
  std::string name = ((memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "defused-test-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "cannot make " + name);
  root_ = fs::canonical(name);
}

TempTree::~TempTree() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

TempTree& TempTree::file(const fs::path& relative, std::string_view bytes) {
  fs::create_directories((root_ / relative).parent_path());
  std::ofstream out(root_ / relative, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  require(out.good(), "cannot write " + relative.string());
  return *this;
}

TempTree& TempTree::folder(const fs::path& relative) {
  fs::create_directories(root_ / relative);
  return *this;
}

TempTree& TempTree::link(const fs::path& relative, const fs::path& target) {
  fs::create_directories((root_ / relative).parent_path());
  fs::create_symlink(target, root_ / relative);
  return *this;
}

TempTree& TempTree::fifo(const fs::path& relative) {
  fs::create_directories((root_ / relative).parent_path());
  require(::mkfifo((root_ / relative).c_str(), 0600) == 0, "cannot make fifo " + relative.string());
  return *this;
}

TempTree& TempTree::remove(const fs::path& relative) {
  require(fs::remove_all(root_ / relative) > 0, "nothing to remove at " + relative.string());
  return *this;
}

TempTree& TempTree::rename(const fs::path& from, const fs::path& to) {
  fs::create_directories((root_ / to).parent_path());
  fs::rename(root_ / from, root_ / to);
  return *this;
}

TempTree& TempTree::modified(const fs::path& relative, std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  struct timespec times[2];
  times[0].tv_sec = times[1].tv_sec = since / 1'000'000'000;
  times[0].tv_nsec = times[1].tv_nsec = since % 1'000'000'000;
  require(::utimensat(AT_FDCWD, (root_ / relative).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0,
          "cannot date " + relative.string());
  return *this;
}

std::string TempTree::read(const fs::path& relative) const {
  std::ifstream in(root_ / relative, std::ios::binary);
  require(in.good(), "cannot read " + relative.string());
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

}  // namespace defuse::testing
