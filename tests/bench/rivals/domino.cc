#include "tests/bench/rivals/domino.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/base/random.h"

namespace defuse {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();  // 2^-52
constexpr double kLeastVariance = 1e-6;
constexpr int kKmeansRounds = 30;

bool finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// Nearest of k centres by plain k-means from k-means++ seeds.
std::vector<double> kmeans_start(const DominoData& data, std::size_t k, std::uint64_t seed) {
  const std::size_t n = data.size();
  const std::size_t d = data.d;
  RandomStream random(seed, /*a=*/0x646f6d);
  std::vector<double> centers;
  std::vector<double> nearest(n, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> label(n, 0);
  const auto distance = [&](std::size_t i, std::size_t c) {
    double sum = 0;
    for (std::size_t j = 0; j < d; ++j) {
      const double difference = data.z[i * d + j] - centers[c * d + j];
      sum += difference * difference;
    }
    return sum;
  };
  const auto add = [&](std::size_t i, std::size_t c) {
    for (std::size_t j = 0; j < d; ++j) centers.push_back(data.z[i * d + j]);
    for (std::size_t m = 0; m < n; ++m) nearest[m] = std::min(nearest[m], distance(m, c));
  };
  add(random.below(n), 0);
  for (std::size_t c = 1; c < k; ++c) {
    double left = random.uniform() * std::accumulate(nearest.begin(), nearest.end(), 0.0);
    std::size_t pick = 0;
    while (pick + 1 < n && (left -= nearest[pick]) > 0) ++pick;
    add(pick, c);
  }
  for (int round = 0; round < kKmeansRounds; ++round) {
    bool moved = round == 0;
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t best = 0;
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < k; ++c)
        if (const double r = distance(i, c); r < least) {
          least = r;
          best = c;
        }
      moved = moved || best != label[i];
      label[i] = best;
    }
    if (!moved) break;
    std::vector<double> sums(k * d, 0);
    std::vector<double> counts(k, 0);
    for (std::size_t i = 0; i < n; ++i) {
      counts[label[i]] += 1;
      for (std::size_t j = 0; j < d; ++j) sums[label[i] * d + j] += data.z[i * d + j];
    }
    for (std::size_t c = 0; c < k; ++c)
      if (counts[c] > 0)
        for (std::size_t j = 0; j < d; ++j) centers[c * d + j] = sums[c * d + j] / counts[c];
  }
  std::vector<double> r(n * k, 0);
  for (std::size_t i = 0; i < n; ++i) r[i * k + label[i]] = 1;
  return r;
}

// One column per (label, answer), repeated to k columns, with noise that tells the repeats apart.
std::vector<double> confusion_start(const DominoData& data, std::size_t k, double noise, std::uint64_t seed) {
  const std::size_t n = data.size();
  const std::size_t c = data.classes;
  std::vector<double> r(n * k, 0);
  for (std::size_t i = 0; i < n; ++i) {
    double* row = r.data() + i * k;
    const auto y = static_cast<std::size_t>(data.y[i]);
    for (std::size_t s = 0; s < k; ++s) {
      const std::size_t column = s % (c * c);
      row[s] = column / c == y ? data.answers[i * c + column % c] : 0;
    }
    const auto normalise = [&] {
      const double sum = std::accumulate(row, row + k, 0.0);
      for (std::size_t s = 0; s < k; ++s) row[s] = sum > 0 ? row[s] / sum : 1.0 / static_cast<double>(k);
    };
    normalise();
    RandomStream random(seed, i, 0x646f6d);
    for (std::size_t s = 0; s < k; ++s) row[s] += noise * random.uniform();
    normalise();
  }
  return r;
}

// What a component makes of an embedding and a label; the answer's part is added by the E step.
struct Scores {
  explicit Scores(const DominoMixture& m) : mixture(m) {
    for (std::size_t s = 0; s < m.components; ++s) {
      double constant = std::log(m.share[s]);
      for (std::size_t j = 0; j < m.d; ++j) {
        const double v = m.variance[s * m.d + j];
        constant -= 0.5 * std::log(2 * std::numbers::pi * v);
        precision.push_back(1 / v);
      }
      constants.push_back(constant);
    }
  }
  double operator()(std::size_t s, const double* z, std::int32_t y, double weight) const {
    double sum = 0;
    const double* mean = mixture.mean.data() + s * mixture.d;
    const double* by = precision.data() + s * mixture.d;
    for (std::size_t j = 0; j < mixture.d; ++j) {
      const double difference = z[j] - mean[j];
      sum += difference * difference * by[j];
    }
    const double p = mixture.labels[s * mixture.classes + static_cast<std::size_t>(y)];
    return constants[s] - 0.5 * sum + weight * std::log(p + kEps);
  }

  const DominoMixture& mixture;
  std::vector<double> constants, precision;
};

}  // namespace

DominoMixture domino_m_step(const DominoData& data, std::span<const double> r, std::size_t k) {
  const std::size_t n = data.size();
  const std::size_t d = data.d;
  const std::size_t c = data.classes;
  DominoMixture m;
  m.components = k;
  m.d = d;
  m.classes = c;
  std::vector<double> count(k, 10 * kEps);
  m.mean.assign(k * d, 0);
  m.variance.assign(k * d, 0);
  m.labels.assign(k * c, 0);
  m.answers.assign(k * c, 0);
  const auto each = [&](const auto& visit) {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t s = 0; s < k; ++s)
        if (const double w = r[i * k + s]; w > 0) visit(i, s, w);
  };
  each([&](std::size_t i, std::size_t s, double w) {
    count[s] += w;
    for (std::size_t j = 0; j < d; ++j) m.mean[s * d + j] += w * data.z[i * d + j];
    m.labels[s * c + static_cast<std::size_t>(data.y[i])] += w;
    for (std::size_t j = 0; j < c; ++j) m.answers[s * c + j] += w * data.answers[i * c + j];
  });
  for (std::size_t s = 0; s < k; ++s) {
    for (std::size_t j = 0; j < d; ++j) m.mean[s * d + j] /= count[s];
    for (std::size_t j = 0; j < c; ++j) m.labels[s * c + j] /= count[s];
    for (std::size_t j = 0; j < c; ++j) m.answers[s * c + j] /= count[s];
    m.share.push_back(count[s] / static_cast<double>(n));
  }
  each([&](std::size_t i, std::size_t s, double w) {
    for (std::size_t j = 0; j < d; ++j) {
      const double difference = data.z[i * d + j] - m.mean[s * d + j];
      m.variance[s * d + j] += w * difference * difference;
    }
  });
  for (std::size_t s = 0; s < k; ++s)
    for (std::size_t j = 0; j < d; ++j) m.variance[s * d + j] = m.variance[s * d + j] / count[s] + kLeastVariance;
  return m;
}

std::vector<double> domino_e_step(const DominoData& data, DominoMixture& m, double weight) {
  const std::size_t n = data.size();
  const std::size_t k = m.components;
  const Scores score(m);
  std::vector<double> r(n * k);
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double* row = r.data() + i * k;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < k; ++s) {
      double answered = 0;
      for (std::size_t j = 0; j < m.classes; ++j)
        answered += data.answers[i * m.classes + j] * m.answers[s * m.classes + j];
      row[s] = score(s, data.z.data() + i * m.d, data.y[i], weight) + weight * std::log(answered + kEps);
      largest = std::max(largest, row[s]);
    }
    double sum = 0;
    for (std::size_t s = 0; s < k; ++s) sum += std::exp(row[s] - largest);
    // cppcheck-suppress invalidFunctionArg  // the largest itself adds 1 to the sum
    const double norm = largest + std::log(sum);
    for (std::size_t s = 0; s < k; ++s) row[s] = std::exp(row[s] - norm);
    total += norm;
  }
  m.log_likelihood = total / static_cast<double>(n);
  return r;
}

std::vector<std::size_t> Domino::components_of(const Matrix& points, std::span<const std::int32_t> labels) const {
  const Scores score(mixture);
  std::vector<std::size_t> components(points.rows, kNoComponent);
  for (std::size_t i = 0; i < points.rows && i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= mixture.classes || !finite(points.row(i))) continue;
    const auto z = axes.project(points.row(i));
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < mixture.components; ++s)
      if (const double v = score(s, z.data(), labels[i], weight); v > largest) {
        largest = v;
        components[i] = s;
      }
  }
  return components;
}

Result<Domino> find_domino(const Matrix& points, std::span<const std::uint32_t> rows,
                           std::span<const std::int32_t> labels, const Matrix& answers,
                           const DominoParameters& parameters) {
  const auto bad = [](const std::string& what) { return fail(ErrorCode::invalid_input, "domino: " + what); };
  if (points.empty() || labels.size() != points.rows || answers.rows != points.rows)
    return bad("points, labels and answers are not of one length");
  if (parameters.components < 1 || parameters.keep < 1 || parameters.dimensions < 1) return bad("sizes below 1");
  std::vector<std::uint32_t> used;
  for (const auto row : rows) {
    if (row >= points.rows || !finite(points.row(row)) || !finite(answers.row(row))) continue;
    if (labels[row] < 0 || static_cast<std::size_t>(labels[row]) >= answers.cols) return bad("a label is no class");
    used.push_back(row);
  }
  const auto k = static_cast<std::size_t>(parameters.components);
  if (used.size() < std::max<std::size_t>(k, 2)) return bad("fewer usable points than components");

  Domino found;
  found.weight = parameters.weight;
  found.axes = principal_axes(points, used, parameters.dimensions);
  std::vector<double> z, p;
  std::vector<std::int32_t> y;
  for (const auto row : used) {
    const auto projected = found.axes.project(points.row(row));
    z.insert(z.end(), projected.begin(), projected.end());
    for (const float v : answers.row(row)) p.push_back(static_cast<double>(v));
    y.push_back(labels[row]);
  }
  const DominoData data{.z = z, .y = y, .answers = p, .d = found.axes.size(), .classes = answers.cols};
  auto r = k >= data.classes * data.classes ? confusion_start(data, k, parameters.noise, parameters.seed)
                                            : kmeans_start(data, k, parameters.seed);
  double before = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < parameters.most_iterations; ++i) {
    found.mixture = domino_m_step(data, r, k);
    r = domino_e_step(data, found.mixture, parameters.weight);
    found.mixture.iterations = i + 1;
    if (std::abs(found.mixture.log_likelihood - before) < parameters.tolerance) {
      found.mixture.converged = true;
      break;
    }
    before = found.mixture.log_likelihood;
  }
  std::vector<double> gap(k, 0);
  for (std::size_t s = 0; s < k; ++s)
    for (std::size_t j = 0; j < data.classes; ++j)
      gap[s] = std::max(
          gap[s], std::abs(found.mixture.answers[s * data.classes + j] - found.mixture.labels[s * data.classes + j]));
  std::vector<std::size_t> order(k);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return gap[a] > gap[b]; });
  order.resize(std::min(k, static_cast<std::size_t>(parameters.keep)));
  found.slices = order;
  for (const auto s : order) found.gap.push_back(gap[s]);
  return found;
}

}  // namespace defuse
