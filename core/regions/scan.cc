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
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "core/base/random.h"
#include "core/regions/neighbourhood.h"
#include "core/regions/shapes.h"

namespace defuse {
namespace {

// One question in the places of a neighbourhood: who bears a score, and the few whose score moves a sum.
struct Asked {
  std::size_t audience = 0;                              // index of the places that bear a score
  std::vector<std::pair<std::uint32_t, double>> moving;  // place, score; not zero
};

// The class around one centre after another. What questions with the same scored seeds share is found once a centre.
class Order {
 public:
  Order(Neighbourhood& near, std::span<const ScanQuestion> questions, std::span<const int> sizes)
      : near_(near), sizes_(sizes) {
    for (const ScanQuestion& question : questions) {
      std::vector<std::uint32_t> places;
      Asked asked;
      for (std::uint32_t place = 0; place < near.size(); ++place) {
        const double score = question.score[near.seeds()[place]];
        if (std::isnan(score)) continue;
        places.push_back(place);
        if (score != 0) asked.moving.emplace_back(place, score);
      }
      const auto same = std::find(audiences_.begin(), audiences_.end(), places);
      asked.audience = static_cast<std::size_t>(same - audiences_.begin());
      if (same == audiences_.end()) audiences_.push_back(std::move(places));
      asked_.push_back(std::move(asked));
    }
    reach_.resize(audiences_.size());
    fresh_.resize(audiences_.size());
  }

  void look_from(std::span<const float> center) {
    near_.look_from(center);
    std::fill(fresh_.begin(), fresh_.end(), false);
  }

  // The neighbour at each size, among the seeds that bear a score for this question.
  const std::vector<NearKey>& reach(std::size_t question) {
    const std::size_t audience = asked_[question].audience;
    if (!fresh_[audience]) near_.reach(audiences_[audience], sizes_, reach_[audience]);
    fresh_[audience] = true;
    return reach_[audience];
  }

  // The seeds whose score is not zero, nearest first, as far as `last`.
  const std::vector<std::pair<NearKey, double>>& moving(std::size_t question, NearKey last) {
    moving_.clear();
    for (const auto& [place, score] : asked_[question].moving) {
      const NearKey key = near_.key(place);
      if (key <= last) moving_.emplace_back(key, score);
    }
    std::sort(moving_.begin(), moving_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return moving_;
  }

  // Seeds with a score as far as `last`, ascending.
  std::vector<std::uint32_t> members(std::size_t question, NearKey last) const {
    std::vector<std::uint32_t> out;
    for (const std::uint32_t place : audiences_[asked_[question].audience]) {
      if (near_.key(place) <= last) out.push_back(near_.seeds()[place]);
    }
    return out;
  }

  // The `count` nearest seeds with a positive score, nearest first.
  std::vector<std::uint32_t> nearest_positive(std::size_t question, std::size_t count) const {
    std::vector<std::pair<NearKey, std::uint32_t>> found;
    for (const auto& [place, score] : asked_[question].moving) {
      if (score > 0) found.emplace_back(near_.key(place), near_.seeds()[place]);
    }
    count = std::min(count, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end());
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(found[i].second);
    return out;
  }

 private:
  Neighbourhood& near_;
  std::span<const int> sizes_;
  std::vector<Asked> asked_;
  std::vector<std::vector<std::uint32_t>> audiences_;  // places, ascending
  std::vector<std::vector<NearKey>> reach_;            // by audience
  std::vector<bool> fresh_;
  std::vector<std::pair<NearKey, double>> moving_;
};

struct Best {
  double evidence = -1;
  int size = 0;
  NearKey reach;  // of the last member
};

// What a centre is asked, with the question's number in the order.
struct Question {
  const ScanQuestion& of;
  std::size_t index;
};

Best best_size(Order& order, const Question& question, const ScanSettings& settings) {
  Best best;
  const auto& reach = order.reach(question.index);
  if (reach.empty()) return best;
  const auto& moving = order.moving(question.index, reach.back());
  double sum = 0;
  std::size_t next = 0;
  for (std::size_t s = 0; s < reach.size(); ++s) {
    for (; next < moving.size() && moving[next].first <= reach[s]; ++next) sum += moving[next].second;
    const double evidence = log_evidence(sum, settings.sizes[s], question.of.limit);
    if (evidence > best.evidence) best = {evidence, settings.sizes[s], reach[s]};
  }
  return best;
}

ScanBall ball_of(Order& order, const Question& question, const Best& best, std::span<const float> center) {
  ScanBall ball;
  ball.center.assign(center.begin(), center.end());
  ball.radius = std::sqrt(best.reach.squared());
  ball.evidence = best.evidence;
  if (best.size > 0) ball.members = order.members(question.index, best.reach);
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

struct Tried {
  Best best;
  std::vector<float> center;
};

// The ball that was tried, then around the mean of its scoring members as long as that raises the evidence.
ScanBall refined_ball(const Matrix& points, Order& order, const Tried& tried, const Question& question,
                      const ScanSettings& settings) {
  order.look_from(tried.center);
  ScanBall ball = ball_of(order, question, tried.best, tried.center);
  for (int step = 0; step < settings.refinements; ++step) {
    const auto mean = mean_of_scoring(points, ball, question.of.score);
    if (!mean || !is_finite(*mean)) break;
    order.look_from(*mean);
    const Best moved = best_size(order, question, settings);
    if (moved.evidence <= ball.evidence) break;
    ball = ball_of(order, question, moved, *mean);
  }
  return ball;
}

void sort_by_evidence(std::vector<Tried>& tried) {
  std::stable_sort(tried.begin(), tried.end(),
                   [](const Tried& a, const Tried& b) { return a.best.evidence > b.best.evidence; });
}

bool overlaps_any(const std::vector<ScanBall>& taken, const ScanBall& ball) {
  return std::any_of(taken.begin(), taken.end(),
                     [&](const ScanBall& t) { return overlap_coefficient(t.members, ball.members) >= 0.5; });
}

std::vector<ScanBall> pick(const Matrix& points, Order& order, const Question& question, std::vector<Tried> tried,
                           const ScanSettings& settings) {
  sort_by_evidence(tried);
  std::vector<ScanBall> taken;
  for (std::size_t i = 0; i < tried.size() && i < settings.look_at && taken.size() < question.of.keep; ++i) {
    if (tried[i].best.evidence < settings.least_evidence) break;
    ScanBall ball = refined_ball(points, order, tried[i], question, settings);
    if (!overlaps_any(taken, ball)) taken.push_back(std::move(ball));
  }
  std::stable_sort(taken.begin(), taken.end(),
                   [](const ScanBall& a, const ScanBall& b) { return a.evidence > b.evidence; });
  return taken;
}

// The mean of the `count` scoring seeds that come first in the order.
std::vector<double> middle_of_first(const Matrix& points, const Order& order, const Question& question,
                                    std::size_t count) {
  std::vector<double> sum(points.cols, 0.0);
  double weight = 0;
  for (const std::uint32_t seed : order.nearest_positive(question.index, count)) {
    const double score = question.of.score[seed];
    weight += score;
    const auto point = points.row(seed);
    for (std::size_t j = 0; j < point.size(); ++j) sum[j] += score * static_cast<double>(point[j]);
  }
  for (double& v : sum) v /= weight;
  return sum;
}

// Centres grown from the middles of groups of scoring seeds: all of the class's, and those around the most promising
// centres.
std::vector<std::vector<float>> grown_centers(const Matrix& points, const ClassShape& shape, Order& order,
                                              const Question& question, std::vector<Tried> tried,
                                              const ScanSettings& settings) {
  std::vector<std::vector<float>> grown;
  const auto grow = [&](std::size_t count) {
    for (auto& center : shape.grow(middle_of_first(points, order, question, count))) grown.push_back(std::move(center));
  };
  sort_by_evidence(tried);
  std::vector<ScanBall> anchors;
  for (std::size_t i = 0; i < tried.size() && i < settings.look_at && anchors.size() < settings.anchors; ++i) {
    order.look_from(tried[i].center);
    ScanBall ball = ball_of(order, question, tried[i].best, tried[i].center);
    if (overlaps_any(anchors, ball)) continue;
    anchors.push_back(std::move(ball));
    if (anchors.size() == 1) grow(question.of.centers.size());
    for (const int group : settings.groups) {
      if (static_cast<std::size_t>(group) < question.of.centers.size()) grow(static_cast<std::size_t>(group));
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

ClassSpace::ClassSpace(const Matrix& points, std::span<const std::uint32_t> seeds) : points_(points), seeds_(seeds) {
  std::copy_if(seeds.begin(), seeds.end(), std::back_inserter(usable_),
               [&](std::uint32_t s) { return is_finite(points.row(s)); });
}

Neighbourhood& ClassSpace::near() {
  if (!near_) near_.emplace(points_, usable_);
  return *near_;
}

const ClassShape& ClassSpace::shape() {
  if (!shape_) shape_.emplace(points_, usable_);
  return *shape_;
}

std::vector<std::vector<ScanBall>> scan_balls(ClassSpace& space, std::span<const ScanQuestion> questions,
                                              const ScanSettings& settings) {
  const Matrix& points = space.points();
  // Which questions each seed is a centre for, so that its surroundings are measured once.
  std::vector<std::pair<std::uint32_t, std::size_t>> asked;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    for (const std::uint32_t seed : questions[q].centers) {
      if (is_finite(points.row(seed))) asked.emplace_back(seed, q);
    }
  }
  std::set<const Matrix*> extra;
  for (const ScanQuestion& question : questions) {
    if (question.extra_centers != nullptr && question.extra_centers->rows > 0) extra.insert(question.extra_centers);
  }
  if (asked.empty() && extra.empty()) return std::vector<std::vector<ScanBall>>(questions.size());
  std::sort(asked.begin(), asked.end());
  Order order(space.near(), questions, settings.sizes);

  std::vector<std::vector<Tried>> tried(questions.size());
  const auto try_for = [&](std::size_t q, std::span<const float> center) {
    const Best best = best_size(order, {questions[q], q}, settings);
    if (best.size > 0) tried[q].push_back({best, {center.begin(), center.end()}});
  };
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto center = points.row(asked[i].first);
    if (i == 0 || asked[i].first != asked[i - 1].first) order.look_from(center);
    try_for(asked[i].second, center);
  }
  for (const Matrix* centers : extra) {
    for (std::size_t m = 0; m < centers->rows; ++m) {
      if (!is_finite(centers->row(m))) continue;
      order.look_from(centers->row(m));
      for (std::size_t q = 0; q < questions.size(); ++q) {
        if (questions[q].extra_centers == centers) try_for(q, centers->row(m));
      }
    }
  }

  std::vector<std::vector<ScanBall>> found;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const Question question{questions[q], q};
    if (!questions[q].centers.empty() && !tried[q].empty()) {
      for (const auto& center : grown_centers(points, space.shape(), order, question, tried[q], settings)) {
        if (!is_finite(center)) continue;
        order.look_from(center);
        try_for(q, center);
      }
    }
    found.push_back(pick(points, order, question, std::move(tried[q]), settings));
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
