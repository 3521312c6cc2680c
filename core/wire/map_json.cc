// JSON forms of the confusion counts and of a version's map. A map's points travel as parallel lists of numbers: there
// may be thousands.
#include <algorithm>
#include <cmath>

#include "core/wire/json_fields.h"

namespace defuse {
namespace {

// Of a whole matrix of 100 classes, with answers that are none.
constexpr std::size_t kMaxCells = std::size_t{10'201} * 2;
constexpr std::size_t kMaxPoints = std::size_t{4} * kMapSeeds;
constexpr std::int64_t kMaxTile = 256;

Result<ConfusionCell> cell_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  ConfusionCell cell;
  cell.label = fields::class_index(r, "label");
  cell.predicted = fields::class_index(r, "predicted");
  cell.candidate = fields::count(r, "candidate");
  cell.incumbent = fields::count(r, "incumbent");
  TRY_OK(r.status());
  return cell;
}

std::vector<std::int32_t> whole_numbers(JsonReader& r, const char* key, std::int32_t lowest) {
  std::vector<std::int32_t> out;
  for (const double value : fields::numbers(r, key, kMaxPoints)) {
    if (!(value >= lowest) || value > std::numeric_limits<std::int32_t>::max() || value != std::floor(value))
      r.problem(key, "expected whole numbers from " + std::to_string(lowest));
    out.push_back(std::isfinite(value) ? static_cast<std::int32_t>(std::clamp(value, -1.0, 2147483647.0)) : -1);
  }
  return out;
}

std::vector<float> coordinates(JsonReader& r, const char* key) {
  std::vector<float> out;
  for (const double value : fields::numbers(r, key, kMaxPoints)) {
    out.push_back(static_cast<float>(value));
    if (!std::isfinite(out.back())) r.problem(key, "expected finite numbers");
  }
  return out;
}

template <class Part>
Json each(const VersionMap& map, Part&& part) {
  Json list = Json::array();
  for (const MapPoint& point : map.points) list.push_back(part(point));
  return list;
}

}  // namespace

Json to_json(const Confusion& confusion) {
  Json cells = Json::array();
  for (const ConfusionCell& cell : confusion.cells)
    cells.push_back({{"label", cell.label},
                     {"predicted", cell.predicted},
                     {"candidate", cell.candidate},
                     {"incumbent", cell.incumbent}});
  return {{"whole", confusion.whole}, {"incumbent", confusion.incumbent}, {"cells", std::move(cells)}};
}

Result<Confusion> confusion_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Confusion confusion;
  confusion.whole = r.boolean("whole");
  confusion.incumbent = r.boolean("incumbent");
  TRY(cells, fields::list<ConfusionCell>(r, "cells", kMaxCells, cell_from_json));
  confusion.cells = std::move(cells);
  TRY_OK(r.status());
  return confusion;
}

Json to_json(const VersionMap& map) {
  const auto number = [](float value) { return json_number(static_cast<double>(value)); };
  return {{"seeds", map.seeds},
          {"pca_share", json_number(map.pca_share)},
          {"tsne", map.tsne},
          {"tsne_problem", map.tsne_problem},
          {"sprite", map.sprite},
          {"columns", map.columns},
          {"tile_width", map.tile_width},
          {"tile_height", map.tile_height},
          {"pca_x", each(map, [&](const MapPoint& p) { return number(p.pca_x); })},
          {"pca_y", each(map, [&](const MapPoint& p) { return number(p.pca_y); })},
          {"tsne_x", each(map, [&](const MapPoint& p) { return number(p.tsne_x); })},
          {"tsne_y", each(map, [&](const MapPoint& p) { return number(p.tsne_y); })},
          {"train", each(map, [](const MapPoint& p) { return Json(p.split == Split::train ? 1 : 0); })},
          {"index", each(map, [](const MapPoint& p) { return Json(p.index); })},
          {"label", each(map, [](const MapPoint& p) { return Json(p.label); })},
          {"candidate", each(map, [](const MapPoint& p) { return Json(p.candidate); })},
          {"incumbent", each(map, [](const MapPoint& p) { return Json(p.incumbent); })},
          {"region", each(map, [](const MapPoint& p) { return Json(p.region); })}};
}

Result<VersionMap> version_map_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  VersionMap map;
  map.seeds = fields::count(r, "seeds");
  map.pca_share = r.number("pca_share");
  map.tsne = r.boolean("tsne");
  map.tsne_problem = fields::text(r, "tsne_problem");
  map.sprite = fields::plain_name(r, "sprite");
  map.columns = fields::between(r, "columns", 0, kMaxTile);
  map.tile_width = fields::between(r, "tile_width", 0, kMaxTile);
  map.tile_height = fields::between(r, "tile_height", 0, kMaxTile);
  const auto pca_x = coordinates(r, "pca_x"), pca_y = coordinates(r, "pca_y");
  const auto tsne_x = coordinates(r, "tsne_x"), tsne_y = coordinates(r, "tsne_y");
  const auto train = whole_numbers(r, "train", 0), label = whole_numbers(r, "label", 0);
  const auto candidate = whole_numbers(r, "candidate", -1), incumbent = whole_numbers(r, "incumbent", -1);
  const auto region = whole_numbers(r, "region", -1);
  const auto index = fields::indices(r, "index", kMaxPoints);
  for (const std::size_t size : {pca_y.size(), tsne_x.size(), tsne_y.size(), train.size(), label.size(),
                                 candidate.size(), incumbent.size(), region.size(), index.size()})
    if (size != pca_x.size()) r.problem("pca_x", "expected as many as in the other lists");
  TRY_OK(r.status());
  for (std::size_t i = 0; i < pca_x.size(); ++i)
    map.points.push_back({.pca_x = pca_x[i],
                          .pca_y = pca_y[i],
                          .tsne_x = tsne_x[i],
                          .tsne_y = tsne_y[i],
                          .split = train[i] != 0 ? Split::train : Split::test,
                          .index = index[i],
                          .label = label[i],
                          .candidate = candidate[i],
                          .incumbent = incumbent[i],
                          .region = region[i]});
  return map;
}

}  // namespace defuse
