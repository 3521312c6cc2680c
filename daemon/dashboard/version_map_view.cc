// The latent map of a version's page: points in the plane of a drawing, each with what a person is told of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "daemon/dashboard/parts.h"
#include "daemon/dashboard/version_view.h"

namespace defuse::http {
namespace {

constexpr double kWidth = 720, kHeight = 520, kMargin = 14;  // of the drawing, in its own units
constexpr std::size_t kMostPoints = 6'000;

// In the order in which they are drawn: the later lie on top.
enum State { kRight, kFixed, kError, kFlip, kStates };
constexpr const char* kStateIds[kStates] = {"right", "gain", "error", "flip"};

struct Lists {
  const Json &x, &y, &label, &candidate, &incumbent, &region, &train, &index;
  std::size_t size() const {
    return std::min({x.size(), y.size(), label.size(), candidate.size(), incumbent.size(), region.size(), train.size(),
                     index.size(), kMostPoints});
  }
};

std::int64_t whole(const Json& value) { return value.is_number_integer() ? value.get<std::int64_t>() : -1; }

State state_of_point(const Lists& lists, std::size_t i) {
  const auto label = whole(lists.label[i]), now = whole(lists.candidate[i]), before = whole(lists.incumbent[i]);
  if (now == label) return before >= 0 && before != label ? kFixed : kRight;
  return before == label ? kFlip : kError;
}

class Names {
 public:
  explicit Names(const Json& page) : classes_(list_at(page, "classes")), regions_(list_at(page, "regions")) {}
  std::string of_class(std::int64_t index) const {
    if (index < 0) return "no answer";
    const auto at = static_cast<std::size_t>(index);
    return at < classes_.size() && classes_[at].is_string() ? classes_[at].get<std::string>()
                                                            : "class " + std::to_string(index);
  }
  const Json& region(std::int64_t index) const {
    static const Json kUnknown = Json::object();
    return index >= 0 && static_cast<std::size_t>(index) < regions_.size() ? regions_[static_cast<std::size_t>(index)]
                                                                           : kUnknown;
  }

 private:
  const Json& classes_;
  const Json& regions_;
};

std::string words_of(const Lists& lists, std::size_t i, const Names& names) {
  const auto label = whole(lists.label[i]), now = whole(lists.candidate[i]), before = whole(lists.incumbent[i]);
  std::string words = names.of_class(label) + ", read as " + names.of_class(now);
  if (before >= 0) words += " (before: " + names.of_class(before) + ")";
  words += whole(lists.train[i]) == 1 ? "; training image " : "; test image ";
  words += std::to_string(whole(lists.index[i]));
  if (const auto region = whole(lists.region[i]); region >= 0) {
    const auto id = text_at(names.region(region), "id");
    words += "; in region " + (id.empty() ? "number " + std::to_string(region + 1) : id);
  }
  return words;
}

// From the map's plane to the drawing, the same scale both ways.
struct Plane {
  double x0 = 0, y0 = 0, scale = 1;

  explicit Plane(const Lists& lists) {
    double low_x = std::numeric_limits<double>::infinity(), low_y = low_x, high_x = -low_x, high_y = high_x;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const double x = value(lists.x[i]), y = value(lists.y[i]);
      low_x = std::min(low_x, x);
      high_x = std::max(high_x, x);
      low_y = std::min(low_y, y);
      high_y = std::max(high_y, y);
    }
    scale = std::min((kWidth - 2 * kMargin) / std::max(high_x - low_x, 1e-9),
                     (kHeight - 2 * kMargin) / std::max(high_y - low_y, 1e-9));
    x0 = kWidth / 2 - scale * (low_x + high_x) / 2;
    y0 = kHeight / 2 + scale * (low_y + high_y) / 2;
  }
  static double value(const Json& number) { return number.is_number() ? number.get<double>() : 0; }
  std::string x(const Json& number) const { return fmt::format("{:.1f}", x0 + scale * value(number)); }
  std::string y(const Json& number) const { return fmt::format("{:.1f}", y0 - scale * value(number)); }
};

struct Tally {
  std::int64_t points = 0, errors = 0, flips = 0;
};

// The drawing in words: how many points of each region are shown, and what becomes of them.
Json region_table(const std::vector<Tally>& tallies, const Tally& outside, const Names& names) {
  Json rows = Json::array();
  for (std::size_t r = 0; r < tallies.size(); ++r) {
    if (tallies[r].points == 0) continue;
    const Json& region = names.region(static_cast<std::int64_t>(r));
    const auto id = text_at(region, "id");
    rows.push_back({{"id", id},
                    {"title", id.empty() ? "region number " + std::to_string(r + 1) : text_at(region, "title")},
                    {"status", text_at(region, "status")},
                    {"points", tallies[r].points},
                    {"errors", tallies[r].errors},
                    {"flips", tallies[r].flips}});
  }
  rows.push_back({{"id", ""},
                  {"title", "in no region"},
                  {"status", ""},
                  {"points", outside.points},
                  {"errors", outside.errors},
                  {"flips", outside.flips}});
  return rows;
}

struct Drawing {
  std::vector<Json> layers = std::vector<Json>(kStates, Json::array());
  Json rings = Json::array();
  std::vector<Tally> tallies;  // by region
  Tally outside, all;
};

Drawing draw(const Lists& lists, const Names& names) {
  constexpr std::int64_t kMostRegions = 100'000;
  const Plane plane(lists);
  Drawing out;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const auto state = state_of_point(lists, i);
    const auto x = plane.x(lists.x[i]), y = plane.y(lists.y[i]);
    out.layers[state].push_back({{"i", i}, {"x", x}, {"y", y}, {"words", words_of(lists, i, names)}});
    const auto region = whole(lists.region[i]);
    const bool inside = region >= 0 && region < kMostRegions;
    if (inside) {
      out.rings.push_back({{"x", x}, {"y", y}});
      out.tallies.resize(std::max(out.tallies.size(), static_cast<std::size_t>(region) + 1));
    }
    for (Tally* tally : {inside ? &out.tallies[static_cast<std::size_t>(region)] : &out.outside, &out.all}) {
      ++tally->points;
      tally->errors += state == kError || state == kFlip;
      tally->flips += state == kFlip;
    }
  }
  return out;
}

}  // namespace

Json map_view(const Json& map, const Json& page, const std::string& projection, const std::string& url) {
  const bool has_tsne = truth_at(map, "tsne");
  const bool tsne = has_tsne && projection != "pca";
  const Lists lists{list_at(map, tsne ? "tsne_x" : "pca_x"),
                    list_at(map, tsne ? "tsne_y" : "pca_y"),
                    list_at(map, "label"),
                    list_at(map, "candidate"),
                    list_at(map, "incumbent"),
                    list_at(map, "region"),
                    list_at(map, "train"),
                    list_at(map, "index")};
  const auto n = lists.size();
  if (n == 0) return nullptr;
  const Names names(page);
  auto drawing = draw(lists, names);
  Json drawn = Json::array();
  for (int s = 0; s < kStates; ++s)
    drawn.push_back({{"state", kStateIds[s]}, {"points", std::move(drawing.layers[static_cast<std::size_t>(s)])}});
  const auto sprite = text_at(map, "sprite");
  const auto size = [&](const char* key) { return std::max<std::int64_t>(whole(map.value(key, Json(0))), 0); };
  return {{"tsne", tsne},
          {"pca", !tsne},
          {"has_tsne", has_tsne},
          {"tsne_problem", text_at(map, "tsne_problem")},
          {"share", fmt::format("{:.0f} %", 100 * number_at(map, "pca_share"))},
          {"count", n},
          {"seeds", size("seeds")},
          {"errors", drawing.all.errors},
          {"flips", drawing.all.flips},
          {"layers", std::move(drawn)},
          {"rings", std::move(drawing.rings)},
          {"sprite", sprite.empty() ? "" : url + "/" + sprite},
          {"columns", size("columns")},
          {"tile_width", size("tile_width")},
          {"tile_height", size("tile_height")},
          {"rows", region_table(drawing.tallies, drawing.outside, names)}};
}

}  // namespace defuse::http
