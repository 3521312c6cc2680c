#include "core/map/latent_map.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/base/random.h"
#include "core/numerics/principal.h"

namespace defuse {

std::vector<std::uint32_t> choose_shown(const ProbeSet& probes, std::size_t most, std::uint64_t seed) {
  // In an order of its own for each label, the r-th of m comes at r / m: whatever is taken first is in proportion.
  std::map<std::int32_t, std::vector<std::uint32_t>> by_label;
  for (std::uint32_t s = 0; s < probes.seeds.size(); ++s) by_label[probes.seeds[s].label].push_back(s);
  const auto mixed = [&](std::uint32_t s) { return mix64(seed ^ mix64(s + 0x6d6170ULL)); };
  struct Place {
    double at;
    std::uint32_t seed;
  };
  std::vector<Place> order;
  for (auto& [label, seeds] : by_label) {
    std::sort(seeds.begin(), seeds.end(), [&](auto a, auto b) { return mixed(a) < mixed(b); });
    for (std::size_t r = 0; r < seeds.size(); ++r)
      order.push_back({static_cast<double>(r) / static_cast<double>(seeds.size()), seeds[r]});
  }
  std::stable_sort(order.begin(), order.end(), [](const Place& a, const Place& b) { return a.at < b.at; });
  std::vector<std::uint32_t> shown;
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) shown.push_back(order[i].seed);
  std::sort(shown.begin(), shown.end());
  return shown;
}

namespace {

Matrix rows_of(const Matrix& all, const std::vector<std::uint32_t>& rows) {
  Matrix out(rows.size(), all.cols);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(all.row(rows[i]).begin(), all.row(rows[i]).end(), out.row(i).begin());
  return out;
}

// t-SNE from the principal components, shrunken to 1e-4 along the first: neighbours far apart stay so more often than
// from noise (Kobak & Berens, Nature Communications 2019).
std::vector<double> start_of(const std::vector<float>& pca) {
  const std::size_t points = pca.size() / 2;
  double square = 0;
  for (std::size_t i = 0; i < pca.size(); i += 2) square += static_cast<double>(pca[i]) * static_cast<double>(pca[i]);
  const double deviation = std::sqrt(square / static_cast<double>(points));
  std::vector<double> start;
  for (const float v : pca) start.push_back(deviation > 0 ? 1e-4 * static_cast<double>(v) / deviation : 0);
  return start;
}

}  // namespace

Result<LatentMap> latent_map(const ProbeSet& probes, std::size_t most, std::uint64_t seed, const Spread& spread,
                             const std::function<bool()>& go_on) {
  const auto& codes = probes.codes;
  if (codes.rows < 2 || codes.cols < 1) return fail(ErrorCode::invalid_input, "there are no codes to draw a map of");
  if (!std::all_of(codes.data.begin(), codes.data.end(), [](float v) { return std::isfinite(v); }))
    return fail(ErrorCode::invalid_input, "a code of the map is not finite");
  bool differ = false;
  for (std::size_t i = 1; i < codes.rows && !differ; ++i)
    differ = !std::equal(codes.row(i).begin(), codes.row(i).end(), codes.row(0).begin());
  if (!differ) return fail(ErrorCode::invalid_input, "all codes are the same");
  LatentMap map;
  map.seeds = choose_shown(probes, most, seed);
  std::vector<std::uint32_t> all(codes.rows);
  std::iota(all.begin(), all.end(), 0U);
  const auto axes = principal_axes(codes, all, codes.cols);
  const double total = std::accumulate(axes.variances.begin(), axes.variances.end(), 0.0);
  map.pca_share = (axes.variances[0] + (axes.size() > 1 ? axes.variances[1] : 0)) / total;
  for (const auto s : map.seeds) {
    const auto place = axes.project(codes.row(s));
    map.pca.push_back(static_cast<float>(place[0]));
    map.pca.push_back(place.size() > 1 ? static_cast<float>(place[1]) : 0);
  }
  const auto layout = tsne(rows_of(codes, map.seeds), start_of(map.pca), {.seed = seed}, spread, go_on);
  if (!layout) {
    map.tsne_problem = layout.error().message;
    return map;
  }
  for (const double v : layout->y) map.tsne.push_back(static_cast<float>(v));
  return map;
}

VersionMap version_map(const LatentMap& map, const ProbeSet& probes, const ProbeEvaluation& candidate,
                       const ProbeEvaluation* incumbent, const std::vector<Region>& regions) {
  VersionMap out;
  out.pca_share = map.pca_share;
  out.tsne = !map.tsne.empty();
  out.tsne_problem = map.tsne_problem;
  out.seeds = static_cast<std::int64_t>(probes.seeds.size());
  std::vector<std::int32_t> region_of(probes.seeds.size(), -1);
  for (std::size_t r = regions.size(); r-- > 0;)
    for (const auto& member : regions[r].members) region_of[member.seed] = static_cast<std::int32_t>(r);
  for (std::size_t i = 0; i < map.seeds.size(); ++i) {
    const auto s = map.seeds[i];
    const Seed& seed = probes.seeds[s];
    MapPoint point{.pca_x = map.pca[2 * i],
                   .pca_y = map.pca[2 * i + 1],
                   .split = seed.split,
                   .index = seed.index,
                   .label = seed.label,
                   .candidate = candidate.real[s],
                   .incumbent = incumbent != nullptr ? incumbent->real[s] : -1,
                   .region = region_of[s]};
    if (out.tsne) {
      point.tsne_x = map.tsne[2 * i];
      point.tsne_y = map.tsne[2 * i + 1];
    }
    out.points.push_back(point);
  }
  return out;
}

}  // namespace defuse
