//   n points   d width   x [n,d]   l [n] loss   mu [d] centre   tau > 0 precision   S least mass   T steps
//   k_i = max(0, 1 - tau |x_i - mu|^2)   W = sum k_i   L = sum k_i l_i / W   b_t slack left at step t   q = W - (S +
//   b_t)
// maximise O = L - [q < 0] s q^2 / b_t^2 by Adam on (mu, ln tau), b_t falling geometrically from n - S to b_min.
// Gradients: g_i = [k_i > 0] ((l_i - L) / W - [q < 0] 2 s q / b_t^2),  dO/dmu = sum g_i 2 tau (x_i - mu),
// dO/dln tau = -sum g_i tau |x_i - mu|^2. With e = L / W + [q < 0] 2 s q / b_t^2 this is g_i = l_i / W - e inside, so
// both are combinations of sums over the points inside (moving_ball.h): no second pass over the data. For tau:
// sum_inside tau |x - mu|^2 = count - W and sum_inside l tau |x - mu|^2 = sum_inside l - W L.
#include "core/slices/spotlight.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/slices/moving_ball.h"
#include "core/slices/row_sets.h"

namespace defuse {
namespace {

constexpr double kFirstTau = 1e-4;
constexpr double kPlateauThreshold = 1e-4;
constexpr double kLeastCut = 1e-8;  // a smaller change of the learning rate is not made

struct Adam {
  explicit Adam(std::size_t size) : first(size, 0), second(size, 0) {}

  // Climbs: value += rate * corrected mean / (root of corrected square + 1e-8).
  double step(std::size_t i, double gradient, double rate) {
    first[i] = 0.9 * first[i] + 0.1 * gradient;
    second[i] = 0.999 * second[i] + 0.001 * gradient * gradient;
    return rate * (first[i] / bias_first) / (std::sqrt(second[i] / bias_second) + 1e-8);
  }
  void next() {
    power_first *= 0.9;
    power_second *= 0.999;
    bias_first = 1 - power_first;
    bias_second = 1 - power_second;
  }

  std::vector<double> first, second;
  double power_first = 1, power_second = 1, bias_first = 1, bias_second = 1;
};

class Plateau {
 public:
  Plateau(const SpotlightParameters& p, double scale) : p_(p), scale_(scale), rate_(p.learning_rate) {}

  double rate() const { return rate_; }
  void see(double metric) {
    if (better(metric)) {
      best_ = metric;
      bad_ = 0;
    } else {
      ++bad_;
    }
    if (bad_ <= p_.patience) return;
    const double cut = rate_ * p_.factor;
    if (rate_ - cut > kLeastCut) rate_ = cut;
    best_ = std::numeric_limits<double>::infinity();
    bad_ = 0;
  }

 private:
  bool better(double metric) const {
    if (std::isinf(best_)) return metric < best_;
    switch (p_.plateau) {
      case PlateauRule::published:
        return metric < best_ * (1 - kPlateauThreshold);
      case PlateauRule::strict:
        return metric < best_ - kPlateauThreshold * std::abs(best_);
      case PlateauRule::tolerant:
        break;
    }
    return metric < best_ + kPlateauThreshold * std::max(std::abs(best_), scale_);
  }

  const SpotlightParameters& p_;
  double scale_;
  double rate_;
  double best_ = std::numeric_limits<double>::infinity();
  int bad_ = 0;
};

double size_of(const SpotlightParameters& p, std::size_t n) {
  return p.size > 0 ? p.size : p.share * static_cast<double>(n);
}

struct Search {
  std::vector<double> center;
  double log_tau = 0;
  double rate = 0;
  bool lost = false;  // no mass, or not finite
};

template <class Real>
Search search(std::span<const Real> points, std::size_t d, std::span<const double> loss, std::span<const double> origin,
              const SpotlightParameters& p, const std::function<void(const SpotlightStep&)>& watch) {
  const auto n = static_cast<double>(loss.size());
  const double size = size_of(p, loss.size());
  const double end = p.barrier_end > 0 ? p.barrier_end : 0.05 * size;
  Search s{.center = std::vector<double>(d, 0), .log_tau = std::log(kFirstTau), .rate = p.learning_rate, .lost = false};
  if (p.start == SpotlightStart::published) {
    for (std::size_t j = 0; j < d; ++j) s.center[j] = -origin[j];  // 0 in the caller's coordinates
  } else {
    double spread = 0;
    for (const Real x : points) spread += static_cast<double>(x) * static_cast<double>(x);
    if (spread > 0) s.log_tau = -std::log(2 * spread / n);
  }
  MovingBall<Real> ball(points, d, loss);
  Adam adam(d + 1);
  double scale = 0;
  for (const double l : loss) scale += std::abs(l) / n;
  Plateau plateau(p, scale);
  std::vector<double> shown(d);
  for (int t = 0; t < p.steps; ++t) {
    const double slack = spotlight_slack(n, size, end, t, p.steps);
    const double tau = std::exp(s.log_tau);
    const BallSums& sums = ball.move(s.center, tau);
    if (!(sums.mass > 0) || !std::isfinite(sums.weighted_loss)) {
      s.lost = true;
      break;
    }
    const double mean = sums.weighted_loss / sums.mass;
    const double q = sums.mass - (size + slack);
    const double objective = q < 0 ? mean - p.barrier_scale * q * q / (slack * slack) : mean;
    const double e = mean / sums.mass + (q < 0 ? 2 * p.barrier_scale * q / (slack * slack) : 0.0);
    adam.next();
    for (std::size_t j = 0; j < d; ++j) {
      const double gradient = 2 * tau *
                              ((sums.loss_points[j] - s.center[j] * sums.loss) / sums.mass -
                               e * (sums.points[j] - s.center[j] * sums.count));
      s.center[j] += adam.step(j, gradient, plateau.rate());
    }
    const double by_tau = -((sums.loss - sums.weighted_loss) / sums.mass - e * (sums.count - sums.mass));
    s.log_tau += adam.step(d, by_tau, plateau.rate());
    plateau.see(-objective);
    s.rate = plateau.rate();
    if (watch) {
      for (std::size_t j = 0; j < d; ++j) shown[j] = s.center[j] + origin[j];
      watch({t + 1, slack, objective, sums.mass, shown, s.log_tau, s.rate});
    }
  }
  return s;
}

double kernel(std::span<const double> center, double tau, const auto& point) {
  double sum = 0;
  for (std::size_t j = 0; j < center.size(); ++j) {
    const double difference = static_cast<double>(point[j]) - center[j];
    sum += difference * difference;
  }
  return std::max(0.0, 1 - tau * sum);
}

SpotlightState state_of(const Spotlight& s, bool lost) {
  if (lost || !(s.mass > 0) || !std::isfinite(s.mass) || !std::isfinite(s.mean_loss)) return SpotlightState::empty;
  const double ratio = s.mass / s.size;
  if (ratio < 1.0 || ratio > 1.2) return SpotlightState::wrong_mass;
  if (s.support > 0.8) return SpotlightState::half_space;
  if (s.rate <= 1e-5) return SpotlightState::rate_collapsed;
  if (!(s.mean_loss > s.start_loss)) return SpotlightState::no_loss_left;
  return SpotlightState::converged;
}

// Measures the end state on every point, in double precision and from the differences themselves.
Spotlight finish(const Search& found, std::span<const double> origin, std::span<const double> weights,
                 std::span<const double> loss, double size) {
  const std::size_t n = loss.size();
  Spotlight s;
  s.center.resize(origin.size());
  for (std::size_t j = 0; j < origin.size(); ++j) s.center[j] = found.center[j] + origin[j];
  s.tau = std::exp(found.log_tau);
  s.rate = found.rate;
  s.size = size;
  double weighted = 0;
  std::size_t inside = 0;
  for (std::size_t i = 0; i < n; ++i) {
    s.mass += weights[i];
    weighted += weights[i] * loss[i];
    inside += weights[i] > 0 ? 1 : 0;
  }
  s.mean_loss = s.mass > 0 ? weighted / s.mass : 0;
  s.start_loss = std::accumulate(loss.begin(), loss.end(), 0.0) / static_cast<double>(n);
  s.support = static_cast<double>(inside) / static_cast<double>(n);
  s.state = state_of(s, found.lost);
  for (const auto i : highest(weights, static_cast<std::size_t>(std::llround(size))))
    if (weights[i] > 0) s.members.push_back(i);
  s.cut = s.members.empty() ? 1 : weights[s.members.back()];
  return s;
}

template <class Real>
std::vector<double> mean_of(std::span<const Real> points, std::size_t d) {
  const std::size_t n = points.size() / d;
  std::vector<double> mean(d, 0);
  for (std::size_t i = 0; i < points.size(); ++i) mean[i % d] += static_cast<double>(points[i]);
  for (double& m : mean) m /= static_cast<double>(n);
  return mean;
}

Result<void> check(const SpotlightParameters& p, std::size_t n) {
  const auto bad = [](const std::string& what) { return fail(ErrorCode::invalid_input, "spotlight: " + what); };
  if (n < 2) return bad("fewer than two usable points");
  const double size = size_of(p, n);
  if (!(size > 0) || !(size < static_cast<double>(n))) return bad("the size wants to be above 0 and below all points");
  if (p.steps < 2 || p.spotlights < 1 || p.patience < 0) return bad("steps, spotlights or patience out of range");
  if (!(p.learning_rate > 0) || !(p.factor > 0) || !(p.factor < 1) || !(p.barrier_scale > 0) || p.barrier_end < 0)
    return bad("learning rate, factor or barrier out of range");
  return {};
}

bool usable(const Matrix& points, std::size_t row, std::span<const double> loss) {
  if (!std::isfinite(loss[row])) return false;
  const auto values = points.row(row);
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}  // namespace

std::string_view to_string(SpotlightState state) {
  switch (state) {
    case SpotlightState::converged:
      return "converged";
    case SpotlightState::empty:
      return "empty";
    case SpotlightState::wrong_mass:
      return "wrong_mass";
    case SpotlightState::half_space:
      return "half_space";
    case SpotlightState::rate_collapsed:
      return "rate_collapsed";
    case SpotlightState::no_loss_left:
      return "no_loss_left";
  }
  return "empty";
}

std::string_view describe(SpotlightState state) {
  switch (state) {
    case SpotlightState::converged:
      return "";
    case SpotlightState::empty:
      return "it lost every image";
    case SpotlightState::wrong_mass:
      return "it did not shrink to its size";
    case SpotlightState::half_space:
      return "its ball is far larger than the data";
    case SpotlightState::rate_collapsed:
      return "its steps became too small too early";
    case SpotlightState::no_loss_left:
      return "no loss above the average was left";
  }
  return "";
}

double Spotlight::weight(std::span<const float> point) const { return kernel(center, tau, point); }

bool Spotlight::contains(std::span<const float> point) const {
  return !members.empty() && point.size() == center.size() && weight(point) >= cut;
}

double spotlight_slack(double n, double size, double end, int step, int steps) {
  return (n - size) * std::pow(end / (n - size), static_cast<double>(step) / (steps - 1));
}

Spotlight find_one_spotlight(std::span<const double> points, std::span<const double> loss,
                             const SpotlightParameters& parameters,
                             const std::function<void(const SpotlightStep&)>& watch) {
  const std::size_t d = points.size() / loss.size();
  const auto origin = mean_of(points, d);
  std::vector<double> centred(points.begin(), points.end());
  for (std::size_t i = 0; i < centred.size(); ++i) centred[i] -= origin[i % d];
  const auto found = search<double>(centred, d, loss, origin, parameters, watch);
  const double tau = std::exp(found.log_tau);
  std::vector<double> weights(loss.size());
  for (std::size_t i = 0; i < loss.size(); ++i)
    weights[i] = kernel(found.center, tau, std::span<const double>(centred).subspan(i * d, d));
  return finish(found, origin, weights, loss, size_of(parameters, loss.size()));
}

Result<std::vector<Spotlight>> find_spotlights(const Matrix& points, std::span<const std::uint32_t> rows,
                                               std::span<const double> loss, const SpotlightParameters& parameters) {
  if (points.empty() || loss.size() != points.rows)
    return fail(ErrorCode::invalid_input, "spotlight: " + std::to_string(points.rows) + " points, but " +
                                              std::to_string(loss.size()) + " losses");
  std::vector<std::uint32_t> used;
  for (const auto row : rows)
    if (row < points.rows && usable(points, row, loss)) used.push_back(row);
  TRY_OK(check(parameters, used.size()));
  const std::size_t n = used.size();
  const std::size_t d = points.cols;
  std::vector<double> origin(d, 0);
  for (const auto row : used)
    for (std::size_t j = 0; j < d; ++j) origin[j] += static_cast<double>(points.row(row)[j]) / static_cast<double>(n);
  std::vector<float> centred(n * d);
  std::vector<double> left(n);
  for (std::size_t i = 0; i < n; ++i) {
    left[i] = loss[used[i]];
    for (std::size_t j = 0; j < d; ++j)
      centred[i * d + j] = static_cast<float>(static_cast<double>(points.row(used[i])[j]) - origin[j]);
  }
  std::vector<Spotlight> kept;
  std::vector<double> weights(n);
  for (int order = 0; order < parameters.spotlights; ++order) {
    const auto found = search<float>(centred, d, left, origin, parameters, {});
    const double tau = std::exp(found.log_tau);
    std::vector<double> center(d);
    for (std::size_t j = 0; j < d; ++j) center[j] = found.center[j] + origin[j];
    for (std::size_t i = 0; i < n; ++i) weights[i] = kernel(center, tau, points.row(used[i]));
    auto spotlight = finish(found, origin, weights, left, size_of(parameters, n));
    spotlight.order = order;
    for (auto& member : spotlight.members) member = used[member];
    const double heaviest = *std::max_element(weights.begin(), weights.end());
    const bool lost = spotlight.state == SpotlightState::empty;
    const bool repeats = std::any_of(kept.begin(), kept.end(), [&](const Spotlight& earlier) {
      return jaccard(earlier.members, spotlight.members) > parameters.max_overlap;
    });
    if (!repeats) kept.push_back(std::move(spotlight));
    if (lost || !(heaviest > 0)) break;
    for (std::size_t i = 0; i < n; ++i) left[i] *= 1 - weights[i] / heaviest;
  }
  return kept;
}

}  // namespace defuse
