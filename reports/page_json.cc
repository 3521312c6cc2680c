#include "reports/page_json.h"

#include <algorithm>

#include "core/wire/documents.h"
#include "reports/pictures.h"
#include "reports/text.h"
#include "reports/wording.h"

namespace defuse {
namespace {

constexpr std::size_t kSamples = 12;
constexpr std::size_t kLongName = 60;
constexpr std::size_t kLongText = 600;
constexpr std::size_t kMostClasses = 1'000;

std::string name_of(const Report& report, std::int32_t index) { return clean(class_name(report, index), kLongName); }

std::string picture_of(const RegionSample& sample) {
  return plain_picture_name(sample.picture) ? sample.picture : std::string();
}

Json confusion_json(const Report& report) {
  if (!report.result.confusion) return nullptr;
  const Confusion& confusion = *report.result.confusion;
  Json cells = Json::array();
  for (const ConfusionCell& cell : confusion.cells)
    cells.push_back({{"label", cell.label},
                     {"predicted", cell.predicted},
                     {"label_name", name_of(report, cell.label)},
                     {"predicted_name", name_of(report, cell.predicted)},
                     {"candidate", cell.candidate},
                     {"incumbent", cell.incumbent}});
  return {{"whole", confusion.whole}, {"incumbent", confusion.incumbent}, {"cells", std::move(cells)}};
}

Json picture_json(const Report& report, const RegionSample& sample) {
  return {{"picture", picture_of(sample)},
          {"kind", to_string(sample.kind)},
          {"candidate", name_of(report, sample.candidate_predicted)},
          {"incumbent", sample.incumbent_predicted < 0 ? "" : name_of(report, sample.incumbent_predicted)}};
}

// A flip is an image that the incumbent got right: its answer is the truth.
Json flips_json(const Report& report) {
  Json list = Json::array();
  for (const RegionSample& flip : report.result.flips) {
    Json one = picture_json(report, flip);
    one["label"] = name_of(report, flip.incumbent_predicted);
    list.push_back(std::move(one));
  }
  return list;
}

Json neighbours_json(const Report& report, const std::vector<RegionNeighbour>& neighbours) {
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(neighbours.size(), kSamples); ++i) {
    Json one = picture_json(report, neighbours[i].image);
    one["label"] = name_of(report, neighbours[i].label);
    one["split"] = neighbours[i].image.split == Split::test ? "test" : "training";
    list.push_back(std::move(one));
  }
  return list;
}

Json region_json(const Report& report, const Region& region) {
  Json samples = Json::array();
  for (std::size_t i = 0; i < std::min(region.samples.size(), kSamples); ++i)
    samples.push_back(picture_json(report, region.samples[i]));
  const auto share = [](double value) { return json_number(value); };
  const bool known = region.novelty.has_value();
  return {{"id", clean(region.id, kLongName)},
          {"status", to_string(region.status)},
          {"title", clean(region_title(report, region), kLongText)},
          {"sentence", clean(region.sentence, kLongText)},
          {"label", name_of(report, region.label)},
          {"predicted", region.predicted_as < 0 ? "" : name_of(report, region.predicted_as)},
          {"seeds", region.confirm.seeds},
          {"members", region.members.size()},
          {"candidate_error", share(region.confirm.candidate_error)},
          {"incumbent_error", report.result.incumbent ? share(region.confirm.incumbent_error) : Json(nullptr)},
          {"samples", std::move(samples)},
          {"nearest", known ? neighbours_json(report, region.novelty->nearest) : Json::array()}};
}

}  // namespace

Json page_json(const Report& report) {
  const WorkerResult& result = report.result;
  Json checks = Json::array(), regions = Json::array(), classes = Json::array();
  for (const CheckResult& check : result.checks)
    checks.push_back({{"check", clean(check.check, kLongName)},
                      {"title", clean(check_title(check.check), kLongText)},
                      {"question", clean(check_question(check.check), kLongText)},
                      {"detectable", clean(check.detectable, kLongText)}});
  for (std::size_t i = 0; i < std::min(result.regions.size(), kPageRegions); ++i)
    regions.push_back(region_json(report, result.regions[i]));
  if (result.classes.size() <= kMostClasses)
    for (const std::string& name : result.classes) classes.push_back(clean(name, kLongName));
  return {{"schema", "defused/page/v1"},
          {"classes", std::move(classes)},
          {"checks", std::move(checks)},
          {"confusion", confusion_json(report)},
          {"flips", flips_json(report)},
          {"flip_count", result.comparison ? Json(result.comparison->overall.negative_flips) : Json(nullptr)},
          {"regions", std::move(regions)},
          {"region_count", result.regions.size()},
          {"map", result.map.has_value()}};
}

Json map_json(const Report& report) {
  if (!report.result.map) return nullptr;
  Json json = {{"schema", "defused/map/v1"}};
  const Json map = to_json(*report.result.map);
  for (const auto& [key, value] : map.items()) json[key] = value;
  json["tsne_problem"] = clean(report.result.map->tsne_problem, kLongText);
  return json;
}

}  // namespace defuse
