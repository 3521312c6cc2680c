#include "tests/bench/gate/attributes.h"

#include <algorithm>
#include <cmath>

#include "core/base/random.h"

namespace defuse::bench {
namespace {

struct Moments {
  double mass = 0, x = 0, y = 0;  // centroid
  double xx = 0, xy = 0, yy = 0;  // central, divided by mass
};

double at(std::span<const float> image, std::size_t width, std::size_t row, std::size_t column) {
  return static_cast<double>(image[row * width + column]);
}

Moments moments(std::span<const float> image, std::size_t width, std::size_t height) {
  Moments m;
  for (std::size_t r = 0; r < height; ++r)
    for (std::size_t c = 0; c < width; ++c) {
      const double v = at(image, width, r, c);
      m.mass += v;
      m.x += v * static_cast<double>(c);
      m.y += v * static_cast<double>(r);
    }
  if (m.mass <= 0) return m;
  m.x /= m.mass;
  m.y /= m.mass;
  for (std::size_t r = 0; r < height; ++r)
    for (std::size_t c = 0; c < width; ++c) {
      const double v = at(image, width, r, c) / m.mass;
      const double dx = static_cast<double>(c) - m.x;
      const double dy = static_cast<double>(r) - m.y;
      m.xx += v * dx * dx;
      m.xy += v * dx * dy;
      m.yy += v * dy * dy;
    }
  return m;
}

// Total variation: for a stroke of width w and length l with soft edges it is about 2 l times its height, so 2 ink /
// edge is w.
double edge_length(std::span<const float> image, std::size_t width, std::size_t height) {
  double sum = 0;
  for (std::size_t r = 0; r + 1 < height; ++r)
    for (std::size_t c = 0; c + 1 < width; ++c) {
      const double dx = at(image, width, r, c + 1) - at(image, width, r, c);
      const double dy = at(image, width, r + 1, c) - at(image, width, r, c);
      sum += std::sqrt(dx * dx + dy * dy);
    }
  return sum;
}

double quantile(std::span<const float> image, double q) {
  std::vector<float> sorted(image.begin(), image.end());
  const auto k = static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1));
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(k), sorted.end());
  return static_cast<double>(sorted[k]);
}

double upper_right(std::span<const float> image, std::size_t width, std::size_t height) {
  double sum = 0;
  for (std::size_t r = 0; r < height / 2; ++r)
    for (std::size_t c = width / 2; c < width; ++c) sum += at(image, width, r, c);
  return sum;
}

double symmetry(std::span<const float> image, std::size_t width, std::size_t height, const Moments& m) {
  const auto axis = std::lround(2 * m.x);  // column c meets column axis - c
  double shared = 0;
  for (std::size_t r = 0; r < height; ++r)
    for (std::size_t c = 0; c < width; ++c) {
      const auto mirrored = axis - static_cast<long>(c);
      if (mirrored < 0 || mirrored >= static_cast<long>(width)) continue;
      shared += std::min(at(image, width, r, c), at(image, width, r, static_cast<std::size_t>(mirrored)));
    }
  return shared / m.mass;
}

double around_centre(std::span<const float> image, std::size_t width, std::size_t height, const Moments& m) {
  const double radius = static_cast<double>(width) / 10;
  double sum = 0, weight = 0;
  for (std::size_t r = 0; r < height; ++r)
    for (std::size_t c = 0; c < width; ++c) {
      const double distance = std::hypot(static_cast<double>(c) - m.x, static_cast<double>(r) - m.y);
      const double w = std::exp(-0.5 * distance * distance / (radius * radius));
      sum += w * at(image, width, r, c);
      weight += w;
    }
  return sum / weight;
}

double row_skew(std::span<const float> image, std::size_t width, std::size_t height, const Moments& m) {
  double third = 0;
  for (std::size_t r = 0; r < height; ++r)
    for (std::size_t c = 0; c < width; ++c)
      third += at(image, width, r, c) / m.mass * std::pow(static_cast<double>(r) - m.y, 3);
  return m.yy > 0 ? third / std::pow(m.yy, 1.5) : 0;
}

}  // namespace

std::array<float, kAttributes> measure(std::span<const float> image, const ImageShape& shape) {
  const auto width = static_cast<std::size_t>(shape.width);
  const auto height = static_cast<std::size_t>(shape.height);
  const auto grey = image.first(width * height);
  const Moments m = moments(grey, width, height);
  if (m.mass <= 0) return {};
  const double edge = edge_length(grey, width, height);
  const std::array<double, kAttributes> values = {m.mass / static_cast<double>(grey.size()),
                                                  m.yy > 0 ? m.xy / m.yy : 0,
                                                  std::sqrt(m.xx + m.yy),
                                                  m.x,
                                                  m.y,
                                                  edge > 0 ? 2 * m.mass / edge : 0,
                                                  quantile(grey, 0.95),
                                                  upper_right(grey, width, height) / m.mass,
                                                  symmetry(grey, width, height, m),
                                                  around_centre(grey, width, height, m),
                                                  row_skew(grey, width, height, m)};
  std::array<float, kAttributes> out{};
  for (std::size_t a = 0; a < kAttributes; ++a) out[a] = static_cast<float>(values[a]);
  return out;
}

std::uint32_t content_hash(std::span<const float> image) {
  std::uint64_t hash = 0x9e3779b97f4a7c15ULL;
  for (const float v : image) {
    const auto level = static_cast<std::uint64_t>(std::lround(std::clamp(static_cast<double>(v), 0.0, 1.0) * 15));
    hash = (hash ^ level) * 0x100000001b3ULL;
  }
  return static_cast<std::uint32_t>(mix64(hash) >> 32);
}

void measure_into(std::span<const float> images, std::size_t n, const ImageShape& shape, std::size_t first,
                  AttributeTable& table) {
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  for (std::size_t i = 0; i < n; ++i) {
    const auto image = images.subspan(i * pixels, pixels);
    const auto values = measure(image, shape);
    std::copy(values.begin(), values.end(), table.values.row(first + i).begin());
    table.hashes[first + i] = static_cast<std::int32_t>(content_hash(image));
  }
}

AttributeTable measure_all(std::span<const float> images, std::size_t n, const ImageShape& shape) {
  AttributeTable table{Matrix(n, kAttributes), std::vector<std::int32_t>(n)};
  measure_into(images, n, shape, 0, table);
  return table;
}

}  // namespace defuse::bench
