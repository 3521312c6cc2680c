// The words with a fixed set of values that a region is described by, as types: a search that asks for "clear-flips"
// does not compile. `to_string` gives the word in results, rows, reports and pages; the k…s list what a reader accepts.
// Pure.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace defuse {

// What kind of image one is.
enum class ImageKind : std::uint8_t { real, generated };
inline constexpr std::array kImageKinds{ImageKind::real, ImageKind::generated};
std::string_view to_string(ImageKind kind);

// Which images made the search see a region.
enum class RegionEvidence : std::uint8_t { real, generated, both };
inline constexpr std::array kRegionEvidence{RegionEvidence::real, RegionEvidence::generated, RegionEvidence::both};
std::string_view to_string(RegionEvidence evidence);
constexpr RegionEvidence seen_on(ImageKind kind) {
  return kind == ImageKind::real ? RegionEvidence::real : RegionEvidence::generated;
}

// Where a region lies: the generator's codes, a model's last hidden layer, or what can be said of images without a
// model.
enum class Space : std::uint8_t { codes, candidate_embedding, incumbent_embedding, image_statistics };
inline constexpr std::array kSpaces{Space::codes, Space::candidate_embedding, Space::incumbent_embedding,
                                    Space::image_statistics};
std::string_view to_string(Space space);

enum class RegionShape : std::uint8_t { ball, half_space };
inline constexpr std::array kRegionShapes{RegionShape::ball, RegionShape::half_space};
std::string_view to_string(RegionShape shape);

// How a change of answers is counted: every flip, or clear ones only (clear_flips.h).
enum class Measure : std::uint8_t { flips, clear_flips };
inline constexpr std::array kMeasures{Measure::flips, Measure::clear_flips};
std::string_view to_string(Measure measure);

}  // namespace defuse
