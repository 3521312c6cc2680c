// Source: methods "gate quality", lessons 3 to 6.
// 1. Observe: one number per seed and question, from its real image and from its plausible perturbations.
// 2. Scan (discovery half): per class, space, kind of image and question the best few balls (scan.h).
// 3. Freeze: per question the balls with the strongest evidence, at most max_regions; balls of one class and one kind
// of image that share half
//    of their members count once. Fixed before the confirmation half is looked at.
// 4. Confirm (confirmation half): tests and bounds at the family's level (confirm.h). Each question is a family of its
// own; only `worse`
//    can block, so only its family bears on the chance of a false block.
// 5. Merge what is the same bug (merge.h).
#include "core/regions/search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>
#include <utility>

#include "core/regions/confirm.h"
#include "core/regions/merge.h"
#include "core/regions/observations.h"
#include "core/regions/regressions.h"
#include "core/regions/scan.h"
#include "core/stats/excess.h"
#include "core/stats/intervals.h"

namespace defuse {
namespace {

// The scan asks for a mean score above this share of min_increase; what is confirmed must exceed all of it. Lower,
// because a ball that also holds some of the pocket's surroundings has more held-back images to be confirmed with.
constexpr double kScanLimit = 0.5;

double score_for(Question question, const SeedObservation& o) {
  if (!o.usable) return std::numeric_limits<double>::quiet_NaN();
  switch (question) {
    case Question::worse:
      return o.net;
    case Question::fails:
      return o.candidate_error;
    case Question::fixed:
      return -o.net;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

// One combination that is searched in every space and class.
struct Search {
  Question question = Question::worse;
  ImageKind evidence = ImageKind::real;
  std::vector<double> score;  // [seeds]
};

std::vector<Search> make_searches(const RegionSearchInput& input, const Observations& observations) {
  std::vector<Question> questions{Question::fails};
  if (input.incumbent != nullptr) questions = {Question::fails, Question::fixed};
  std::vector<Search> searches;
  for (const Question question : questions) {
    for (const ImageKind evidence : kImageKinds) {
      if (evidence == ImageKind::generated && !input.generated_usable) continue;
      Search search{question, evidence, {}};
      for (const SeedObservation& o : observations.of(evidence)) search.score.push_back(score_for(question, o));
      searches.push_back(std::move(search));
    }
  }
  return searches;
}

// Means of the components that hold error codes of these seeds.
Matrix mixture_centers(const MixtureCenters& mixture, const std::vector<std::uint32_t>& seeds) {
  std::vector<bool> wanted(mixture.means.rows, false);
  for (const std::uint32_t seed : seeds) {
    const int component = mixture.means.empty() ? -1 : mixture.component_of_seed[seed];
    if (component >= 0 && static_cast<std::size_t>(component) < wanted.size())
      wanted[static_cast<std::size_t>(component)] = true;
  }
  Matrix out(0, mixture.means.cols);
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    if (!wanted[k]) continue;
    const auto row = mixture.means.row(k);
    out.data.insert(out.data.end(), row.begin(), row.end());
    ++out.rows;
  }
  return out;
}

std::vector<Halves> seeds_by_class(const RegionSearchInput& input) {
  std::vector<Halves> out(static_cast<std::size_t>(input.classes));
  const auto& seeds = input.probes->seeds;
  for (std::uint32_t i = 0; i < seeds.size(); ++i)
    out[static_cast<std::size_t>(seeds[i].label)][seeds[i].half == Half::discover ? 0 : 1].push_back(i);
  return out;
}

// Mean errors of every class on the discovery half: what a region must exceed to be a weak spot. By [evidence][class].
std::vector<std::vector<ClassBase>> class_bases(const Observations& observations, const std::vector<Halves>& by_class) {
  std::vector<std::vector<ClassBase>> bases(kImageKinds.size(), std::vector<ClassBase>(by_class.size()));
  for (const ImageKind evidence : kImageKinds) {
    for (std::size_t c = 0; c < by_class.size(); ++c) {
      ClassBase& base = bases[static_cast<std::size_t>(evidence)][c];
      double n = 0;
      for (const std::uint32_t seed : by_class[c][0]) {
        const SeedObservation& o = observations.of(evidence)[seed];
        if (!o.usable) continue;
        n += 1;
        base.candidate_error += o.candidate_error;
        base.incumbent_error += o.incumbent_error;
      }
      if (n > 0) base = {base.candidate_error / n, base.incumbent_error / n};
    }
  }
  return bases;
}

double limit_for(const Search& search, const ClassBase& base, const RegionSearchSettings& settings) {
  const double limit = kScanLimit * settings.notable;
  return search.question == Question::fails ? std::min(base.candidate_error + limit, 0.95) : limit;
}

struct ClassFindings {
  std::vector<std::vector<FrozenRegion>> balls;  // by search
  std::vector<JudgedRegion> regressions;
};

// Everything that is asked of one class. The discovery half's weak spots and its regressions are looked for from mostly
// the same seeds, and so in one scan of each space; regressions are then looked for on the other half too.
class ClassSearch {
 public:
  ClassSearch(const SearchView& view, const std::vector<Search>& searches, const KindScores& score,
              const std::vector<std::vector<ClassBase>>& bases)
      : view_(view), searches_(searches), score_(score), bases_(bases) {
    scan_.sizes = view.settings.neighbourhood;
  }

  ClassFindings run(std::size_t label, const Halves& halves) const {
    ClassFindings out;
    out.balls.resize(searches_.size());
    Cuts first, second;
    look(halves[0], weak_spots(label, halves[0]), first, [&](std::size_t space, std::size_t search, ScanBall ball) {
      const Search& asked = searches_[search];
      out.balls[search].push_back(
          {asked.question, asked.evidence, space, static_cast<std::int32_t>(label), std::move(ball)});
    });
    if (view_.input.incumbent == nullptr) return out;
    look(halves[1], {}, second, [](std::size_t, std::size_t, const ScanBall&) {});
    out.regressions = judge_regressions(view_, static_cast<std::int32_t>(label), halves, first, second);
    return out;
  }

 private:
  std::vector<ScanQuestion> weak_spots(std::size_t label, const std::vector<std::uint32_t>& seeds) const {
    std::vector<ScanQuestion> questions;
    for (const Search& search : searches_) {
      const ClassBase& base = bases_[static_cast<std::size_t>(search.evidence)][label];
      questions.push_back(
          {search.score, promising_centers(search.score, seeds), limit_for(search, base, view_.settings)});
    }
    return questions;
  }

  // Hands the balls of `weak` to `take` and the best regressions to `cuts`, space by space.
  void look(const std::vector<std::uint32_t>& seeds, std::vector<ScanQuestion> weak, Cuts& cuts,
            const std::function<void(std::size_t, std::size_t, ScanBall)>& take) const {
    const std::size_t own = weak.size();
    std::vector<ScanQuestion> questions = std::move(weak);
    const bool compares = view_.input.incumbent != nullptr;
    if (compares) {
      auto more = regression_questions(view_, score_, seeds);
      std::move(more.begin(), more.end(), std::back_inserter(questions));
    }
    const Matrix middles = own > 0 ? mixture_centers(view_.input.mixture, seeds) : Matrix();
    for (std::size_t s = 0; s < view_.input.spaces.size(); ++s) {
      ClassSpace space(*view_.input.spaces[s].points, seeds);
      const bool of_codes = view_.input.spaces[s].name == Space::codes && middles.cols == space.points().cols;
      for (std::size_t q = 0; q < own; ++q) questions[q].extra_centers = of_codes ? &middles : nullptr;
      auto balls = scan_balls(space, questions, scan_);
      for (std::size_t q = 0; q < own; ++q) {
        for (ScanBall& ball : balls[q]) take(s, q, std::move(ball));
      }
      if (compares) look_for_cuts(view_, score_, s, space, std::span(balls).subspan(own), cuts);
    }
  }

  const SearchView& view_;
  const std::vector<Search>& searches_;
  const KindScores& score_;
  const std::vector<std::vector<ClassBase>>& bases_;
  ScanSettings scan_;
};

// Threads take classes as they come; what they find is by class, so that nothing depends on who was first.
std::vector<ClassFindings> search_classes(const SearchView& view, const ClassSearch& search,
                                          const std::vector<Halves>& by_class) {
  std::vector<ClassFindings> found(by_class.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t c = next++; c < by_class.size(); c = next++) found[c] = search.run(c, by_class[c]);
  };
  std::vector<std::jthread> helpers;
  const auto wanted = std::min(by_class.size(), static_cast<std::size_t>(std::max(1, view.settings.threads)));
  for (std::size_t t = 1; t < wanted; ++t) helpers.emplace_back(work);
  work();
  helpers.clear();  // waits
  return found;
}

// The regressions worth showing, class by class; every test made is handed to whoever listens.
std::vector<Region> take_regressions(const SearchView& view, std::vector<ClassFindings>& found) {
  std::vector<Region> shown;
  for (ClassFindings& of_class : found) {
    for (JudgedRegion& judged : of_class.regressions) {
      if (view.input.tests != nullptr) view.input.tests->push_back(test_of(judged));
      if (judged.shown) shown.push_back(std::move(judged.region));
    }
  }
  return shown;
}

// The family of one question, fixed by the discovery half alone.
std::vector<FrozenRegion> freeze(Question question, const std::vector<Search>& searches,
                                 std::vector<ClassFindings>& found, int max_regions) {
  std::vector<FrozenRegion> pool;
  for (std::size_t q = 0; q < searches.size(); ++q) {
    if (searches[q].question != question) continue;
    for (ClassFindings& of_class : found)
      std::move(of_class.balls[q].begin(), of_class.balls[q].end(), std::back_inserter(pool));
  }
  std::stable_sort(pool.begin(), pool.end(), [](const FrozenRegion& a, const FrozenRegion& b) {
    return a.ball.evidence != b.ball.evidence ? a.ball.evidence > b.ball.evidence
                                              : a.ball.members.size() > b.ball.members.size();
  });
  std::vector<FrozenRegion> family;
  for (FrozenRegion& candidate : pool) {
    if (family.size() == static_cast<std::size_t>(max_regions)) break;
    const bool known = std::any_of(family.begin(), family.end(), [&](const FrozenRegion& f) {
      return f.label == candidate.label && f.evidence == candidate.evidence &&
             overlap_coefficient(f.ball.members, candidate.ball.members) >= 0.5;
    });
    if (!known) family.push_back(std::move(candidate));
  }
  return family;
}

// Not confirmed, and not even repeated by the held-back images: a person's time is not for this. Where these are too
// few to test, the same rate among them counts as repeating.
bool is_noise(const Region& region, Question question, const SearchView& view, const ClassBase& base) {
  if (region.status != RegionStatus::suspected) return false;
  const RegionScore& score = region.confirm;
  if (question == Question::fails) return score.seeds < 2 || score.candidate_interval.lower <= base.candidate_error;
  if (score.seeds >= view.settings.min_support) return score.p_raw > kRepeats;
  const double net = question == Question::fixed ? -score.net_flip_rate : score.net_flip_rate;
  return score.seeds < 2 || net < view.settings.notable;
}

}  // namespace

Result<std::vector<Region>> search_regions(const RegionSearchInput& input, const RegionSearchSettings& settings) {
  TRY_OK(check_search_input(input, settings));
  const Observations observations = observe_seeds(input);
  const SearchView view{input, settings, observations};
  const auto by_class = seeds_by_class(input);
  const auto bases = class_bases(observations, by_class);
  const auto searches = make_searches(input, observations);
  const KindScores score = input.incumbent != nullptr ? scores_of(view) : KindScores{};
  auto found = search_classes(view, ClassSearch(view, searches, score, bases), by_class);

  std::vector<Region> all = take_regressions(view, found);
  for (const Question question : {Question::fails, Question::fixed}) {
    const auto family = freeze(question, searches, found, settings.max_regions);
    std::vector<Region> regions;
    for (const FrozenRegion& frozen : family) regions.push_back(measure_region(view, frozen));
    confirm_family(view, family, bases, regions);
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const ClassBase& base =
          bases[static_cast<std::size_t>(family[i].evidence)][static_cast<std::size_t>(family[i].label)];
      if (!is_noise(regions[i], question, view, base)) all.push_back(std::move(regions[i]));
    }
  }
  return merge_regions(std::move(all));
}

double smallest_detectable_share(std::int64_t seeds_of_class, int classes, const RegionSearchSettings& settings) {
  constexpr double kPower = 0.8;
  const double level = regression_level(settings, ImageKind::real, Measure::clear_flips, classes);
  std::int64_t needed = std::max<std::int64_t>(1, settings.min_support);
  while (needed <= seeds_of_class && excess_lower(needed, 0, needed, level) < settings.min_clear_increase) ++needed;
  if (seeds_of_class < needed) return std::numeric_limits<double>::quiet_NaN();
  // The share s with P(Bin(n, s) >= needed) = power: by definition Clopper and Pearson's upper bound for needed - 1 at
  // 1 - power.
  return clopper_pearson_upper(needed - 1, seeds_of_class, 1 - kPower);
}

}  // namespace defuse
