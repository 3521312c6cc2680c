// Source: methods "gate quality", lesson 5 (balls around flips, scanned in size); Kulldorff, Commun. Statist. 1997
// (scan statistic: the likelihood ratio, so that size and purity are weighed by what they say).
//   n seeds of the class   s_i score of seed i   S_k sum of the scores of the k nearest seeds that have one   l limit
// 1. For each centre sort the seeds by distance; for each size k e_k = k KL(S_k/k || l) if S_k/k > l, else 0; keep the
// best k.
// 2. The same from centres grown out of groups of scoring seeds near the most promising ones (shapes.h).
// 3. Take the best centre; move it to the mean of those members with a positive score, rescan, keep the move while e
// rises.
//    (A ball around a member of a pocket in d dimensions needs about sqrt 2 times the radius of one around the pocket's
//    middle.)
// 4. Go down the list for further balls that share less than half of their members with those taken.
// Cost: centres x n x d multiplications; a centre's order is found once for all questions.
#include "core/regions/scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "core/random.h"
#include "core/regions/shapes.h"

namespace defuse {
namespace {

// Squared distance and seed in one integer that sorts like the pair: the bits of floats that are not negative rise
// with them. Sorting neighbours is a third of a scan, and integers of 8 bytes sort twice as fast as structs of 16.
class Neighbour {
 public:
  Neighbour() = default;
  Neighbour(double squared, std::uint32_t seed)
      : key_((std::uint64_t{std::bit_cast<std::uint32_t>(rounded_up(squared))} << 32) | seed) {}
  double squared() const { return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(key_ >> 32))); }
  std::uint32_t seed() const { return static_cast<std::uint32_t>(key_); }
  bool operator<(const Neighbour& other) const { return key_ < other.key_; }

 private:
  // Up, so that a ball of this radius holds the seed it was measured to.
  static float rounded_up(double value) {
    const auto near = static_cast<float>(value);
    return static_cast<double>(near) < value ? std::nextafter(near, std::numeric_limits<float>::infinity()) : near;
  }

  std::uint64_t key_ = 0;
};

// The seeds of the class by distance from one centre, sorted only as far as anybody has asked.
class Order {
 public:
  Order(const Matrix& points, std::span<const std::uint32_t> seeds, std::size_t first_guess)
      : packed_(seeds.size(), points.cols), seeds_(seeds), guess_(first_guess) {
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      const auto from = points.row(seeds[i]);
      std::copy(from.begin(), from.end(), packed_.row(i).begin());
    }
  }

  void look_from(std::span<const float> center) {
    all_.clear();
    for (std::size_t i = 0; i < seeds_.size(); ++i) {
      all_.emplace_back(squared_distance(packed_.row(i), center), seeds_[i]);
    }
    sorted_ = 0;
  }

  std::size_t size() const { return all_.size(); }

  const Neighbour& at(std::size_t i) {
    while (i >= sorted_) {
      const std::size_t until = std::min(all_.size(), sorted_ + guess_);
      const auto from = all_.begin() + static_cast<std::ptrdiff_t>(sorted_);
      const auto to = all_.begin() + static_cast<std::ptrdiff_t>(until);
      if (to != all_.end()) std::nth_element(from, to, all_.end());
      std::sort(from, to);
      sorted_ = until;
    }
    return all_[i];
  }

 private:
  Matrix packed_;  // the class's rows side by side: they are read once per centre
  std::span<const std::uint32_t> seeds_;
  std::size_t guess_;
  std::vector<Neighbour> all_;
  std::size_t sorted_ = 0;
};

struct Best {
  double evidence = -1;
  int size = 0;
  double squared = 0;     // radius
  std::size_t reach = 0;  // neighbours looked at, those without a score included
};

Best best_size(Order& order, const ScanQuestion& question, const ScanSettings& settings) {
  Best best;
  double sum = 0;
  int count = 0;
  std::size_t next_size = 0;
  for (std::size_t i = 0; i < order.size() && next_size < settings.sizes.size(); ++i) {
    const Neighbour& near = order.at(i);
    const double s = question.score[near.seed()];
    if (std::isnan(s)) continue;
    sum += s;
    if (++count != settings.sizes[next_size]) continue;
    ++next_size;
    const double n = count;
    const double evidence = log_evidence(sum, n, question.limit);
    if (evidence > best.evidence) best = {evidence, count, near.squared(), i + 1};
  }
  return best;
}

ScanBall ball_of(Order& order, const Best& best, std::span<const float> center, std::span<const double> score) {
  ScanBall ball;
  ball.center.assign(center.begin(), center.end());
  ball.radius = std::sqrt(best.squared);
  ball.evidence = best.evidence;
  for (std::size_t i = 0; i < best.reach; ++i) {
    if (!std::isnan(score[order.at(i).seed()])) ball.members.push_back(order.at(i).seed());
  }
  std::sort(ball.members.begin(), ball.members.end());
  return ball;
}

std::optional<std::vector<float>> mean_of_scoring(const Matrix& points, const ScanBall& ball,
                                                  std::span<const double> score) {
  std::vector<double> sum(points.cols, 0.0);
  double weight = 0;
  for (const std::uint32_t seed : ball.members) {
    if (!(score[seed] > 0)) continue;
    weight += score[seed];
    const auto point = points.row(seed);
    for (std::size_t j = 0; j < point.size(); ++j) sum[j] += score[seed] * static_cast<double>(point[j]);
  }
  if (!(weight > 0)) return std::nullopt;
  std::vector<float> mean(points.cols);
  for (std::size_t j = 0; j < mean.size(); ++j) mean[j] = static_cast<float>(sum[j] / weight);
  return mean;
}

// The ball around `center`, then around the mean of its scoring members as long as that raises the evidence.
ScanBall refined_ball(const Matrix& points, Order& order, std::span<const float> center, const ScanQuestion& question,
                      const ScanSettings& settings) {
  order.look_from(center);
  ScanBall ball = ball_of(order, best_size(order, question, settings), center, question.score);
  for (int step = 0; step < settings.refinements; ++step) {
    const auto mean = mean_of_scoring(points, ball, question.score);
    if (!mean || !is_finite(*mean)) break;
    order.look_from(*mean);
    const Best moved = best_size(order, question, settings);
    if (moved.evidence <= ball.evidence) break;
    ball = ball_of(order, moved, *mean, question.score);
  }
  return ball;
}

struct Tried {
  double evidence = 0;
  std::vector<float> center;
};

void sort_by_evidence(std::vector<Tried>& tried) {
  std::stable_sort(tried.begin(), tried.end(), [](const Tried& a, const Tried& b) { return a.evidence > b.evidence; });
}

bool overlaps_any(const std::vector<ScanBall>& taken, const ScanBall& ball) {
  return std::any_of(taken.begin(), taken.end(),
                     [&](const ScanBall& t) { return overlap_coefficient(t.members, ball.members) >= 0.5; });
}

std::vector<ScanBall> pick(const Matrix& points, Order& order, const ScanQuestion& question, std::vector<Tried> tried,
                           const ScanSettings& settings) {
  sort_by_evidence(tried);
  std::vector<ScanBall> taken;
  for (std::size_t i = 0; i < tried.size() && i < settings.look_at && taken.size() < settings.keep; ++i) {
    if (tried[i].evidence < settings.least_evidence) break;
    ScanBall ball = refined_ball(points, order, tried[i].center, question, settings);
    if (!overlaps_any(taken, ball)) taken.push_back(std::move(ball));
  }
  std::stable_sort(taken.begin(), taken.end(),
                   [](const ScanBall& a, const ScanBall& b) { return a.evidence > b.evidence; });
  return taken;
}

// The mean of the `count` scoring seeds that come first in the order.
std::vector<double> middle_of_first(const Matrix& points, Order& order, std::span<const double> score,
                                    std::size_t count) {
  std::vector<double> sum(points.cols, 0.0);
  double weight = 0;
  for (std::size_t i = 0, met = 0; i < order.size() && met < count; ++i) {
    const std::uint32_t seed = order.at(i).seed();
    if (!(score[seed] > 0)) continue;
    ++met;
    weight += score[seed];
    const auto point = points.row(seed);
    for (std::size_t j = 0; j < point.size(); ++j) sum[j] += score[seed] * static_cast<double>(point[j]);
  }
  for (double& v : sum) v /= weight;
  return sum;
}

// Centres grown from the middles of groups of scoring seeds: all of the class's, and those around the most promising
// centres.
std::vector<std::vector<float>> grown_centers(const Matrix& points, const ClassShape& shape, Order& order,
                                              const ScanQuestion& question, std::vector<Tried> tried,
                                              const ScanSettings& settings) {
  std::vector<std::vector<float>> grown;
  if (question.centers.empty() || tried.empty()) return grown;
  const auto grow = [&](std::size_t count) {
    for (auto& center : shape.grow(middle_of_first(points, order, question.score, count)))
      grown.push_back(std::move(center));
  };
  sort_by_evidence(tried);
  std::vector<ScanBall> anchors;
  for (std::size_t i = 0; i < tried.size() && i < settings.look_at && anchors.size() < settings.anchors; ++i) {
    order.look_from(tried[i].center);
    const Best best = best_size(order, question, settings);
    ScanBall ball = ball_of(order, best, tried[i].center, question.score);
    if (overlaps_any(anchors, ball)) continue;
    anchors.push_back(std::move(ball));
    if (anchors.size() == 1) grow(question.centers.size());
    for (const int group : settings.groups) {
      if (static_cast<std::size_t>(group) < question.centers.size()) grow(static_cast<std::size_t>(group));
    }
  }
  return grown;
}

}  // namespace

WilsonBounds wilson_real(double x, double n, double z) {
  if (!(n > 0)) return {};
  const double p = x / n;
  const double zz = z * z / n;
  const double middle = p + zz / 2;
  const double half = z * std::sqrt(std::max(0.0, p * (1 - p) / n + zz / (4 * n)));
  return {std::clamp((middle - half) / (1 + zz), 0.0, 1.0), std::clamp((middle + half) / (1 + zz), 0.0, 1.0)};
}

std::vector<std::uint32_t> promising_centers(std::span<const double> score, std::span<const std::uint32_t> seeds) {
  constexpr std::size_t kMost = 300;
  std::vector<std::uint32_t> out;
  std::copy_if(seeds.begin(), seeds.end(), std::back_inserter(out), [&](std::uint32_t s) { return score[s] > 0; });
  std::sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) {
    return score[a] != score[b] ? score[a] > score[b] : std::pair(mix64(a), a) < std::pair(mix64(b), b);
  });
  if (out.size() > kMost) out.resize(kMost);
  return out;
}

double log_evidence(double sum, double n, double limit) {
  if (!(n > 0) || sum <= n * limit) return 0;
  const double p = std::min(sum / n, 1.0);
  const double rest = p < 1 ? (1 - p) * std::log((1 - p) / (1 - limit)) : 0;
  return n * (p * std::log(p / limit) + rest);
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> sums{};
  std::size_t j = 0;
  for (; j + kLanes <= a.size(); j += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float step = a[j + l] - b[j + l];
      sums[l] += step * step;
    }
  }
  for (std::size_t l = 0; j < a.size(); ++j, ++l) sums[l] += (a[j] - b[j]) * (a[j] - b[j]);
  double total = 0;
  for (const float s : sums) total += static_cast<double>(s);
  return total;
}

bool is_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

std::vector<std::vector<ScanBall>> scan_balls(const Matrix& points, std::span<const std::uint32_t> seeds,
                                              std::span<const ScanQuestion> questions, const Matrix& extra_centers,
                                              const ScanSettings& settings) {
  std::vector<std::uint32_t> usable;
  std::copy_if(seeds.begin(), seeds.end(), std::back_inserter(usable),
               [&](std::uint32_t s) { return is_finite(points.row(s)); });
  Order order(points, usable, 2 * static_cast<std::size_t>(settings.sizes.back()));

  // Which questions each seed is a centre for, so that its neighbours are sorted once.
  std::vector<std::pair<std::uint32_t, std::size_t>> asked;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    for (const std::uint32_t seed : questions[q].centers) {
      if (is_finite(points.row(seed))) asked.emplace_back(seed, q);
    }
  }
  std::sort(asked.begin(), asked.end());

  std::vector<std::vector<Tried>> tried(questions.size());
  const auto try_for = [&](std::size_t q, std::span<const float> center) {
    const Best best = best_size(order, questions[q], settings);
    if (best.size > 0) tried[q].push_back({best.evidence, {center.begin(), center.end()}});
  };
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto center = points.row(asked[i].first);
    if (i == 0 || asked[i].first != asked[i - 1].first) order.look_from(center);
    try_for(asked[i].second, center);
  }
  for (std::size_t m = 0; m < extra_centers.rows; ++m) {
    if (!is_finite(extra_centers.row(m))) continue;
    order.look_from(extra_centers.row(m));
    for (std::size_t q = 0; q < questions.size(); ++q) try_for(q, extra_centers.row(m));
  }

  const ClassShape shape(points, usable);
  std::vector<std::vector<ScanBall>> found;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    for (const auto& center : grown_centers(points, shape, order, questions[q], tried[q], settings)) {
      if (!is_finite(center)) continue;
      order.look_from(center);
      try_for(q, center);
    }
    found.push_back(pick(points, order, questions[q], std::move(tried[q]), settings));
  }
  return found;
}

double overlap_coefficient(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  if (a.empty() || b.empty()) return 0;
  std::size_t shared = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j])
      ++shared, ++i, ++j;
    else if (a[i] < b[j])
      ++i;
    else
      ++j;
  }
  return static_cast<double>(shared) / static_cast<double>(std::min(a.size(), b.size()));
}

}  // namespace defuse
