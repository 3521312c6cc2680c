// The names under which the cache keeps what stations made: each is a digest of everything that the result depends on.
// Settings come in by their descriptions (core/settings/fields.h), so a setting that is added there is in the key by
// itself. Called by the stations only. Pure; thread-safe.
#pragma once
#include <cstdint>
#include <string>

#include "core/gate/region_station.h"
#include "core/regions/search.h"
#include "core/settings/settings.h"

namespace defuse {

// Raise it whenever a station would compute something else from the same inputs; old cache entries are then left alone.
inline constexpr const char* kCodeVersion = "2";

// Models and data come in by their digests.
std::string evaluation_key(const std::string& model, const std::string& test_data, std::int64_t classes,
                           const InputSettings& input, const WorkerSettings& worker);
std::string generator_key(const std::string& train_data, const GeneratorSettings& settings, std::uint64_t seed);
std::string probes_key(const std::string& generator, const std::string& test_data, const std::string& train_data,
                       const RegionSettings& settings, std::uint64_t seed);
std::string generated_images_key(const std::string& probes);
std::string answers_key(const std::string& model, const std::string& probes, const InputSettings& input,
                        const WorkerSettings& worker);
std::string map_key(const std::string& probes, std::uint64_t seed);
std::string sibling_search_key(const RegionPair& pair, const RegionSettings& settings,
                               const RegionSearchSettings& search, const InputSettings& input,
                               const WorkerSettings& worker, std::uint64_t seed);
// How models of one structure run fastest, on the machine that this is.
std::string tuning_key(const std::string& structure, const InputSettings& input, const WorkerSettings& worker);

}  // namespace defuse
