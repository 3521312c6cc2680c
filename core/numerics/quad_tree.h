// Points of the plane in a tree of squares, so that what far points do to one point is found by looking at their
// squares. Called by tsne.cc once an iteration. Built by one thread; reading is thread-safe.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace defuse {

// What all other points do to one: sum_j q_j (y_i - y_j) with q_j = w_j^2, and sum_j w_j, where w_j = 1 / (1 + |y_i -
// y_j|^2).
struct Repulsion {
  double x = 0;
  double y = 0;
  double sum = 0;
};

class QuadTree {
 public:
  // points: [n, 2], finite, n >= 1; must outlive the tree.
  explicit QuadTree(std::span<const double> points);

  // A square that looks small from the point (its side over the distance of its middle below `theta`) counts as one
  // point; theta = 0 counts every point by itself.
  Repulsion repulsion(std::size_t i, double theta) const;

 private:
  struct Cell {
    double x = 0, y = 0;  // mean of its points
    double count = 0;
    double side = 0;
    std::int32_t first = -1;            // of four children; -1 for a leaf
    std::vector<std::uint32_t> points;  // of a leaf: one, or several in one place
  };
  void insert(std::uint32_t point);

  std::span<const double> y_;
  std::array<double, 2> low_{};
  double side_ = 0;
  std::vector<Cell> cells_;
};

}  // namespace defuse
