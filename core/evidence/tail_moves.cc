#include "core/evidence/tail_moves.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

namespace defuse {
namespace {

constexpr std::size_t kLeastImages = 10;  // of a class; fewer say nothing about directions
constexpr double kFlat = 1e-6;            // a statistic that varies less within a class has no direction

// Means and standard deviations of the columns over some rows.
struct Spread {
  std::vector<double> mean, deviation;
};

Spread spread_of(const Matrix& values, std::span<const std::uint32_t> rows) {
  Spread out{std::vector<double>(values.cols), std::vector<double>(values.cols)};
  const auto n = static_cast<double>(rows.size());
  for (const auto i : rows)
    for (std::size_t j = 0; j < values.cols; ++j) out.mean[j] += static_cast<double>(values.row(i)[j]) / n;
  for (const auto i : rows)
    for (std::size_t j = 0; j < values.cols; ++j) {
      const double step = static_cast<double>(values.row(i)[j]) - out.mean[j];
      out.deviation[j] += step * step / n;
    }
  for (double& v : out.deviation) v = std::sqrt(v);
  return out;
}

}  // namespace

TailMoves tail_moves(const ProbeSet& probes) {
  const std::size_t statistics = probes.statistics.cols;
  std::size_t classes = 0;
  for (const Seed& seed : probes.seeds) classes = std::max(classes, static_cast<std::size_t>(seed.label) + 1);
  std::vector<std::vector<std::uint32_t>> of_class(classes);
  for (std::uint32_t i = 0; i < probes.seeds.size(); ++i)
    of_class[static_cast<std::size_t>(probes.seeds[i].label)].push_back(i);

  TailMoves out;
  out.slopes = Matrix(classes * statistics, probes.codes.cols);
  out.axes.assign(probes.seeds.size() * kTailRanks, 0);
  for (std::size_t c = 0; c < classes; ++c) {
    const auto& rows = of_class[c];
    if (rows.size() < kLeastImages) continue;
    const Spread of_statistics = spread_of(probes.statistics, rows);
    const Spread of_codes = spread_of(probes.codes, rows);
    std::vector<double> slopes(statistics * probes.codes.cols);
    std::vector<std::pair<double, std::int32_t>> extreme(statistics);
    for (const auto i : rows) {
      for (std::size_t t = 0; t < statistics; ++t) {
        const double deviation = of_statistics.deviation[t];
        const double z = deviation > kFlat
                             ? (static_cast<double>(probes.statistics.row(i)[t]) - of_statistics.mean[t]) / deviation
                             : 0;
        const auto axis = static_cast<std::int32_t>(c * statistics + t) + 1;
        extreme[t] = {std::abs(z), z < 0 ? -axis : axis};
        for (std::size_t j = 0; j < probes.codes.cols; ++j)
          slopes[t * probes.codes.cols + j] +=
              z * (static_cast<double>(probes.codes.row(i)[j]) - of_codes.mean[j]) / static_cast<double>(rows.size());
      }
      std::partial_sort(extreme.begin(),
                        extreme.begin() + static_cast<std::ptrdiff_t>(std::min(kTailRanks, statistics)), extreme.end(),
                        [](const auto& a, const auto& b) { return a > b; });
      for (std::size_t r = 0; r < std::min(kTailRanks, statistics); ++r)
        out.axes[i * kTailRanks + r] = extreme[r].first > 0 ? extreme[r].second : 0;
    }
    for (std::size_t k = 0; k < slopes.size(); ++k)
      out.slopes.data[c * statistics * probes.codes.cols + k] = static_cast<float>(slopes[k]);
  }
  return out;
}

std::vector<float> tail_of(const ProbeSet& probes, std::size_t seed, int rank) {
  std::vector<float> out(probes.codes.cols, 0.0F);
  const std::size_t at = seed * kTailRanks + static_cast<std::size_t>(rank);
  if (at >= probes.tails.axes.size() || probes.tails.axes[at] == 0) return out;
  const std::int32_t axis = probes.tails.axes[at];
  const auto slope = probes.tails.slopes.row(static_cast<std::size_t>(std::abs(axis)) - 1);
  std::transform(slope.begin(), slope.end(), out.begin(), [&](float v) { return axis < 0 ? -v : v; });
  return out;
}

}  // namespace defuse
