#include "core/regions/novelty.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/random.h"

namespace defuse {
namespace {

constexpr std::array kQuantiles{0.05, 0.25, 0.50, 0.75, 0.95};

// A space with the unit of each of its axes.
struct Scaled {
  const Matrix* points = nullptr;
  std::vector<double> unit;  // [d]

  double distance(std::span<const double> from, std::uint32_t seed) const {
    double sum = 0;
    const auto to = points->row(seed);
    for (std::size_t j = 0; j < unit.size(); ++j) {
      const double difference = (from[j] - static_cast<double>(to[j])) / unit[j];
      sum += difference * difference;
    }
    return std::sqrt(sum);
  }
};

// As the search scales them (region_station.cc).
std::vector<double> deviations(const Matrix& points) {
  const auto n = static_cast<double>(points.rows);
  std::vector<double> unit;
  for (std::size_t j = 0; j < points.cols; ++j) {
    double mean = 0, square = 0;
    for (std::size_t i = 0; i < points.rows; ++i) {
      const auto x = static_cast<double>(points.row(i)[j]);
      mean += x / n;
      square += x * x / n;
    }
    unit.push_back(std::sqrt(std::max(square - mean * mean, 1e-12)));
  }
  return unit;
}

const Matrix* points_of(Space space, const NoveltyInput& input) {
  switch (space) {
    case Space::codes:
      return &input.probes.codes;
    case Space::candidate_embedding:
      return &input.candidate.embeddings;
    case Space::incumbent_embedding:
      return input.incumbent != nullptr ? &input.incumbent->embeddings : nullptr;
    case Space::image_statistics:
      return &input.probes.statistics;
  }
  return nullptr;
}

Scaled space_of(Space space, const NoveltyInput& input) {
  const Matrix* points = points_of(space, input);
  if (points == nullptr || points->empty() || points->rows != input.probes.seeds.size()) return {};
  return {points, space == Space::image_statistics ? deviations(*points) : std::vector<double>(points->cols, 1.0)};
}

std::vector<double> middle_of(const Region& region, const Matrix& points) {
  std::vector<double> middle(points.cols, 0);
  for (const auto& member : region.members)
    for (std::size_t j = 0; j < middle.size(); ++j)
      middle[j] += static_cast<double>(points.row(member.seed)[j]) / static_cast<double>(region.members.size());
  return middle;
}

using Found = std::pair<double, std::uint32_t>;  // distance, seed

std::vector<RegionNeighbour> described(std::vector<Found> found, const NoveltyInput& input) {
  const auto shown = std::min(found.size(), kNeighboursShown);
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(shown), found.end());
  std::vector<RegionNeighbour> out;
  for (const auto& [distance, s] : std::span(found).first(shown)) {
    const Seed& seed = input.probes.seeds[s];
    out.push_back({{.kind = ImageKind::real,
                    .split = seed.split,
                    .index = seed.index,
                    .draw = -1,
                    .candidate_predicted = input.candidate.real[s],
                    .incumbent_predicted = input.incumbent != nullptr ? input.incumbent->real[s] : -1,
                    .picture = {}},
                   seed.label,
                   distance});
  }
  return out;
}

// Ascending distances of random pairs of different training seeds.
std::vector<double> pairs_of(const Scaled& space, const NoveltyInput& input) {
  std::vector<std::uint32_t> training;
  for (std::uint32_t s = 0; s < input.probes.seeds.size(); ++s)
    if (input.probes.seeds[s].split == Split::train) training.push_back(s);
  std::vector<double> distances;
  if (training.size() < 2) return distances;
  RandomStream random(input.seed, /*a=*/0x70616972);
  std::vector<double> from(space.unit.size());
  for (int pair = 0; pair < kNoveltyPairs; ++pair) {
    const auto a = random.below(training.size());
    const auto b = (a + 1 + random.below(training.size() - 1)) % training.size();
    const auto row = space.points->row(training[a]);
    std::copy(row.begin(), row.end(), from.begin());
    distances.push_back(space.distance(from, training[b]));
  }
  std::sort(distances.begin(), distances.end());
  return distances;
}

}  // namespace

std::optional<RegionNovelty> novelty_of(const Region& region, const NoveltyInput& input) {
  const auto space = space_of(region.space, input);
  if (space.points == nullptr || region.members.empty()) return std::nullopt;
  const auto middle = middle_of(region, *space.points);
  std::vector<Found> all, wrong;
  for (std::uint32_t s = 0; s < input.probes.seeds.size(); ++s) {
    const Seed& seed = input.probes.seeds[s];
    const double distance = space.distance(middle, s);
    if (!std::isfinite(distance)) continue;
    all.emplace_back(distance, s);
    if (seed.split == Split::train && input.candidate.real[s] != seed.label) wrong.emplace_back(distance, s);
  }
  RegionNovelty novelty;
  novelty.nearest = described(std::move(all), input);
  novelty.nearest_wrong = described(std::move(wrong), input);
  const auto pairs = pairs_of(space, input);
  if (pairs.empty()) return novelty;
  for (const double q : kQuantiles)
    novelty.pair_distances.push_back(pairs[static_cast<std::size_t>(q * static_cast<double>(pairs.size() - 1))]);
  if (!novelty.nearest_wrong.empty()) {
    const auto farther = pairs.end() - std::upper_bound(pairs.begin(), pairs.end(), novelty.nearest_wrong[0].distance);
    novelty.farther_pairs = static_cast<double>(farther) / static_cast<double>(pairs.size());
  }
  return novelty;
}

}  // namespace defuse
