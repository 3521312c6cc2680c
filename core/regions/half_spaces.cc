// Source: Fisher's linear discriminant with a shrunken covariance (shapes.h); cross-fitting as in methods "gate
// quality", lesson 8.
//   fold f's direction w_f = covariance^-1 (mean of the positive points outside f - mean of the class), scaled to unit
//   standard deviation along itself, so that scores of all folds are on one scale. The covariance does not see the
//   values and is fitted once.
#include "core/regions/half_spaces.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <unordered_set>

#include "core/random.h"
#include "core/regions/scan.h"
#include "core/regions/shapes.h"

namespace defuse {
namespace {

struct Direction {
  std::vector<double> w;  // [d], unit standard deviation of w . x; empty if there is none
  double offset = 0;      // w . mean
};

Direction direction_to(const ClassShape& shape, std::span<const double> sum, double weight) {
  if (!(weight > 0)) return {};
  std::vector<double> v(sum.size());
  for (std::size_t j = 0; j < v.size(); ++j) v[j] = sum[j] / weight - shape.mean()[j];
  Direction out{shape.discriminant(v), 0};
  const double variance = std::inner_product(v.begin(), v.end(), out.w.begin(), 0.0);
  if (!(variance > 0) || !std::isfinite(variance)) return {};
  for (double& w : out.w) w /= std::sqrt(variance);
  out.offset = std::inner_product(out.w.begin(), out.w.end(), shape.mean().begin(), 0.0);
  return out;
}

double project(const Direction& direction, std::span<const float> x) {
  double sum = -direction.offset;
  for (std::size_t j = 0; j < x.size(); ++j) sum += direction.w[j] * static_cast<double>(x[j]);
  return sum;
}

struct Prefix {
  double cut = 0;  // score from which on points belong
  double evidence = 0;
};

// The cut of a score whose upper side has the strongest evidence; at most half of the points.
std::optional<Prefix> best_prefix(const std::vector<double>& score, std::span<const double> value,
                                  std::span<const std::uint32_t> group, const HalfSpaceSettings& settings) {
  std::vector<std::uint32_t> order(score.size());
  std::iota(order.begin(), order.end(), 0U);
  const std::size_t half = (order.size() + 1) / 2;
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    return score[a] != score[b] ? score[a] > score[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(half), order.end(), before);
  std::unordered_set<std::uint32_t> inside;
  Prefix best;
  double sum = 0;
  for (std::size_t k = 0; k + 1 < half; ++k) {
    sum += value[order[k]];
    inside.insert(group[order[k]]);
    if (inside.size() < settings.least_size || !(value[order[k]] > 0)) continue;
    if (score[order[k]] == score[order[k + 1]]) continue;  // no cut parts equal scores
    const auto groups = static_cast<double>(inside.size());
    const double evidence = log_evidence(groups * sum / static_cast<double>(k + 1), groups, settings.limit);
    if (evidence <= best.evidence) continue;
    best = {(score[order[k]] + score[order[k + 1]]) / 2, evidence};
  }
  if (!(best.evidence > 0)) return std::nullopt;
  return best;
}

class Fitter {
 public:
  Fitter(const Matrix& points, std::span<const double> value, std::span<const std::uint32_t> group,
         const HalfSpaceSettings& settings)
      : points_(points), value_(value), group_(group), settings_(settings), shape_(points, all(points.rows)) {}

  // The half-space for the positive points among `rows`.
  std::optional<HalfSpace> fit(const std::vector<std::uint32_t>& rows) const {
    const auto folds = static_cast<std::size_t>(settings_.folds);
    const std::size_t d = points_.cols;
    std::vector<double> sums((folds + 1) * d, 0.0);  // of each fold, then of all
    std::vector<double> weights(folds + 1, 0.0);
    for (const std::uint32_t i : rows) {
      for (const std::size_t f : {fold_of(i), folds}) {
        weights[f] += value_[i];
        for (std::size_t j = 0; j < d; ++j) sums[f * d + j] += value_[i] * static_cast<double>(points_.row(i)[j]);
      }
    }
    const std::span<const double> total(sums.data() + folds * d, d);
    std::vector<Direction> left_out;
    for (std::size_t f = 0; f < folds; ++f) {
      std::vector<double> rest(total.begin(), total.end());
      for (std::size_t j = 0; j < d; ++j) rest[j] -= sums[f * d + j];
      left_out.push_back(direction_to(shape_, rest, weights[folds] - weights[f]));
      if (left_out.back().w.empty()) return std::nullopt;
    }
    const Direction whole = direction_to(shape_, total, weights[folds]);
    if (whole.w.empty()) return std::nullopt;
    std::vector<double> score(points_.rows);
    for (std::uint32_t i = 0; i < points_.rows; ++i) score[i] = project(left_out[fold_of(i)], points_.row(i));
    return cut(score, whole);
  }

 private:
  static std::vector<std::uint32_t> all(std::size_t n) {
    std::vector<std::uint32_t> rows(n);
    std::iota(rows.begin(), rows.end(), 0U);
    return rows;
  }

  std::size_t fold_of(std::uint32_t row) const {
    return mix64(group_[row]) % static_cast<std::size_t>(settings_.folds);
  }

  std::optional<HalfSpace> cut(const std::vector<double>& score, const Direction& whole) const {
    const auto best = best_prefix(score, value_, group_, settings_);
    if (!best) return std::nullopt;
    HalfSpace out{{}, best->cut + whole.offset, best->evidence};
    for (const double w : whole.w) out.direction.push_back(static_cast<float>(w));
    return out;
  }

  const Matrix& points_;
  std::span<const double> value_;
  std::span<const std::uint32_t> group_;
  const HalfSpaceSettings& settings_;
  ClassShape shape_;
};

}  // namespace

bool HalfSpace::holds(std::span<const float> point) const {
  double sum = 0;
  for (std::size_t j = 0; j < point.size(); ++j)
    sum += static_cast<double>(direction[j]) * static_cast<double>(point[j]);
  return sum >= cut;
}

std::optional<HalfSpace> best_half_space(const Matrix& points, std::span<const double> value,
                                         std::span<const std::uint32_t> group, std::span<const std::int32_t> kind,
                                         const HalfSpaceSettings& settings) {
  std::vector<std::uint32_t> positive;
  for (std::uint32_t i = 0; i < points.rows; ++i) {
    if (value[i] > 0) positive.push_back(i);
  }
  const auto groups_of = [&](const std::vector<std::uint32_t>& rows) {
    std::set<std::uint32_t> groups;
    for (const std::uint32_t i : rows) groups.insert(group[i]);
    return groups.size();
  };
  const std::size_t groups = groups_of(positive);
  if (groups < settings.least_groups) return std::nullopt;
  const Fitter fitter(points, value, group, settings);
  std::optional<HalfSpace> best = fitter.fit(positive);
  std::set<std::int32_t> kinds;
  for (const std::uint32_t i : positive) kinds.insert(kind[i]);
  for (const std::int32_t one : kinds) {
    std::vector<std::uint32_t> rows;
    std::copy_if(positive.begin(), positive.end(), std::back_inserter(rows),
                 [&](std::uint32_t i) { return kind[i] == one; });
    const std::size_t own = groups_of(rows);
    if (own < settings.least_groups || own == groups) continue;
    auto found = fitter.fit(rows);
    if (found && (!best || found->evidence > best->evidence)) best = std::move(found);
  }
  return best;
}

std::optional<HalfSpace> best_axis(const Matrix& points, std::span<const double> value,
                                   std::span<const std::uint32_t> group, const HalfSpaceSettings& settings) {
  std::set<std::uint32_t> positive;
  for (std::size_t i = 0; i < points.rows; ++i) {
    if (value[i] > 0) positive.insert(group[i]);
  }
  if (positive.size() < settings.least_groups) return std::nullopt;
  std::optional<HalfSpace> best;
  std::vector<double> score(points.rows);
  for (std::size_t j = 0; j < points.cols; ++j) {
    for (const double sign : {1.0, -1.0}) {
      for (std::size_t i = 0; i < points.rows; ++i) score[i] = sign * static_cast<double>(points.row(i)[j]);
      const auto found = best_prefix(score, value, group, settings);
      if (!found || (best && found->evidence <= best->evidence)) continue;
      best = HalfSpace{std::vector<float>(points.cols, 0.0F), found->cut, found->evidence};
      best->direction[j] = static_cast<float>(sign);
    }
  }
  if (!best) return std::nullopt;
  best->evidence -= std::log(2.0 * static_cast<double>(points.cols * positive.size()));
  if (!(best->evidence > 0)) return std::nullopt;
  return best;
}

}  // namespace defuse
