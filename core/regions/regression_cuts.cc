// Source: methods "gate quality", lessons 5, 6 and 8.
#include "core/regions/regression_cuts.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "core/regions/half_spaces.h"
#include "core/regions/regressions.h"
#include "core/regions/scan.h"

namespace defuse {
namespace {

// The scan asks for a mean above this share of the limit; what is confirmed must exceed all of it. A region that also
// holds some of a pocket's surroundings has more unseen seeds to be confirmed with.
constexpr double kScanLimit = 0.5;
// Yet at a low limit the strongest evidence is that of a region most of which is surroundings: people should be shown
// the bug.
constexpr double kLeastScanLimit = 0.10;

// Points that bear evidence of one kind, with a value for each measure of it.
struct Rows {
  Matrix points;
  std::array<std::vector<double>, kRegressionKinds.size()> value;  // by kind; empty where it is not wanted
  std::vector<std::uint32_t> group;
  std::vector<std::int32_t> kind;  // what the candidate says

  void add(std::span<const float> point, std::uint32_t seed, std::int32_t predicted) {
    points.cols = point.size();
    points.data.insert(points.data.end(), point.begin(), point.end());
    ++points.rows;
    group.push_back(seed);
    kind.push_back(predicted);
  }
};

class Finder {
 public:
  Finder(const SearchView& view, const KindScores& score)
      : view_(view), draws_(static_cast<std::size_t>(view.input.probes->draws)), score_(score) {}

  std::vector<ScanQuestion> questions(std::span<const std::uint32_t> seeds) const {
    std::vector<ScanQuestion> out;
    for (const std::size_t k : kinds_of_balls()) {
      ScanQuestion question{score_[k], promising_centers(score_[k], seeds), scan_limit(k)};
      question.keep = 1;
      out.push_back(std::move(question));
    }
    return out;
  }

  void look(std::size_t space, ClassSpace& of_class, std::span<const std::vector<ScanBall>> balls, Cuts& best) const {
    take_balls(space, of_class, balls, best);
    if (!view_.settings.shapes.half_spaces) return;
    half_spaces_of_seeds(space, of_class, best);
    if (view_.input.spaces[space].draws) half_spaces_of_draws(space, of_class.seeds(), best);
  }

 private:
  double scan_limit(std::size_t k) const {
    return std::max(kLeastScanLimit, kScanLimit * limit_of(view_.settings, kRegressionKinds[k].measure));
  }
  bool wanted(std::size_t k) const {
    const auto& shapes = view_.settings.shapes;
    return kRegressionKinds[k].evidence == ImageKind::real ? shapes.real
                                                           : shapes.generated && view_.input.generated_usable;
  }

  static void keep_better(std::optional<Cut>& best, Cut cut) {
    if (cut.evidence > 0 && (!best || cut.evidence > best->evidence)) best = std::move(cut);
  }

  std::vector<std::size_t> kinds_of_balls() const {
    std::vector<std::size_t> kinds;
    for (std::size_t k = 0; k < kRegressionKinds.size(); ++k) {
      if (view_.settings.shapes.balls && wanted(k)) kinds.push_back(k);
    }
    return kinds;
  }

  void take_balls(std::size_t space, const ClassSpace& of_class, std::span<const std::vector<ScanBall>> balls,
                  Cuts& best) const {
    const auto kinds = kinds_of_balls();
    for (std::size_t q = 0; q < kinds.size(); ++q) {
      if (balls[q].empty()) continue;
      const ScanBall& ball = balls[q].front();
      // A ball was chosen among many for what these very seeds show; a half-space's evidence is that of unseen ones.
      // What choosing among m windows gains is about ln m nats.
      const std::size_t centers = promising_centers(score_[kinds[q]], of_class.seeds()).size();
      const double chosen_among = std::log(static_cast<double>(centers * view_.settings.neighbourhood.size() + 1));
      keep_better(best[kinds[q]], {.draws = false,
                                   .space = space,
                                   .half_space = false,
                                   .vector = ball.center,
                                   .limit = ball.radius * ball.radius,
                                   .evidence = ball.evidence - chosen_among});
    }
  }

  std::vector<std::size_t> wanted_kinds(ImageKind evidence) const {
    std::vector<std::size_t> kinds;
    for (std::size_t k = 0; k < kRegressionKinds.size(); ++k) {
      if (kRegressionKinds[k].evidence == evidence && wanted(k)) kinds.push_back(k);
    }
    return kinds;
  }

  // Measures of one kind of evidence are asked of the same seeds: a seed bears all of them or none.
  void half_spaces_of_seeds(std::size_t space, ClassSpace& of_class, Cuts& best) const {
    for (const ImageKind evidence : {ImageKind::real, ImageKind::generated}) {
      const auto kinds = wanted_kinds(evidence);
      if (kinds.empty()) continue;
      Rows rows;
      for (const std::uint32_t s : of_class.usable()) {
        if (std::isnan(score_[kinds.front()][s])) continue;
        rows.add(of_class.points().row(s), s, view_.input.candidate->real[s]);
        for (const std::size_t k : kinds) rows.value[k].push_back(score_[k][s]);
      }
      const bool whole_class = rows.points.rows == of_class.usable().size();
      take_half_spaces(rows, kinds, space, /*draws=*/false, whole_class ? &of_class : nullptr, best);
    }
  }

  void half_spaces_of_draws(std::size_t space, std::span<const std::uint32_t> seeds, Cuts& best) const {
    const auto kinds = wanted_kinds(ImageKind::generated);
    if (kinds.empty()) return;
    Rows rows;
    Matrix codes;
    for (const std::uint32_t s : seeds) {
      if (!view_.observations.generated[s].usable) continue;
      view_.input.spaces[space].draws(s, codes);
      for (std::size_t q = 0; q < draws_; ++q) {
        const DrawObservation& o = view_.observations.draws[s * draws_ + q];
        if (!o.usable) continue;
        rows.add(codes.row(q), s, view_.input.candidate->perturbed[s * draws_ + q]);
        for (const std::size_t k : kinds) rows.value[k].push_back(net_of(o, kRegressionKinds[k].measure));
      }
    }
    take_half_spaces(rows, kinds, space, /*draws=*/true, nullptr, best);
  }

  void take_half_spaces(const Rows& rows, const std::vector<std::size_t>& kinds, std::size_t space, bool draws,
                        ClassSpace* whole_class, Cuts& best) const {
    std::optional<ClassShape> own;
    for (const std::size_t k : kinds) {
      const auto& value = rows.value[k];
      // Without a point that speaks for a regression there is no direction to look in, and no shape to be found.
      if (std::none_of(value.begin(), value.end(), [](double v) { return v > 0; })) continue;
      const HalfSpaceSettings settings{.limit = scan_limit(k)};
      if (whole_class == nullptr && !own) own.emplace(rows.points);
      const ClassShape& shape = whole_class != nullptr ? whole_class->shape() : *own;
      auto found = best_half_space(rows.points, value, rows.group, rows.kind, settings, &shape);
      if (found)
        keep_better(best[k],
                    {draws, space, /*half_space=*/true, std::move(found->direction), found->cut, found->evidence});
      if (!view_.input.spaces[space].axes) continue;
      found = best_axis(rows.points, value, rows.group, settings);
      if (found)
        keep_better(best[k],
                    {draws, space, /*half_space=*/true, std::move(found->direction), found->cut, found->evidence});
    }
  }

  const SearchView& view_;
  std::size_t draws_;
  const KindScores& score_;
};

}  // namespace

double Cut::depth(std::span<const float> x) const {
  if (!half_space) return std::sqrt(limit) - std::sqrt(squared_distance(x, vector));
  return std::inner_product(x.begin(), x.end(), vector.begin(), -limit, std::plus<>(),
                            [](float a, float b) { return static_cast<double>(a) * static_cast<double>(b); });
}

double net_of(const SeedObservation& o, Measure measure) {
  if (!o.usable) return std::numeric_limits<double>::quiet_NaN();
  return measure == Measure::flips ? o.net : o.clear_net;
}
int net_of(const DrawObservation& o, Measure measure) { return measure == Measure::flips ? o.net : o.clear_net; }

KindScores scores_of(const SearchView& view) {
  KindScores score;
  for (std::size_t k = 0; k < kRegressionKinds.size(); ++k) {
    for (const SeedObservation& o : view.observations.of(kRegressionKinds[k].evidence))
      score[k].push_back(net_of(o, kRegressionKinds[k].measure));
  }
  return score;
}

std::vector<ScanQuestion> regression_questions(const SearchView& view, const KindScores& score,
                                               std::span<const std::uint32_t> seeds) {
  return Finder(view, score).questions(seeds);
}

void look_for_cuts(const SearchView& view, const KindScores& score, std::size_t space, ClassSpace& of_class,
                   std::span<const std::vector<ScanBall>> balls, Cuts& best) {
  Finder(view, score).look(space, of_class, balls, best);
}

}  // namespace defuse
