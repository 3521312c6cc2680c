#include "core/cache/station_cache.h"

#include <unistd.h>

#include <atomic>

#include "core/base/files.h"

namespace defuse {
namespace fs = std::filesystem;

StationCache::StationCache(fs::path root) : root_(std::move(root)) {}

fs::path StationCache::first_place(std::string_view station, const std::string& key) const {
  return root_ / station / key;
}

fs::path StationCache::entry(std::string_view station, const std::string& key) const {
  return newest_place(first_place(station, key));
}

bool StationCache::holds(std::string_view station, const std::string& key) const {
  std::error_code ignored;
  return fs::exists(entry(station, key), ignored);
}

Result<void> StationCache::put(std::string_view station, const std::string& key,
                               const std::function<Result<void>(const fs::path&)>& save) const {
  static std::atomic<unsigned> counter{0};
  const auto scratch =
      incoming_folder(root_) / ("tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)));
  std::error_code ignored;
  fs::remove_all(scratch, ignored);  // of a process that had our number and was killed
  TRY_OK(make_folder(scratch));
  TRY_OK(save(scratch));
  TRY_OK(make_folder(root_ / station));
  return publish_folder(scratch, free_place(first_place(station, key)));
}

}  // namespace defuse
