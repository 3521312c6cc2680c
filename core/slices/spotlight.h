// The Spotlight: the ball in an embedding space whose weighted mean loss is highest while it holds a share of all
// points. Called by the `spotlight` check's station and by the gate benchmark. Always finds something, whether there is
// a weakness or not: what it finds on one half of the data must be measured on another. Never decides anything. Pure,
// deterministic, thread-safe.
// Source: d'Eon, d'Eon, Wright, Leyton-Brown, "The Spotlight", FAccT 2022, arXiv:2107.00758; schedule as published with
// it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/result.h"

namespace defuse {

// When is a step of the (minimised) -O better, so that the learning rate stays? With `best` the best -O so far:
enum class PlateauRule {
  tolerant,   // below best + 1e-4 max(|best|, mean |l|): not worse by a ten-thousandth, whatever the sign
  strict,     // below best - 1e-4 |best|: better by a ten-thousandth
  published,  // below best (1 - 1e-4): tolerant for losses above 0, strict for those below
};
enum class SpotlightStart {
  published,  // mu = 0, tau = 1e-4
  data,       // mu = mean, tau = 1 / (2 mean |x - mean|^2)
};

// Defaults: the published runs on images.
struct SpotlightParameters {
  double share = 0.02;          // S / n, in (0, 1)
  double size = 0;              // S itself, in (0, n); 0 = share * n
  int steps = 5000;             // T
  double learning_rate = 1e-2;  // of Adam
  int patience = 10;            // steps without a better objective before the rate is cut
  double factor = 0.5;          // by which it is cut
  double barrier_scale = 1;     // s
  double barrier_end = 0;       // b_min; 0 = 0.05 S
  PlateauRule plateau = PlateauRule::tolerant;
  SpotlightStart start = SpotlightStart::published;
  int spotlights = 5;        // searched, one after another
  double max_overlap = 0.5;  // one whose Jaccard index with an earlier one exceeds this is dropped
};

// What the end state says about the search, gravest first.
enum class SpotlightState {
  converged,
  empty,           // no mass left, or not finite
  wrong_mass,      // W / S outside [1, 1.2]: not squeezed to the end, or lost
  half_space,      // over 80 % of the points inside: the ball is far larger than the data
  rate_collapsed,  // the learning rate fell to 1e-5 or below
  no_loss_left,    // no better than the mean over all
};
std::string_view to_string(SpotlightState state);
// "it kept 80 % of the points" and so on, for people; empty for `converged`.
std::string_view describe(SpotlightState state);

struct Spotlight {
  int order = 0;                       // 0 is the first that was searched; gaps are dropped duplicates
  std::vector<double> center;          // mu [d]
  double tau = 0;                      // precision
  double cut = 0;                      // k of the last member: {tau |x - mu|^2 <= 1 - cut} is the slice, anywhere
  std::vector<std::uint32_t> members;  // rows, heaviest first, at most round(S); ties by row
  double mass = 0;                     // W at the end
  double size = 0;                     // S
  double mean_loss = 0;                // weighted, in the losses this one was searched on
  double start_loss = 0;               // plain mean of the same
  double support = 0;                  // share of points with k > 0
  double rate = 0;                     // learning rate at the end
  SpotlightState state = SpotlightState::converged;

  double weight(std::span<const float> point) const;  // k
  bool contains(std::span<const float> point) const;
};

// Among `rows` of points [., d], with one loss per row of `points` (any finite number; differences of losses are fine).
// Rows with a value or loss that is not finite are left out. `invalid_input` for fewer than 2 usable rows or parameters
// out of range.
Result<std::vector<Spotlight>> find_spotlights(const Matrix& points, std::span<const std::uint32_t> rows,
                                               std::span<const double> loss, const SpotlightParameters& parameters);

// --- the parts, for tests ---

// b_t = (n - S) (b_min / (n - S))^(t / (T - 1)).
double spotlight_slack(double n, double size, double end, int step, int steps);

struct SpotlightStep {
  int step = 0;  // from 1
  double slack = 0;
  double objective = 0;            // before the update
  double mass = 0;                 // before the update
  std::span<const double> center;  // after it
  double log_tau = 0;              // after it
  double rate = 0;                 // after it
};
// One search in double precision; `watch` sees every step.
Spotlight find_one_spotlight(std::span<const double> points, std::span<const double> loss,
                             const SpotlightParameters& parameters,
                             const std::function<void(const SpotlightStep&)>& watch = {});

}  // namespace defuse
