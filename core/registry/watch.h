// An inotify watch over a registry: says that something changed, never what. What there is, FilesystemSource::poll()
// says. Owned by the daemon's watcher, which waits on fd() and calls drain(). Watches root, model folders and version
// folders; adds new ones itself. Not a promise: network file systems send no events, queues overflow and the kernel
// limits the number of watches, so a periodic rescan goes on beside it. Never blocks. One thread.
#pragma once
#include <cstddef>
#include <filesystem>
#include <unordered_map>

#include "core/base/result.h"

namespace defuse {

class RegistryWatch {
 public:
  struct Events {
    bool changed = false;   // poll the source
    bool overflow = false;  // events were lost; poll the source
  };

  // `unavailable` if the kernel gives no inotify or the root cannot be watched; then only rescans see changes.
  static Result<RegistryWatch> open(const std::filesystem::path& root);
  ~RegistryWatch();
  RegistryWatch(RegistryWatch&& other) noexcept;
  RegistryWatch& operator=(RegistryWatch&& other) noexcept;

  int fd() const { return fd_; }  // readable when drain() has something to do; non-blocking

  // Takes every event that is waiting. `unavailable` once the root itself is gone: close this and open a new one.
  Result<Events> drain();

  // Looks for folders that are not watched yet. drain() does it where needed; worth calling after a rescan too.
  Result<void> refresh();

  std::size_t watched() const { return folders_.size(); }
  std::size_t unwatched() const { return unwatched_; }  // folders that the kernel's limit left out, at the last refresh

 private:
  enum class Level { root, model, version };
  struct Folder {
    std::filesystem::path path;
    Level level = Level::root;
  };
  RegistryWatch(int fd, std::filesystem::path root) : fd_(fd), root_(std::move(root)) {}

  void watch_below(const std::filesystem::path& folder, Level level);
  bool watch(const std::filesystem::path& folder, Level level);

  int fd_ = -1;
  std::filesystem::path root_;
  std::unordered_map<int, Folder> folders_;  // by watch descriptor
  std::size_t unwatched_ = 0;
};

}  // namespace defuse
