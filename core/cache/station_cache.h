// Results of stations, kept by content: a folder per (station, key), where the key hashes everything the result depends
// on, including the code version. An entry appears whole, by rename, or not at all, so a station that was killed
// half-way is simply absent and a restart resumes at the first one missing. Several workers may share one cache. What
// is there is never changed: a worker's sandbox would not let it (daemon/worker/sandbox.h). Never judges what it
// stores.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/cache/cache_collector.h"

namespace defuse {

class StationCache {
 public:
  explicit StationCache(std::filesystem::path root);

  // Where it is, or would be.
  std::filesystem::path entry(std::string_view station, const std::string& key) const;

  bool holds(std::string_view station, const std::string& key) const;

  // Loads the entry if it is there and `load` accepts it; else computes into a temporary folder by `make` and publishes
  // it. A damaged entry is made again, and the new one takes over. `cached` tells which of the two happened.
  template <class T>
  Result<T> get(std::string_view station, const std::string& key,
                const std::function<Result<T>(const std::filesystem::path&)>& load,
                const std::function<Result<T>()>& make,
                const std::function<Result<void>(const T&, const std::filesystem::path&)>& save, bool& cached) const {
    const auto folder = entry(station, key);
    std::error_code ignored;
    cached = std::filesystem::exists(folder, ignored);
    if (cached) {
      if (auto loaded = load(folder)) {
        mark_used(folder);
        return loaded;
      }
      std::filesystem::remove_all(folder, ignored);
      cached = false;
    }
    TRY(made, make());
    TRY_OK(put(station, key, [&](const std::filesystem::path& scratch) { return save(made, scratch); }));
    return made;
  }

  // Stores what `save` writes into an empty folder; from then on it is the entry, whatever was there before.
  Result<void> put(std::string_view station, const std::string& key,
                   const std::function<Result<void>(const std::filesystem::path&)>& save) const;

 private:
  std::filesystem::path first_place(std::string_view station, const std::string& key) const;
  std::filesystem::path root_;
};

}  // namespace defuse
