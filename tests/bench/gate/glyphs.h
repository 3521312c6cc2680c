// Our own image source with truth by construction: eight classes of stroke glyphs, drawn with controlled attributes.
// The usual ranges are what data sets are drawn from; anything beyond them can be rendered as well. Pure, Torch-free;
// deterministic for a seed.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/small_cnn.h"

namespace defuse::bench {

enum class Glyph : std::int32_t { bar, ell, tee, cross, ring, triangle, square, cup };
inline constexpr int kGlyphs = 8;
inline constexpr std::array<const char*, kGlyphs> kGlyphNames = {"bar",  "ell",      "tee",    "cross",
                                                                 "ring", "triangle", "square", "cup"};

struct GlyphParameters {
  double size = 5.5;      // half of the height, pixels
  double stroke = 1.8;    // width, pixels
  double slant = 0;       // columns moved per row
  double turn = 0;        // radians
  double x = 0, y = 0;    // centre, pixels from the middle
  double contrast = 0.9;  // height of the strokes
  double shape =
      0.5;  // 0…1: how pronounced the part is that tells this glyph from its neighbour (foot, arms, opening, corners)
  double wobble = 0;    // pixels by which every joint is off
  double noise = 0.08;  // standard deviation of each pixel
};

GlyphParameters draw_parameters(std::uint64_t seed, std::uint64_t index);
// 20 x 20 grey in [0,1], on 8-bit levels; `key` seeds wobble and noise.
std::vector<float> render(Glyph glyph, const GlyphParameters& parameters, std::uint64_t key);

struct GlyphSet {
  testing::TrainingSet data;                // classes in turn
  std::vector<GlyphParameters> parameters;  // the truth about each image
};
GlyphSet draw_glyphs(std::uint64_t seed, std::size_t count);

}  // namespace defuse::bench
