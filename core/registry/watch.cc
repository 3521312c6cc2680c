#include "core/registry/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "core/registry/names.h"
#include "core/registry/version_files.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

// IN_MODIFY is left out on purpose: copying one large file would wake the daemon thousands of times, and IN_CLOSE_WRITE
// comes at the end of it. IN_ATTRIB is how `touch READY` shows.
constexpr std::uint32_t kEvents =
    IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kHow = IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;

}  // namespace

Result<RegistryWatch> RegistryWatch::open(const fs::path& root) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return fail(ErrorCode::unavailable, std::string("no inotify: ") + std::strerror(errno));
  RegistryWatch watch(fd, root);
  TRY_OK(watch.refresh());
  return watch;
}

RegistryWatch::~RegistryWatch() {
  if (fd_ >= 0) ::close(fd_);
}

RegistryWatch::RegistryWatch(RegistryWatch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      root_(std::move(other.root_)),
      folders_(std::move(other.folders_)),
      unwatched_(other.unwatched_) {}

RegistryWatch& RegistryWatch::operator=(RegistryWatch&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(root_, other.root_);
  std::swap(folders_, other.folders_);
  std::swap(unwatched_, other.unwatched_);
  return *this;
}

bool RegistryWatch::watch(const fs::path& folder, Level level) {
  // The root may be reached by a link; below it, links are not followed (the rescan sees what changes behind them).
  const std::uint32_t how = level == Level::root ? kHow & ~static_cast<std::uint32_t>(IN_DONT_FOLLOW) : kHow;
  const int descriptor = ::inotify_add_watch(fd_, folder.c_str(), kEvents | how);
  if (descriptor < 0) {
    if (errno == ENOSPC || errno == ENOMEM) ++unwatched_;
    return false;  // gone again, a link, or unreadable: the source will say what is the matter
  }
  folders_[descriptor] = {folder, level};
  return true;
}

void RegistryWatch::watch_below(const fs::path& folder, Level level) {
  if (level == Level::version) return;
  const auto below = list_folders(folder);
  if (!below) return;
  const Level next = level == Level::root ? Level::model : Level::version;
  for (const auto& entry : *below)
    if (!entry.link && watch(folder / entry.name, next)) watch_below(folder / entry.name, next);
}

Result<void> RegistryWatch::refresh() {
  unwatched_ = 0;
  if (!watch(root_, Level::root))
    return fail(ErrorCode::unavailable, "cannot watch " + root_.string() + ": " + std::strerror(errno));
  watch_below(root_, Level::root);
  return {};
}

Result<RegistryWatch::Events> RegistryWatch::drain() {
  Events events;
  bool root_gone = false;
  alignas(struct inotify_event) char buffer[1 << 14];
  for (;;) {
    const auto got = ::read(fd_, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return fail(ErrorCode::unavailable, std::string("cannot read inotify: ") + std::strerror(errno));
    for (const char* next = buffer; next < buffer + got;) {
      const auto* event = reinterpret_cast<const struct inotify_event*>(next);
      next += sizeof(struct inotify_event) + event->len;
      if (event->mask & IN_Q_OVERFLOW) {
        events.overflow = true;
        continue;
      }
      const auto found = folders_.find(event->wd);
      if (found == folders_.end()) continue;
      const Folder folder = found->second;
      if (event->mask & IN_IGNORED) folders_.erase(found);
      const std::string_view name = event->len > 0 ? std::string_view(event->name) : std::string_view();
      if (name.empty()) {
        if (folder.level == Level::root) {
          root_gone = root_gone || (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0;
          events.changed = true;
        }
        continue;  // of other folders their parent tells
      }
      if (is_passing_name(name)) continue;
      events.changed = true;
      if ((event->mask & IN_ISDIR) && (event->mask & (IN_CREATE | IN_MOVED_TO)) && folder.level != Level::version) {
        // Before anybody polls, so that nothing can happen in the new folder between poll and watch.
        const Level level = folder.level == Level::root ? Level::model : Level::version;
        if (watch(folder.path / name, level)) watch_below(folder.path / name, level);
      }
    }
  }
  if (root_gone) return fail(ErrorCode::unavailable, "registry " + root_.string() + " was moved, removed or unmounted");
  if (events.overflow) TRY_OK(refresh());
  return events;
}

}  // namespace defuse
