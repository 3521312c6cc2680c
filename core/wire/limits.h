// How much a worker may give at most: far above what a gate makes and far below what would hurt the daemon.
#pragma once
#include <cstddef>
#include <cstdint>

namespace defuse::limits {

inline constexpr std::size_t kRegions = 1'000;
inline constexpr std::size_t kFindings = 10'000;  // of one check
inline constexpr std::size_t kMembers = 100'000;
inline constexpr std::size_t kSamples = 1'000;
inline constexpr std::size_t kImages = 10'000'000;  // indices of flipped images
inline constexpr std::size_t kClasses = 100'000;
inline constexpr std::size_t kDimensions = 1 << 20;
inline constexpr std::size_t kChecks = 100;
inline constexpr std::size_t kList = 10'000;  // reasons, warnings, stations, versions
inline constexpr std::size_t kNeighbours = 100;
inline constexpr std::size_t kQuantiles = 5;
inline constexpr std::size_t kSiblings = 100;
inline constexpr std::size_t kOutputAxes = 32;
inline constexpr std::size_t kConfusionCells =
    std::size_t{10'201} * 2;                   // all of 100 classes, with answers that are none
inline constexpr std::int64_t kMapSide = 256;  // columns of the map's picture, and pixels of a tile's side

}  // namespace defuse::limits
