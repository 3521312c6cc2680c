// What can be measured on one grey image, real or decoded: the properties that planted bugs depend on. Pure,
// Torch-free; thread-safe.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/matrix.h"
#include "core/settings/settings.h"

namespace defuse::bench {

enum class Attribute : std::uint8_t {
  ink,    // mean intensity
  slant,  // covariance of column and row over variance of row
  size,   // root of the second moment about the centroid, pixels
  x,      // centroid, pixels
  y,
  stroke,    // ink per length of edge, pixels: width of the strokes
  contrast,  // 95 % quantile of the pixels
  quadrant,  // share of the ink in the upper right quarter of the frame; little of it means that part is missing
  // What no search of ours measures by itself: bugs that depend on these tell how much the detector owes to knowing the
  // others.
  symmetry,  // share of the ink that meets ink when the image is mirrored left to right about its centroid
  hollow,    // mean intensity around the centroid
  skew,      // third moment of the rows, by size
};
inline constexpr std::size_t kAttributes = 11;
inline constexpr std::size_t kUsualAttributes = 8;  // the first ones, which the specification names
inline constexpr std::array<std::string_view, kAttributes> kAttributeNames = {
    "ink", "slant", "size", "x", "y", "stroke", "contrast", "quadrant", "symmetry", "hollow", "skew"};
inline std::string_view name_of(Attribute attribute) { return kAttributeNames[static_cast<std::size_t>(attribute)]; }

// First channel only. An image without ink measures 0 everywhere.
std::array<float, kAttributes> measure(std::span<const float> image, const ImageShape& shape);

// A hash of the image on 16 grey levels, so that the last bits of a decoder do not change it.
std::uint32_t content_hash(std::span<const float> image);

// One row per image.
struct AttributeTable {
  Matrix values;                     // [n, kAttributes]
  std::vector<std::int32_t> hashes;  // [n] content_hash, as it is kept in files
};
void measure_into(std::span<const float> images, std::size_t n, const ImageShape& shape, std::size_t first,
                  AttributeTable& table);
AttributeTable measure_all(std::span<const float> images, std::size_t n, const ImageShape& shape);

}  // namespace defuse::bench
