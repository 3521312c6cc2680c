// m = sum of luminance v(x, y), coordinates in [-1, 1] from the middle. centre: first moments / m. width, height, size:
// roots of the central second moments (xx, yy, xx + yy) / m. slant: xy / yy. edges: mean |gradient|; sharpness: root
// mean squared Laplacian; edge per ink: edges / brightness (thin strokes have much). quadrants: their share of m.
#include "core/evidence/image_statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace defuse {
namespace {

constexpr double kTiny = 1e-6;

std::vector<double> luminance(std::span<const float> image, const ImageShape& shape) {
  const auto plane = static_cast<std::size_t>(shape.height * shape.width);
  std::vector<double> v(plane, 0.0);
  const auto channels = static_cast<std::size_t>(shape.channels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < plane; ++i)
      v[i] += static_cast<double>(image[c * plane + i]) / static_cast<double>(channels);
  return v;
}

struct Moments {
  double mass = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  std::array<double, 4> quadrant{};
};

Moments moments_of(const std::vector<double>& v, std::size_t height, std::size_t width) {
  Moments m;
  const auto at = [](std::size_t i, std::size_t n) {
    return n < 2 ? 0.0 : 2 * static_cast<double>(i) / static_cast<double>(n - 1) - 1;
  };
  for (std::size_t i = 0; i < height; ++i) {
    const double y = at(i, height);
    for (std::size_t j = 0; j < width; ++j) {
      const double x = at(j, width);
      const double w = v[i * width + j];
      m.mass += w;
      m.x += w * x;
      m.y += w * y;
      m.xx += w * x * x;
      m.yy += w * y * y;
      m.xy += w * x * y;
      m.quadrant[(y > 0 ? 2U : 0U) + (x > 0 ? 1U : 0U)] += w;
    }
  }
  const double mass = std::max(m.mass, kTiny);
  m.x /= mass;
  m.y /= mass;
  m.xx = std::max(0.0, m.xx / mass - m.x * m.x);
  m.yy = std::max(0.0, m.yy / mass - m.y * m.y);
  m.xy = m.xy / mass - m.x * m.y;
  for (double& q : m.quadrant) q /= mass;
  return m;
}

struct Edges {
  double gradient = 0, laplacian = 0;
};

Edges edges_of(const std::vector<double>& v, std::size_t height, std::size_t width) {
  Edges e;
  double squared = 0;
  std::size_t inner = 0;
  for (std::size_t i = 0; i < height; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      const double here = v[i * width + j];
      const double right = j + 1 < width ? v[i * width + j + 1] : here;
      const double below = i + 1 < height ? v[(i + 1) * width + j] : here;
      e.gradient += std::abs(right - here) + std::abs(below - here);
      if (i == 0 || j == 0 || i + 1 == height || j + 1 == width) continue;
      const double l = v[(i - 1) * width + j] + below + v[i * width + j - 1] + right - 4 * here;
      squared += l * l;
      ++inner;
    }
  }
  e.gradient /= static_cast<double>(std::max<std::size_t>(1, v.size()));
  e.laplacian = std::sqrt(squared / static_cast<double>(std::max<std::size_t>(1, inner)));
  return e;
}

}  // namespace

void image_statistics(std::span<const float> image, const ImageShape& shape, std::span<float> out) {
  const auto height = static_cast<std::size_t>(shape.height);
  const auto width = static_cast<std::size_t>(shape.width);
  std::vector<double> v = luminance(image, shape);
  const Moments m = moments_of(v, height, width);
  const Edges e = edges_of(v, height, width);
  const double n = static_cast<double>(std::max<std::size_t>(1, v.size()));
  const double mean = m.mass / n;
  double variance = 0;
  for (const double x : v) variance += (x - mean) * (x - mean) / n;
  double highlight = 0;
  if (!v.empty()) {
    const auto place = v.begin() + static_cast<std::ptrdiff_t>(v.size() * 95 / 100);
    std::nth_element(v.begin(), place, v.end());
    highlight = *place;
  }
  const std::array<double, kImageStatistics.size()> all{mean,
                                                        std::sqrt(variance),
                                                        highlight,
                                                        m.x,
                                                        m.y,
                                                        std::sqrt(m.xx),
                                                        std::sqrt(m.yy),
                                                        std::sqrt(m.xx + m.yy),
                                                        m.xy / std::max(m.yy, kTiny),
                                                        e.gradient,
                                                        e.laplacian,
                                                        e.gradient / std::max(mean, kTiny),
                                                        m.quadrant[0],
                                                        m.quadrant[1],
                                                        m.quadrant[2],
                                                        m.quadrant[3]};
  std::transform(all.begin(), all.end(), out.begin(), [](double x) { return static_cast<float>(x); });
}

}  // namespace defuse
