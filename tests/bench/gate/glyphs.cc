#include "tests/bench/gate/glyphs.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/random.h"

namespace defuse::bench {
namespace {

constexpr int kSide = 20;

struct Point {
  double x = 0, y = 0;
};
using Line = std::vector<Point>;  // a polyline in units of the glyph's half height, y downwards

Line arc(double from, double to, double rx, double ry) {
  constexpr int kPieces = 20;
  Line line;
  for (int i = 0; i <= kPieces; ++i) {
    const double t = from + (to - from) * i / kPieces;
    line.push_back({rx * std::cos(t), ry * std::sin(t)});
  }
  return line;
}

// A square whose corners are cut by `round`: at 1 it is nearly a ring.
Line rounded_square(double half, double round) {
  Line line;
  for (int corner = 0; corner < 4; ++corner) {
    const double start = corner * std::numbers::pi / 2;
    const double inner = half * (1 - round);
    const double sx = corner == 0 || corner == 3 ? 1 : -1;
    const double sy = corner < 2 ? 1 : -1;
    for (int i = 0; i <= 5; ++i) {
      const double t = start + std::numbers::pi / 2 * i / 5;
      line.push_back({sx * inner + half * round * std::cos(t), sy * inner + half * round * std::sin(t)});
    }
  }
  line.push_back(line.front());
  return line;
}

// Every glyph has a neighbour that it comes close to at shape 0: bar and ell, tee and cross, ring and square, cup and
// square.
std::vector<Line> outline(Glyph glyph, double shape) {
  using std::numbers::pi;
  switch (glyph) {
    case Glyph::bar:
      return {{{0, -1}, {0, 1}}};
    case Glyph::ell:
      return {{{-0.3, -1}, {-0.3, 1}, {-0.3 + 0.25 + 0.85 * shape, 1}}};
    case Glyph::tee: {
      const double top = -0.85 - 0.15 * shape;
      return {{{-0.75, top}, {0.75, top}}, {{0, -1}, {0, 1}}};
    }
    case Glyph::cross: {
      const double arm = -0.62 + 0.62 * shape;
      return {{{-0.75, arm}, {0.75, arm}}, {{0, -1}, {0, 1}}};
    }
    case Glyph::ring:
      return {arc(0, 2 * pi, 0.75 + 0.1 * shape, 0.85 + 0.1 * shape)};
    case Glyph::triangle: {
      const double tip = 0.35 * (1 - shape);
      return {{{-tip, -0.9}, {tip, -0.9}, {0.85, 0.85}, {-0.85, 0.85}, {-tip, -0.9}}};
    }
    case Glyph::square:
      return {rounded_square(0.8, 0.72 * (1 - shape) + 0.04)};
    case Glyph::cup: {
      const double gap = 0.28 + 0.5 * shape;  // half the opening at the top
      return {{{gap, -0.8}, {0.78, -0.75}, {0.78, 0.8}, {-0.78, 0.8}, {-0.78, -0.75}, {-gap, -0.8}}};
    }
  }
  return {};
}

double distance_to(const Point& p, const Point& a, const Point& b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

Point place(const Point& p, const GlyphParameters& g, RandomStream& random) {
  const double x = p.x * g.size + g.wobble * random.normal();
  const double y = p.y * g.size + g.wobble * random.normal();
  const double turned_x = x * std::cos(g.turn) - y * std::sin(g.turn);
  const double turned_y = x * std::sin(g.turn) + y * std::cos(g.turn);
  const double middle = (kSide - 1) / 2.0;
  return {middle + g.x + turned_x + g.slant * turned_y, middle + g.y + turned_y};
}

}  // namespace

GlyphParameters draw_parameters(std::uint64_t seed, std::uint64_t index) {
  RandomStream random(seed, /*a=*/1, index);
  const auto normal = [&](double mean, double deviation, double low, double high) {
    return std::clamp(mean + deviation * random.normal(), low, high);
  };
  GlyphParameters p;
  p.size = normal(5.6, 0.8, 3.4, 7.6);
  p.stroke = normal(1.9, 0.45, 0.9, 3.4);
  p.slant = normal(0, 0.17, -0.6, 0.6);
  p.turn = normal(0, 0.09, -0.3, 0.3);
  p.x = normal(0, 0.9, -3, 3);
  p.y = normal(0, 0.9, -3, 3);
  p.contrast = normal(0.8, 0.13, 0.35, 1);
  p.shape = random.uniform();
  p.wobble = 0.25 + 0.25 * random.uniform();
  p.noise = 0.05 + 0.08 * random.uniform();
  return p;
}

std::vector<float> render(Glyph glyph, const GlyphParameters& parameters, std::uint64_t key) {
  RandomStream random(key, /*a=*/2);
  auto lines = outline(glyph, parameters.shape);
  // Curves are moved as a whole: joints that are off one by one would turn a ring into a blot.
  for (auto& line : lines) {
    const bool curve = line.size() > 8;
    GlyphParameters own = parameters;
    if (curve) own.wobble = 0;
    for (auto& p : line) p = place(p, own, random);
  }
  std::vector<float> image(static_cast<std::size_t>(kSide * kSide));
  for (int row = 0; row < kSide; ++row)
    for (int column = 0; column < kSide; ++column) {
      double nearest = 1e9;
      const Point p{static_cast<double>(column), static_cast<double>(row)};
      for (const auto& line : lines)
        for (std::size_t i = 0; i + 1 < line.size(); ++i)
          nearest = std::min(nearest, distance_to(p, line[i], line[i + 1]));
      const double cover = std::clamp(parameters.stroke / 2 + 0.5 - nearest, 0.0, 1.0);
      const double value = parameters.contrast * cover +
                           parameters.noise * std::abs(random.normal()) * (1 - 0.5 * cover) - parameters.noise * 0.5;
      const double level = std::round(std::clamp(value, 0.0, 1.0) * 255);
      image[static_cast<std::size_t>(row * kSide + column)] = static_cast<float>(level) / 255.0f;
    }
  return image;
}

GlyphSet draw_glyphs(std::uint64_t seed, std::size_t count) {
  GlyphSet set;
  set.data.shape = {1, kSide, kSide};
  for (std::size_t i = 0; i < count; ++i) {
    const auto glyph = static_cast<Glyph>(i % kGlyphs);
    const auto parameters = draw_parameters(seed, i);
    const auto image = render(glyph, parameters, mix64(seed ^ mix64(i + 1)));
    set.data.images.insert(set.data.images.end(), image.begin(), image.end());
    set.data.labels.push_back(static_cast<std::int32_t>(glyph));
    set.parameters.push_back(parameters);
  }
  return set;
}

}  // namespace defuse::bench
