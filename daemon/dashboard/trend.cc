#include "daemon/dashboard/trend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace defuse::http {
namespace {

constexpr double kLeft = 70, kWidth = 870;  // of the strip that the points share

struct Panel {
  double top = 0;
  double height = 0;
};
constexpr Panel kAccuracy{20, 110}, kFlips{160, 70}, kRegions{260, 90};

std::string at(double value) { return fmt::format("{:.1f}", value); }

double x_of(std::size_t index, std::size_t count) {
  return kLeft + (static_cast<double>(index) + 0.5) * kWidth / static_cast<double>(count);
}

using Value = std::optional<double> TrendPoint::*;

struct Range {
  double low = 0;
  double high = 0;
};

// A line through what was measured, broken where a version was not; its points, and the two ends of its axis.
Json line_of(const std::vector<TrendPoint>& points, Value value, const Panel& panel, Range range) {
  if (range.high - range.low < 1e-9) {  // all the same: in the middle
    range.low -= 0.005;
    range.high += 0.005;
  }
  Json strokes = Json::array(), dots = Json::array();
  std::string stroke;
  const auto end_stroke = [&] {
    if (!stroke.empty()) strokes.push_back(std::move(stroke));
    stroke.clear();
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& measured = points[i].*value;
    if (!measured) {
      end_stroke();
      continue;
    }
    const double y = panel.top + panel.height * (range.high - *measured) / (range.high - range.low);
    const auto x = at(x_of(i, points.size()));
    stroke += (stroke.empty() ? "" : " ") + x + "," + at(y);
    dots.push_back({{"x", x},
                    {"y", at(y)},
                    {"promoted", points[i].promoted},
                    {"words", fmt::format("{}: {:.2f} %{}", points[i].version, 100 * *measured,
                                          points[i].promoted ? ", was in production" : "")}});
  }
  end_stroke();
  return {{"strokes", std::move(strokes)},
          {"dots", std::move(dots)},
          {"high", fmt::format("{:.1f} %", 100 * range.high)},
          {"low", fmt::format("{:.1f} %", 100 * range.low)}};
}

Range range_of(const std::vector<TrendPoint>& points, Value value) {
  Range range{INFINITY, -INFINITY};
  for (const auto& point : points)
    if (point.*value) range = {std::min(range.low, *(point.*value)), std::max(range.high, *(point.*value))};
  return range;
}

Json bars_of(const std::vector<TrendPoint>& points) {
  std::int64_t most = 1;
  for (const auto& point : points) most = std::max(most, point.fresh + point.inherited + point.fixed);
  const double unit = kRegions.height / static_cast<double>(most);
  const double width = std::min(28.0, 0.7 * kWidth / static_cast<double>(points.size()));
  Json bars = Json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& point = points[i];
    double bottom = kRegions.top + kRegions.height;
    struct Part {
      const char* kind;
      std::int64_t count;
    };
    for (const Part& part :
         {Part{"new", point.fresh}, Part{"inherited", point.inherited}, Part{"fixed", point.fixed}}) {
      if (part.count <= 0) continue;
      const double height = unit * static_cast<double>(part.count);
      bottom -= height;
      bars.push_back({{"x", at(x_of(i, points.size()) - width / 2)},
                      {"y", at(bottom)},
                      {"width", at(width)},
                      {"height", at(height)},
                      {"kind", part.kind},
                      {"words", fmt::format("{}: {} {}", point.version, part.count, part.kind)}});
    }
  }
  return {{"bars", std::move(bars)}, {"most", most}};
}

// As many names below as there is room for.
Json names_of(const std::vector<TrendPoint>& points) {
  Json names = Json::array();
  const std::size_t step = (points.size() + 9) / 10;
  for (std::size_t i = 0; i < points.size(); i += step)
    names.push_back(
        {{"x", at(x_of(i, points.size()))},
         {"name", points[i].version.size() > 10 ? points[i].version.substr(0, 9) + "…" : points[i].version}});
  return names;
}

}  // namespace

Json trend_picture(const std::vector<TrendPoint>& points) {
  const auto measured =
      std::count_if(points.begin(), points.end(), [](const TrendPoint& point) { return point.accuracy.has_value(); });
  if (measured < 2) return nullptr;
  const bool flips =
      std::any_of(points.begin(), points.end(), [](const TrendPoint& point) { return point.flip_rate.has_value(); });
  Range rates = flips ? range_of(points, &TrendPoint::flip_rate) : Range{};
  rates.low = 0;
  return {{"accuracy", line_of(points, &TrendPoint::accuracy, kAccuracy, range_of(points, &TrendPoint::accuracy))},
          {"flips", line_of(points, &TrendPoint::flip_rate, kFlips, rates)},
          {"regions", bars_of(points)},
          {"names", names_of(points)},
          {"first", points.front().version},
          {"last", points.back().version}};
}

}  // namespace defuse::http
