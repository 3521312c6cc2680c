// Barnes–Hut t-SNE.
// Sources: van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 2008; van der Maaten, "Accelerating t-SNE
// using tree-based algorithms", JMLR 2014. Learning rate: Belkina et al., Nature Communications 2019.
//   n points   x [n,d]   y [n,2]   w_ij = 1 / (1 + |y_i - y_j|^2)   Z = sum_{i != j} w_ij   q_ij = w_ij / Z
// 1. For each point its 3u + 1 nearest others (u the perplexity), exactly; p_j|i ~ exp(-beta_i |x_i - x_j|^2), beta_i
// by
//    bisection so that the entropy of p_.|i is ln u. p_ij = (p_j|i + p_i|j) / (sum of all).
// 2. dKL/dy_i = 4 sum_j (e p_ij w_ij (y_i - y_j) - w_ij^2 (y_i - y_j) / Z): the first sum over neighbours, the second
//    from the tree; e is the exaggeration.
// 3. Descent with momentum and a gain for each number: + 0.2 where the slope turned against the last step, times 0.8
//    where it did not, at least 0.01. The layout is centred after every step.
// Differs from the sources: 3u + 1 neighbours as scikit-learn takes, and its order of gain and momentum.
#include "core/numerics/tsne.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/base/random.h"
#include "core/numerics/quad_tree.h"

namespace defuse {
namespace {

constexpr std::size_t kPiece = 64;  // points a task takes
constexpr double kLeastGain = 0.01;
constexpr double kStart = 1e-4;

void over_points(std::size_t n, const Spread& spread, const std::function<void(std::size_t)>& work) {
  spread((n + kPiece - 1) / kPiece, [&](std::size_t task) {
    for (std::size_t i = task * kPiece; i < std::min(n, (task + 1) * kPiece); ++i) work(i);
  });
}

struct Near {
  double square = 0;
  std::uint32_t point = 0;
  bool operator<(const Near& other) const {
    return square < other.square || (square == other.square && point < other.point);
  }
};

std::vector<Near> nearest(const Matrix& points, std::size_t i, std::size_t k) {
  std::vector<Near> all;
  all.reserve(points.rows);
  const auto x = points.row(i);
  for (std::uint32_t j = 0; j < points.rows; ++j) {
    if (j == i) continue;
    double square = 0;
    const auto other = points.row(j);
    for (std::size_t c = 0; c < x.size(); ++c) {
      const double difference = static_cast<double>(x[c]) - static_cast<double>(other[c]);
      square += difference * difference;
    }
    all.push_back({square, j});
  }
  k = std::min(k, all.size());
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k - 1), all.end());
  all.resize(k);
  std::sort(all.begin(), all.end());
  return all;
}

// p_j|i of one point's neighbours. With s the squares beyond the nearest and S = sum exp(-beta s), the entropy is
// ln S + beta sum(s p).
std::vector<double> conditional(const std::vector<Near>& near, double perplexity) {
  std::vector<double> p(near.size());
  const double wanted = std::log(perplexity);
  double low = 0, high = 0, beta = 1;
  for (int step = 0; step < 200; ++step) {
    double sum = 0, weighted = 0;
    for (std::size_t k = 0; k < near.size(); ++k) {
      const double s = near[k].square - near[0].square;
      p[k] = std::exp(-beta * s);
      sum += p[k];
      weighted += s * p[k];
    }
    for (double& value : p) value /= sum;
    // cppcheck-suppress invalidFunctionArg  // the nearest itself adds 1 to the sum
    const double entropy = std::log(sum) + beta * weighted / sum;
    if (std::abs(entropy - wanted) < 1e-12) break;
    (entropy > wanted ? low : high) = beta;  // too even: narrower
    const double next = high == 0 ? beta * 2 : (low + high) / 2;
    if (next == beta || !std::isfinite(next)) break;
    beta = next;
  }
  return p;
}

}  // namespace

Result<Affinities> affinities_of(const Matrix& points, double perplexity, const Spread& spread) {
  const std::size_t n = points.rows;
  if (n < 4) return fail(ErrorCode::invalid_input, "a map needs at least four points");
  if (!std::all_of(points.data.begin(), points.data.end(), [](float v) { return std::isfinite(v); }))
    return fail(ErrorCode::invalid_input, "a point of the map is not finite");
  perplexity = std::clamp(perplexity, 1.0, static_cast<double>(n - 1) / 3);
  const auto k = std::min(n - 1, static_cast<std::size_t>(3 * perplexity + 1));
  std::vector<std::vector<Near>> near(n);
  std::vector<std::vector<double>> given(n);
  over_points(n, spread, [&](std::size_t i) {
    near[i] = nearest(points, i, k);
    given[i] = conditional(near[i], perplexity);
  });
  std::vector<std::map<std::uint32_t, double>> rows(n);
  for (std::uint32_t i = 0; i < n; ++i)
    for (std::size_t m = 0; m < near[i].size(); ++m) {
      rows[i][near[i][m].point] += given[i][m];
      rows[near[i][m].point][i] += given[i][m];
    }
  Affinities p;
  p.first.push_back(0);
  double total = 0;
  for (const auto& row : rows) {
    for (const auto& [other, value] : row) {
      p.other.push_back(other);
      p.value.push_back(value);
      total += value;
    }
    p.first.push_back(p.other.size());
  }
  for (double& value : p.value) value /= total;
  return p;
}

double tsne_gradient(const Affinities& p, std::span<const double> y, double theta, double exaggeration,
                     const Spread& spread, std::span<double> gradient) {
  const std::size_t n = p.size();
  const QuadTree tree(y);
  std::vector<Repulsion> away(n);
  over_points(n, spread, [&](std::size_t i) { away[i] = tree.repulsion(i, theta); });
  double z = 0;
  for (const auto& one : away) z += one.sum;
  over_points(n, spread, [&](std::size_t i) {
    double x = 0, up = 0;
    for (std::size_t e = p.first[i]; e < p.first[i + 1]; ++e) {
      const std::size_t j = p.other[e];
      const double dx = y[2 * i] - y[2 * j];
      const double dy = y[2 * i + 1] - y[2 * j + 1];
      const double pull = exaggeration * p.value[e] / (1 + dx * dx + dy * dy);
      x += pull * dx;
      up += pull * dy;
    }
    gradient[2 * i] = 4 * (x - away[i].x / z);
    gradient[2 * i + 1] = 4 * (up - away[i].y / z);
  });
  return z;
}

double tsne_divergence(const Affinities& p, std::span<const double> y, const Spread& spread) {
  const std::size_t n = p.size();
  const QuadTree tree(y);
  std::vector<double> sums(n), parts(n);
  over_points(n, spread, [&](std::size_t i) { sums[i] = tree.repulsion(i, /*theta=*/0).sum; });
  const double z = std::accumulate(sums.begin(), sums.end(), 0.0);
  over_points(n, spread, [&](std::size_t i) {
    for (std::size_t e = p.first[i]; e < p.first[i + 1]; ++e) {
      if (p.value[e] <= 0) continue;
      const std::size_t j = p.other[e];
      const double dx = y[2 * i] - y[2 * j];
      const double dy = y[2 * i + 1] - y[2 * j + 1];
      parts[i] += p.value[e] * std::log(p.value[e] * z * (1 + dx * dx + dy * dy));
    }
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

namespace {

struct Descent {
  std::vector<double> step, gain;
  explicit Descent(std::size_t values) : step(values, 0), gain(values, 1) {}

  void move(std::span<const double> gradient, double rate, double momentum, std::vector<double>& y) {
    for (std::size_t v = 0; v < y.size(); ++v) {
      gain[v] = gradient[v] * step[v] < 0 ? gain[v] + 0.2 : gain[v] * 0.8;
      gain[v] = std::max(gain[v], kLeastGain);
      step[v] = momentum * step[v] - rate * gain[v] * gradient[v];
      y[v] += step[v];
    }
    const std::size_t points = y.size() / 2;
    for (std::size_t axis = 0; axis < 2; ++axis) {
      double mean = 0;
      for (std::size_t v = axis; v < y.size(); v += 2) mean += y[v];
      mean /= static_cast<double>(points);
      for (std::size_t v = axis; v < y.size(); v += 2) y[v] -= mean;
    }
  }
};

}  // namespace

Result<Layout> tsne(const Matrix& points, std::span<const double> start, const TsneSettings& settings,
                    const Spread& spread, const std::function<bool()>& go_on) {
  TRY(p, affinities_of(points, settings.perplexity, spread));
  const std::size_t n = points.rows;
  if (!start.empty() && start.size() != 2 * n) return fail(ErrorCode::invalid_input, "the start has another size");
  Layout layout;
  layout.y.assign(start.begin(), start.end());
  RandomStream random(settings.seed, /*a=*/0x74736e65);
  while (layout.y.size() < 2 * n) layout.y.push_back(kStart * random.normal());
  const double rate = settings.learning_rate > 0 ? settings.learning_rate
                                                 : std::max(static_cast<double>(n) / settings.exaggeration / 4, 50.0);
  Descent descent(2 * n);
  std::vector<double> gradient(2 * n);
  for (; layout.iterations < settings.iterations; ++layout.iterations) {
    if (!go_on()) return fail(ErrorCode::cancelled, "the map was stopped before it was done");
    const bool early = layout.iterations < settings.early;
    if (layout.iterations == settings.early) descent = Descent(2 * n);
    tsne_gradient(p, layout.y, settings.theta, early ? settings.exaggeration : 1, spread, gradient);
    descent.move(gradient, rate, early ? settings.early_momentum : settings.momentum, layout.y);
  }
  if (!std::all_of(layout.y.begin(), layout.y.end(), [](double v) { return std::isfinite(v); }))
    return fail(ErrorCode::internal, "the map's layout ran away");
  layout.divergence = tsne_divergence(p, layout.y, spread);
  return layout;
}

}  // namespace defuse
