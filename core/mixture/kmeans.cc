// Lloyd's k-means.
// Source: Arthur and Vassilvitskii, "k-means++", SODA 2007 (greedy variant: several candidates a step, the best one
// stays).
//   n points   d dimensions   k clusters   x [n,d]   c [k,d] centres   D_i = min_j |x_i - c_j|^2
// 1. The first centre is a point drawn uniformly; each further one the best of 2 + ln k points drawn with probability
// D_i / sum D.
// 2. Repeat: assign every point to its nearest centre (lowest index on ties); move the centres to the means.
// 3. A cluster that lost all points takes the point farthest from its own centre, so k clusters stay in use.
// Stops when labels repeat or when the centres hardly move.
// Step 2 passes over points whose nearest centre cannot have changed (Hamerly, "Making k-means even faster", SDM 2010):
// with e_i at least the distance to the own centre, f_i at most that to any other, both moved along with the centres,
// and g_c half the way from centre c to its nearest other one, e_i < max(f_i, g) suffices. Distances are sums over j in
// that order in every lane, so that neither lanes nor bounds nor threads change a bit of the result.
#include "core/mixture/kmeans.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "core/base/random.h"
#include "core/mixture/wide.h"
#include "core/torch/thread_team.h"

namespace defuse {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr std::size_t kLanes = 4;
using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));
constexpr std::size_t kAtOnce = 4 * kLanes;  // columns whose sums stand in registers
constexpr double kRoundingRoom = 1e-9;       // share by which a bound must hold; distances are off by far less
constexpr std::size_t kMostPieces = 16;      // of the points, for threads

struct Data {
  std::span<const double> points;
  std::size_t n;
  std::size_t d;
  std::span<const double> row(std::size_t i) const { return points.subspan(i * d, d); }
};

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

// Rows side by side: value j of row i at j * stride + i. What fills up the stride is infinitely far.
struct Columns {
  std::size_t stride = 0;
  std::vector<double> values;

  Columns(std::span<const double> rows, std::size_t d) {
    const std::size_t n = rows.size() / d;
    stride = (n + kAtOnce - 1) / kAtOnce * kAtOnce;
    values.assign(stride * d, kInfinite);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < d; ++j) values[j * stride + i] = rows[i * d + j];
  }
};

// Squared distances from `point` to kAtOnce rows, the first of which begins at `columns`.
[[gnu::always_inline]] inline void measure(const double* point, std::size_t d, const double* columns,
                                           std::size_t stride, double* out) {
  Lanes sums[kAtOnce / kLanes] = {};
  for (std::size_t j = 0; j < d; ++j, columns += stride) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kAtOnce / kLanes; ++r) {
      Lanes x;
      std::memcpy(&x, columns + r * kLanes, sizeof(x));
      x = point[j] - x;
      sums[r] += x * x;
    }
  }
  std::memcpy(out, sums, sizeof(sums));
}

DEFUSE_WIDE void distances_to(const double* point, std::size_t d, const double* columns, std::size_t stride,
                              double* out) {
  for (std::size_t c = 0; c < stride; c += kAtOnce) measure(point, d, columns + c, stride, out + c);
}

// out_i = min(nearest_i, |x_i - point|^2)
DEFUSE_WIDE void nearer(const double* point, std::size_t d, const double* columns, std::size_t stride,
                        const double* nearest, double* out) {
  for (std::size_t c = 0; c < stride; c += kAtOnce) {
    measure(point, d, columns + c, stride, out + c);
    for (std::size_t l = 0; l < kAtOnce; ++l) out[c + l] = std::min(nearest[c + l], out[c + l]);
  }
}

// The start: what is nearest so far, and its running sums, from which points are drawn.
class PlusPlus {
 public:
  PlusPlus(const Data& data, std::size_t k, ThreadTeam& team, RandomStream& random)
      : data_(data), k_(k), team_(team), random_(random), columns_(data.points, data.d), nearest_(columns_.stride) {
    std::fill(nearest_.begin(), nearest_.end(), kInfinite);
  }

  Result<std::vector<double>> run() {
    const std::size_t trials = 2 + static_cast<std::size_t>(std::log(static_cast<double>(k_)));
    std::vector<std::vector<double>> after(trials, std::vector<double>(columns_.stride));
    std::vector<std::size_t> candidates(trials);
    std::vector<double> totals(trials);
    std::vector<double> sums(data_.n);
    const auto take = [&](std::size_t chosen) {
      const auto point = data_.row(chosen);
      centers_.insert(centers_.end(), point.begin(), point.end());
    };
    const auto look = [&](std::size_t t) -> Result<void> {
      nearer(data_.row(candidates[t]).data(), data_.d, columns_.values.data(), columns_.stride, nearest_.data(),
             after[t].data());
      totals[t] = 0;
      for (std::size_t i = 0; i < data_.n; ++i) totals[t] += after[t][i];
      return {};
    };
    candidates[0] = random_.below(data_.n);
    TRY_OK(look(0));
    for (std::size_t best = 0;;) {
      take(candidates[best]);
      std::swap(nearest_, after[best]);
      if (centers_.size() == k_ * data_.d) return std::move(centers_);
      double total = 0;
      for (std::size_t i = 0; i < data_.n; ++i) sums[i] = total += nearest_[i];
      if (!(total > 0)) {  // fewer distinct points than clusters: the rest are copies and stay empty
        candidates[best = 0] = random_.below(data_.n);
        after[0] = nearest_;
        continue;
      }
      for (auto& candidate : candidates) candidate = draw(sums, total);
      TRY_OK(team_.run(trials, look));
      best = static_cast<std::size_t>(std::min_element(totals.begin(), totals.end()) - totals.begin());
    }
  }

 private:
  // Index drawn with probability nearest / total; the last positive one if rounding runs past the end.
  std::size_t draw(const std::vector<double>& sums, double total) {
    auto found = std::upper_bound(sums.begin(), sums.end(), random_.uniform() * total);
    if (found == sums.end()) found = std::lower_bound(sums.begin(), sums.end(), total);
    return static_cast<std::size_t>(found - sums.begin());
  }

  const Data& data_;
  std::size_t k_;
  ThreadTeam& team_;
  RandomStream& random_;
  Columns columns_;
  std::vector<double> nearest_;  // [stride] squared distance to the nearest centre
  std::vector<double> centers_;
};

// Who is nearest, with the bounds that let most points be passed over.
class Assignment {
 public:
  Assignment(const Data& data, std::size_t k, ThreadTeam& team)
      : data_(data), k_(k), team_(team), labels_(data.n, 0), own_(data.n, kInfinite), others_(data.n, 0) {}

  const std::vector<int>& labels() const { return labels_; }

  Result<void> assign(const std::vector<double>& centers) {
    shift_bounds(centers);
    const Columns columns(centers, data_.d);
    const std::vector<double> half_ways = half_ways_of(columns, centers);
    const std::size_t piece = std::max<std::size_t>(1, (data_.n + kMostPieces - 1) / kMostPieces);
    TRY_OK(team_.run((data_.n + piece - 1) / piece, [&](std::size_t task) -> Result<void> {
      std::vector<double> sums(columns.stride);
      const std::size_t end = std::min(data_.n, (task + 1) * piece);
      for (std::size_t i = task * piece; i < end; ++i) place(i, centers, columns, half_ways, sums);
      return {};
    }));
    centers_ = centers;
    return {};
  }

  std::vector<double> squared_distances() const {
    std::vector<double> distances(data_.n);
    for (std::size_t i = 0; i < data_.n; ++i)
      distances[i] = squared_distance(data_.row(i), center(centers_, labels_[i]));
    return distances;
  }

 private:
  std::span<const double> center(const std::vector<double>& centers, int label) const {
    return std::span(centers).subspan(static_cast<std::size_t>(label) * data_.d, data_.d);
  }

  void shift_bounds(const std::vector<double>& centers) {
    if (centers_.empty()) return;
    std::vector<double> moves(k_);
    for (std::size_t c = 0; c < k_; ++c) {
      const int label = static_cast<int>(c);
      moves[c] = std::sqrt(squared_distance(center(centers, label), center(centers_, label)));
    }
    const double farthest = *std::max_element(moves.begin(), moves.end());
    for (std::size_t i = 0; i < data_.n; ++i) {
      own_[i] += moves[static_cast<std::size_t>(labels_[i])];
      others_[i] -= farthest;
    }
  }

  // The two least values and where the first of them is, the lowest index on ties.
  struct Least {
    double first = kInfinite, second = kInfinite;
    std::size_t index = 0;
  };
  static Least least_of(std::span<const double> sums) {
    Least least;
    for (std::size_t c = 0; c < sums.size(); ++c) {
      if (sums[c] >= least.second) continue;
      if (sums[c] < least.first) {
        least.second = least.first;
        least.first = sums[c];
        least.index = c;
      } else {
        least.second = sums[c];
      }
    }
    return least;
  }

  std::vector<double> half_ways_of(const Columns& columns, const std::vector<double>& centers) const {
    std::vector<double> half_ways(k_), sums(columns.stride);
    for (std::size_t c = 0; c < k_; ++c) {
      distances_to(centers.data() + c * data_.d, data_.d, columns.values.data(), columns.stride, sums.data());
      half_ways[c] = std::sqrt(least_of(std::span(sums).first(k_)).second) / 2;  // the least is its own, 0
    }
    return half_ways;
  }

  void place(std::size_t i, const std::vector<double>& centers, const Columns& columns,
             const std::vector<double>& half_ways, std::vector<double>& sums) {
    const auto point = data_.row(i);
    const double safe = std::max(others_[i], half_ways[static_cast<std::size_t>(labels_[i])]) * (1 - kRoundingRoom);
    if (own_[i] < safe) return;
    if (own_[i] < kInfinite) {
      own_[i] = std::sqrt(squared_distance(point, center(centers, labels_[i])));
      if (own_[i] < safe) return;
    }
    distances_to(point.data(), data_.d, columns.values.data(), columns.stride, sums.data());
    const Least least = least_of(std::span(sums).first(k_));
    labels_[i] = static_cast<int>(least.index);
    own_[i] = std::sqrt(least.first);
    others_[i] = std::sqrt(least.second);
  }

  const Data& data_;
  std::size_t k_;
  ThreadTeam& team_;
  std::vector<int> labels_;
  std::vector<double> own_;      // [n] e_i
  std::vector<double> others_;   // [n] f_i
  std::vector<double> centers_;  // [k, d] of the last assignment
};

// Means of the clusters; an empty one takes the farthest point of all, which then counts as at its centre.
std::vector<double> means_of(const Data& data, std::size_t k, const Assignment& assignment) {
  const std::vector<int>& labels = assignment.labels();
  std::vector<double> means(k * data.d, 0.0);
  std::vector<double> counts(k, 0.0);
  for (std::size_t i = 0; i < data.n; ++i) {
    const auto c = static_cast<std::size_t>(labels[i]);
    counts[c] += 1;
    const auto point = data.row(i);
    for (std::size_t j = 0; j < data.d; ++j) means[c * data.d + j] += point[j];
  }
  std::vector<double> distances;
  for (std::size_t c = 0; c < k; ++c) {
    if (counts[c] > 0) {
      for (std::size_t j = 0; j < data.d; ++j) means[c * data.d + j] /= counts[c];
      continue;
    }
    if (distances.empty()) distances = assignment.squared_distances();
    const auto farthest = std::max_element(distances.begin(), distances.end());
    const auto point = data.row(static_cast<std::size_t>(farthest - distances.begin()));
    std::copy(point.begin(), point.end(), means.begin() + static_cast<std::ptrdiff_t>(c * data.d));
    *farthest = 0;
  }
  return means;
}

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double mean_variance(const Data& data) {
  double total = 0;
  for (std::size_t j = 0; j < data.d; ++j) {
    double mean = 0;
    for (std::size_t i = 0; i < data.n; ++i) mean += data.row(i)[j];
    mean /= static_cast<double>(data.n);
    for (std::size_t i = 0; i < data.n; ++i) total += (data.row(i)[j] - mean) * (data.row(i)[j] - mean);
  }
  return total / static_cast<double>(data.n * data.d);
}

Result<void> check(const Data& data, const KMeansSettings& settings) {
  if (data.d < 1 || data.points.size() != data.n * data.d) {
    return fail(ErrorCode::invalid_input, "k-means: points are not an n by d table");
  }
  if (settings.clusters < 1 || data.n < static_cast<std::size_t>(settings.clusters)) {
    return fail(ErrorCode::invalid_input, "k-means: " + std::to_string(settings.clusters) +
                                              " clusters need at least as many points, got " + std::to_string(data.n));
  }
  if (!std::all_of(data.points.begin(), data.points.end(), [](double v) { return std::isfinite(v); })) {
    return fail(ErrorCode::invalid_input, "k-means: a point is not finite");
  }
  return {};
}

Result<KMeans> fit_from(const Data& data, std::vector<double> centers, const KMeansSettings& settings,
                        ThreadTeam& team) {
  const auto k = static_cast<std::size_t>(settings.clusters);
  const double stand_still = settings.tolerance * mean_variance(data);
  KMeans fit;
  fit.centers = std::move(centers);
  Assignment assignment(data, k, team);
  std::vector<int> before(data.n, -1);
  while (fit.iterations < settings.max_iterations) {
    ++fit.iterations;
    TRY_OK(assignment.assign(fit.centers));
    fit.rounds.objective.push_back(sum_of(assignment.squared_distances()));
    if (assignment.labels() == before) {
      fit.rounds.stop = KMeansRounds::Stop::labels_repeat;
      break;
    }
    before = assignment.labels();
    std::vector<double> moved = means_of(data, k, assignment);
    double shift = 0;
    for (std::size_t i = 0; i < moved.size(); ++i) shift += (moved[i] - fit.centers[i]) * (moved[i] - fit.centers[i]);
    fit.centers = std::move(moved);
    if (shift <= stand_still) {
      fit.rounds.stop = KMeansRounds::Stop::centers_still;
      break;
    }
  }
  TRY_OK(assignment.assign(fit.centers));
  fit.labels = assignment.labels();
  fit.inertia = sum_of(assignment.squared_distances());
  return fit;
}

}  // namespace

Result<KMeans> fit_kmeans(std::span<const double> points, std::size_t n, std::size_t d,
                          const KMeansSettings& settings) {
  const Data data{points, n, d};
  TRY_OK(check(data, settings));
  RandomStream random(settings.seed, /*a=*/0x6b6d65616e73ULL);
  ThreadTeam team(settings.threads);
  TRY(centers, PlusPlus(data, static_cast<std::size_t>(settings.clusters), team, random).run());
  return fit_from(data, std::move(centers), settings, team);
}

Result<KMeans> fit_kmeans_from(std::span<const double> points, std::size_t n, std::size_t d,
                               std::span<const double> centers, const KMeansSettings& settings) {
  const Data data{points, n, d};
  TRY_OK(check(data, settings));
  const bool finite = std::all_of(centers.begin(), centers.end(), [](double v) { return std::isfinite(v); });
  if (centers.size() != static_cast<std::size_t>(settings.clusters) * d || !finite) {
    return fail(ErrorCode::invalid_input, "k-means: the start wants " + std::to_string(settings.clusters) + " by " +
                                              std::to_string(d) + " finite values");
  }
  ThreadTeam team(settings.threads);
  return fit_from(data, {centers.begin(), centers.end()}, settings, team);
}

}  // namespace defuse
