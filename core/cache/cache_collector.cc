#include "core/cache/cache_collector.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace defuse {
namespace {

// A file's time is stamped by ticks of the kernel, so it may lie a little before the moment of use.
constexpr std::chrono::seconds kClockSlack{1};
// Scratch is written to all the time. That its process is not to be seen may also mean that it runs in another
// container, so a while must have passed as well.
constexpr std::chrono::minutes kScratchRest{10};
constexpr std::size_t kMostProblems = 5;
constexpr int kDeepest = 16;  // of folders below an entry; ours have one level
constexpr std::string_view kScratch = "tmp-";
constexpr std::string_view kDropped = "-dropped-";

// Everything goes by descriptors and names inside them: a worker may write to the cache, and must not be able to lead
// the daemon elsewhere by a link put where a folder was.
class OpenFolder {
 public:
  OpenFolder(int at, const char* name) {
    const int fd = ::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    stream_.reset(::fdopendir(fd));
    if (!stream_) ::close(fd);
  }
  explicit operator bool() const { return stream_ != nullptr; }
  int fd() const { return ::dirfd(stream_.get()); }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    ::rewinddir(stream_.get());
    while (const struct dirent* entry = ::readdir(stream_.get()))
      if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
    return names;
  }

 private:
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  std::unique_ptr<DIR, Close> stream_;
};

std::optional<struct stat> look(int at, const std::string& name) {
  struct stat facts {};
  if (::fstatat(at, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return facts;
}

TimePoint time_of(const struct stat& facts) {
  return TimePoint(std::chrono::milliseconds(facts.st_mtim.tv_sec * 1000 + facts.st_mtim.tv_nsec / 1'000'000));
}

struct Extent {
  std::uint64_t bytes = 0;
  TimePoint written = TimePoint::min();  // newest time of anything inside
};

Extent extent_of(int at, const std::string& name, const struct stat& facts, int depth = 0) {
  Extent whole{static_cast<std::uint64_t>(facts.st_blocks) * 512, time_of(facts)};
  if (!S_ISDIR(facts.st_mode) || depth == kDeepest) return whole;
  const OpenFolder folder(at, name.c_str());
  if (!folder) return whole;
  for (const auto& child : folder.names()) {
    const auto below = look(folder.fd(), child);
    if (!below) continue;
    const auto part = extent_of(folder.fd(), child, *below, depth + 1);
    whole.bytes += part.bytes;
    whole.written = std::max(whole.written, part.written);
  }
  return whole;
}

// 0, or the first errno met; something that is gone already is as good as removed.
int remove_whole(int at, const std::string& name, int depth = 0) {
  if (::unlinkat(at, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  const int refused = errno;
  int problem = 0;
  {
    const OpenFolder folder(at, name.c_str());
    if (!folder) return errno == ENOENT ? 0 : errno == ENOTDIR || errno == ELOOP ? refused : errno;
    if (depth == kDeepest) return ELOOP;
    for (const auto& child : folder.names())
      if (const int failed = remove_whole(folder.fd(), child, depth + 1); problem == 0) problem = failed;
  }
  if (::unlinkat(at, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT && problem == 0) problem = errno;
  return problem;
}

bool is_running(pid_t process) { return ::kill(process, 0) == 0 || errno == EPERM; }

// tmp-<process>-…; nothing for a name of another make.
std::optional<pid_t> owner_of_scratch(std::string_view name) {
  pid_t process = 0;
  name.remove_prefix(kScratch.size());
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), process);
  if (code != std::errc() || process <= 0 || end == name.data() + name.size() || *end != '-') return std::nullopt;
  return process;
}

class Collector {
 public:
  explicit Collector(const CacheCollection& asked) : asked_(asked), root_(AT_FDCWD, asked.root.c_str()) {}

  CacheSweep run() {
    if (!root_) {
      if (errno != ENOENT) problem(asked_.root.string(), errno);
      return std::move(sweep_);
    }
    survey();
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
    std::uint64_t held = sweep_.before - sweep_.freed;
    for (const auto& entry : entries_) {
      if (entry.used + kClockSlack >= asked_.last_job) sweep_.needed += entry.bytes;
      if (held > asked_.budget && drop(entry)) {
        held -= entry.bytes;
        sweep_.freed += entry.bytes;
        ++sweep_.dropped;
      }
    }
    sweep_.over_budget = held > asked_.budget;
    return std::move(sweep_);
  }

 private:
  struct Entry {
    std::string station;
    std::string name;
    std::uint64_t bytes = 0;
    TimePoint used;
  };

  void problem(const std::string& what, int number) {
    if (sweep_.problems.size() < kMostProblems) sweep_.problems.push_back(what + ": " + std::strerror(number));
  }

  void survey() {
    for (const auto& station : root_.names()) {
      const auto facts = look(root_.fd(), station);
      if (!facts || !S_ISDIR(facts->st_mode)) continue;
      const OpenFolder folder(root_.fd(), station.c_str());
      if (!folder) {
        problem(station, errno);
        continue;
      }
      for (const auto& name : folder.names()) {
        const auto own = look(folder.fd(), name);
        if (!own || (!S_ISDIR(own->st_mode) && !S_ISREG(own->st_mode))) continue;  // vanished, or none of ours
        const auto extent = extent_of(folder.fd(), name, *own);
        sweep_.before += extent.bytes;
        if (name.starts_with(kScratch))
          sweep_scratch(folder, station, name, extent);
        else
          entries_.push_back({station, name, extent.bytes, time_of(*own)});
      }
    }
  }

  void sweep_scratch(const OpenFolder& folder, const std::string& station, const std::string& name,
                     const Extent& extent) {
    const auto owner = owner_of_scratch(name);
    if (!owner) return;
    const bool left_by_us = name.find(kDropped) != std::string::npos && (*owner == ::getpid() || !is_running(*owner));
    if (!left_by_us && (is_running(*owner) || extent.written + kScratchRest > asked_.now)) return;
    if (const int failed = remove_whole(folder.fd(), name)) return problem(station + "/" + name, failed);
    sweep_.freed += extent.bytes;
    ++sweep_.scratch;
  }

  // By rename first, so that a worker finds the entry whole or not at all.
  bool drop(const Entry& entry) {
    const OpenFolder folder(root_.fd(), entry.station.c_str());
    if (!folder) return false;
    const auto facts = look(folder.fd(), entry.name);
    if (!facts) return false;           // somebody else removed it
    const auto used = time_of(*facts);  // now: a worker may have come since the survey
    if (used != entry.used) return false;
    const auto since = asked_.in_use_since();
    if (since == TimePoint::min() || (since != TimePoint::max() && used + kClockSlack >= since)) return false;
    const auto away = std::string(kScratch) + std::to_string(::getpid()) + std::string(kDropped) +
                      std::to_string(sweep_.dropped) + "-" + entry.name.substr(0, 100);
    if (::renameat(folder.fd(), entry.name.c_str(), folder.fd(), away.c_str()) != 0) {
      if (errno != ENOENT) problem(entry.station + "/" + entry.name, errno);
      return false;
    }
    if (const int failed = remove_whole(folder.fd(), away)) {
      problem(entry.station + "/" + entry.name, failed);
      return false;
    }
    return true;
  }

  const CacheCollection& asked_;
  OpenFolder root_;
  CacheSweep sweep_;
  std::vector<Entry> entries_;
};

}  // namespace

CacheSweep collect_cache(const CacheCollection& collection) { return Collector(collection).run(); }

void mark_used(const std::filesystem::path& entry) {
  [[maybe_unused]] const int ignored = ::utimensat(AT_FDCWD, entry.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

}  // namespace defuse
