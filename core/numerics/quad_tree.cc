#include "core/numerics/quad_tree.h"

#include <algorithm>

namespace defuse {
namespace {
constexpr int kDeepest = 48;  // halvings; points closer than that are in one place
}

QuadTree::QuadTree(std::span<const double> points) : y_(points) {
  std::array<double, 2> high{points[0], points[1]};
  low_ = high;
  for (std::size_t i = 0; i < points.size(); ++i) {
    low_[i % 2] = std::min(low_[i % 2], points[i]);
    high[i % 2] = std::max(high[i % 2], points[i]);
  }
  side_ = std::max({high[0] - low_[0], high[1] - low_[1], 1e-12}) * (1 + 1e-9);
  cells_.reserve(points.size() * 2);
  cells_.emplace_back().side = side_;
  for (std::uint32_t i = 0; i < points.size() / 2; ++i) insert(i);
  for (auto& cell : cells_) {
    if (cell.count == 0) continue;
    cell.x /= cell.count;
    cell.y /= cell.count;
  }
}

void QuadTree::insert(std::uint32_t point) {
  const double px = y_[2 * std::size_t{point}];
  const double py = y_[2 * std::size_t{point} + 1];
  std::size_t at = 0;
  double x = low_[0], y = low_[1], side = side_;
  const auto child_of = [&](double qx, double qy) {
    return (qx >= x + side / 2 ? 1UL : 0UL) + (qy >= y + side / 2 ? 2UL : 0UL);
  };
  for (int depth = 0;; ++depth) {
    cells_[at].x += px;
    cells_[at].y += py;
    cells_[at].count += 1;
    if (cells_[at].first < 0) {
      if (cells_[at].points.empty() || depth == kDeepest) {
        cells_[at].points.push_back(point);
        return;
      }
      // A leaf above the deepest holds one point: it moves down, and the new one goes on.
      const auto old = cells_[at].points.front();
      const std::size_t its = 2 * std::size_t{old};
      cells_[at].points.clear();
      const auto first = cells_.size();
      cells_[at].first = static_cast<std::int32_t>(first);
      for (int c = 0; c < 4; ++c) cells_.emplace_back().side = side / 2;
      auto& home = cells_[first + child_of(y_[its], y_[its + 1])];
      home.x = y_[its];
      home.y = y_[its + 1];
      home.count = 1;
      home.points.push_back(old);
    }
    const auto child = child_of(px, py);
    at = static_cast<std::size_t>(cells_[at].first) + child;
    side /= 2;
    x += (child & 1) != 0 ? side : 0;
    y += (child & 2) != 0 ? side : 0;
  }
}

Repulsion QuadTree::repulsion(std::size_t i, double theta) const {
  Repulsion out;
  const double px = y_[2 * i];
  const double py = y_[2 * i + 1];
  const auto add = [&](double x, double y, double count) {
    const double dx = px - x;
    const double dy = py - y;
    const double w = 1 / (1 + dx * dx + dy * dy);
    out.sum += count * w;
    out.x += count * w * w * dx;
    out.y += count * w * w * dy;
  };
  thread_local std::vector<std::int32_t> open;
  open.assign(1, 0);
  while (!open.empty()) {
    const auto& cell = cells_[static_cast<std::size_t>(open.back())];
    open.pop_back();
    if (cell.count == 0) continue;
    if (cell.first < 0) {
      for (const std::size_t j : cell.points)
        if (j != i) add(y_[2 * j], y_[2 * j + 1], 1);
      continue;
    }
    const double dx = px - cell.x;
    const double dy = py - cell.y;
    if (cell.side * cell.side < theta * theta * (dx * dx + dy * dy)) {
      add(cell.x, cell.y, cell.count);
      continue;
    }
    for (std::int32_t c = 3; c >= 0; --c) open.push_back(cell.first + c);
  }
  return out;
}

}  // namespace defuse
