// Source: Fisher's linear discriminant with a shrunken covariance (shapes.h); cross-fitting as in methods "gate
// quality", lesson 8.
//   fold f's direction w_f = covariance^-1 (mean of the positive points outside f - mean of the class), scaled to unit
//   standard deviation along itself, so that scores of all folds are on one scale. The covariance does not see the
//   values and is fitted once.
#include "core/regions/half_spaces.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <unordered_map>

#include "core/base/random.h"
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

// Rows of one question: what moves a sum, and whom a row counts for.
struct ValuedRows {
  std::span<const double> value;
  std::vector<std::uint32_t> moving;  // rows whose value is not zero
  std::vector<std::uint32_t> group;   // [n] numbered from 0
  std::size_t groups = 0;

  ValuedRows(std::span<const double> values, std::span<const std::uint32_t> of) : value(values) {
    std::unordered_map<std::uint32_t, std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      if (values[i] != 0) moving.push_back(i);
      // Rows of one group mostly lie side by side.
      const bool repeats = i > 0 && of[i] == of[i - 1];
      group.push_back(repeats ? group.back()
                              : numbers.try_emplace(of[i], static_cast<std::uint32_t>(numbers.size())).first->second);
    }
    groups = numbers.size();
  }
};

struct Prefix {
  double cut = 0;  // score from which on points belong
  double evidence = 0;
};

// Rows whose value is not zero, highest score first; between two of them neither sums nor the question of a cut change.
// So a cut is found by telling for every row between which two of them it lies, not by sorting all rows: exact, and
// several times faster where few values are not zero.
class Ladder {
 public:
  Ladder(const std::vector<double>& score, std::span<const std::uint32_t> moving) : score_(score) {
    rungs_.assign(moving.begin(), moving.end());
    std::sort(rungs_.begin(), rungs_.end(), [&](std::uint32_t a, std::uint32_t b) { return before(a, b); });
    for (const std::uint32_t row : rungs_) height_.push_back(score[row]);
  }

  std::size_t size() const { return rungs_.size(); }
  std::uint32_t row(std::size_t rung) const { return rungs_[rung]; }

  // How many rungs come before this row or are it.
  std::size_t rungs_until(std::uint32_t row) const {
    const double own = score_[row];
    // Rungs strictly higher; without a branch, as no branch of this search could be foretold.
    const double* base = height_.data();
    std::size_t left = height_.size();
    while (left > 1) {
      const std::size_t half = left / 2;
      base += static_cast<std::size_t>(base[half - 1] > own) * half;
      left -= half;
    }
    auto count = static_cast<std::size_t>(base - height_.data()) + static_cast<std::size_t>(*base > own);
    while (count < rungs_.size() && height_[count] == own && rungs_[count] <= row) ++count;
    return count;
  }

 private:
  bool before(std::uint32_t a, std::uint32_t b) const { return score_[a] != score_[b] ? score_[a] > score_[b] : a < b; }

  const std::vector<double>& score_;
  std::vector<std::uint32_t> rungs_;
  std::vector<double> height_;
};

// What lies between one rung and the next, rungs left out.
struct Step {
  std::size_t rows = 0;
  double highest = -std::numeric_limits<double>::infinity();  // their highest score
};

// The cut of a score whose upper side has the strongest evidence; at most half of the points.
std::optional<Prefix> best_prefix(const std::vector<double>& score, const ValuedRows& rows,
                                  const HalfSpaceSettings& settings) {
  const Ladder ladder(score, rows.moving);
  if (ladder.size() == 0) return std::nullopt;
  std::vector<Step> steps(ladder.size() + 1);  // the first lies above all rungs, step j below rung j - 1
  std::vector<std::size_t> reached_at(rows.groups, ladder.size());  // the first rung down to which a group has a row
  for (std::uint32_t i = 0; i < score.size(); ++i) {
    const std::size_t until = ladder.rungs_until(i);
    const bool is_rung = rows.value[i] != 0;
    if (!is_rung) {
      ++steps[until].rows;
      steps[until].highest = std::max(steps[until].highest, score[i]);
    }
    auto& reached = reached_at[rows.group[i]];
    reached = std::min(reached, is_rung ? until - 1 : until);
  }
  std::vector<std::size_t> new_groups(ladder.size() + 1, 0);
  for (const std::size_t rung : reached_at) ++new_groups[rung];

  const std::size_t half = (score.size() + 1) / 2;
  Prefix best;
  double sum = 0;
  std::size_t inside = 0;
  std::size_t k = steps[0].rows;  // rank of the rung among all rows
  for (std::size_t j = 0; j < ladder.size() && k + 1 < half; ++j, k += 1 + steps[j].rows) {
    const double own = score[ladder.row(j)];
    const double value = rows.value[ladder.row(j)];
    sum += value;
    inside += new_groups[j];
    if (inside < settings.least_size || !(value > 0)) continue;
    const double next = steps[j + 1].rows > 0 ? steps[j + 1].highest : score[ladder.row(j + 1)];
    if (own == next) continue;  // no cut parts equal scores
    const auto groups = static_cast<double>(inside);
    const double evidence = log_evidence(groups * sum / static_cast<double>(k + 1), groups, settings.limit);
    if (evidence <= best.evidence) continue;
    best = {(own + next) / 2, evidence};
  }
  if (!(best.evidence > 0)) return std::nullopt;
  return best;
}

class Fitter {
 public:
  Fitter(const Matrix& points, const ValuedRows& rows, std::span<const std::uint32_t> group,
         const HalfSpaceSettings& settings, const ClassShape& shape)
      : points_(points), rows_(rows), settings_(settings), shape_(shape) {
    for (const std::uint32_t g : group) fold_.push_back(mix64(g) % static_cast<std::size_t>(settings.folds));
  }

  // The half-space for the positive points among `rows`.
  std::optional<HalfSpace> fit(const std::vector<std::uint32_t>& rows) const {
    const auto folds = static_cast<std::size_t>(settings_.folds);
    const std::size_t d = points_.cols;
    std::vector<double> sums((folds + 1) * d, 0.0);  // of each fold, then of all
    std::vector<double> weights(folds + 1, 0.0);
    for (const std::uint32_t i : rows) {
      for (const std::size_t f : {fold_[i], folds}) {
        weights[f] += rows_.value[i];
        for (std::size_t j = 0; j < d; ++j) sums[f * d + j] += rows_.value[i] * static_cast<double>(points_.row(i)[j]);
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
    return cut(project(left_out), whole);
  }

 private:
  // Every point's score along the direction fitted without its fold. Four points side by side, each summed in order:
  // the sums of one point alone would wait for one another.
  std::vector<double> project(const std::vector<Direction>& left_out) const {
    constexpr std::size_t kLanes = 4;
    const std::size_t n = points_.rows, d = points_.cols;
    std::vector<double> score(n);
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      std::array<double, kLanes> sum;
      std::array<const double*, kLanes> w;
      std::array<const float*, kLanes> x;
      for (std::size_t l = 0; l < kLanes; ++l) {
        const Direction& direction = left_out[fold_[i + l]];
        sum[l] = -direction.offset;
        w[l] = direction.w.data();
        x[l] = points_.row(i + l).data();
      }
      for (std::size_t j = 0; j < d; ++j)
        for (std::size_t l = 0; l < kLanes; ++l) sum[l] += w[l][j] * static_cast<double>(x[l][j]);
      std::copy(sum.begin(), sum.end(), score.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (; i < n; ++i) {
      const Direction& direction = left_out[fold_[i]];
      score[i] = -direction.offset;
      for (std::size_t j = 0; j < d; ++j) score[i] += direction.w[j] * static_cast<double>(points_.row(i)[j]);
    }
    return score;
  }

  std::optional<HalfSpace> cut(const std::vector<double>& score, const Direction& whole) const {
    const auto best = best_prefix(score, rows_, settings_);
    if (!best) return std::nullopt;
    HalfSpace out{{}, best->cut + whole.offset, best->evidence};
    for (const double w : whole.w) out.direction.push_back(static_cast<float>(w));
    return out;
  }

  const Matrix& points_;
  const ValuedRows& rows_;
  const HalfSpaceSettings& settings_;
  const ClassShape& shape_;
  std::vector<std::size_t> fold_;  // [n]
};

}  // namespace

std::optional<HalfSpace> best_half_space(const Matrix& points, std::span<const double> value,
                                         std::span<const std::uint32_t> group, std::span<const std::int32_t> kind,
                                         const HalfSpaceSettings& settings, const ClassShape* shape) {
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
  std::optional<ClassShape> own;
  if (shape == nullptr) shape = &own.emplace(points);
  const ValuedRows valued(value, group);
  const Fitter fitter(points, valued, group, settings, *shape);
  std::optional<HalfSpace> best = fitter.fit(positive);
  std::set<std::int32_t> kinds;
  for (const std::uint32_t i : positive) kinds.insert(kind[i]);
  for (const std::int32_t one : kinds) {
    std::vector<std::uint32_t> rows;
    std::copy_if(positive.begin(), positive.end(), std::back_inserter(rows),
                 [&](std::uint32_t i) { return kind[i] == one; });
    const std::size_t of_kind = groups_of(rows);
    if (of_kind < settings.least_groups || of_kind == groups) continue;
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
  const ValuedRows valued(value, group);
  std::vector<double> score(points.rows);
  for (std::size_t j = 0; j < points.cols; ++j) {
    for (const double sign : {1.0, -1.0}) {
      for (std::size_t i = 0; i < points.rows; ++i) score[i] = sign * static_cast<double>(points.row(i)[j]);
      const auto found = best_prefix(score, valued, settings);
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
