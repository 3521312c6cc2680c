// Checks, findings, confusion and pictures of a version's page.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "core/base/url.h"
#include "daemon/dashboard/parts.h"
#include "daemon/dashboard/version_view.h"

namespace defuse::http {
namespace {

constexpr std::size_t kFindingsOpen = 25;
constexpr std::size_t kClassesInTable = 20;
constexpr std::size_t kCellsListed = 30;
constexpr double kBarWidth = 160;
constexpr double kBarMargin = 6;

int order_of(Decision decision) {
  constexpr std::array kOrder{Decision::violation, Decision::error, Decision::undecided, Decision::ok, Decision::note};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), decision) - kOrder.begin());
}

std::string interval_words(const Finding& finding) {
  if (std::isnan(finding.lower) && std::isnan(finding.upper)) return "";
  return number(finding.lower) + " – " + number(finding.upper);
}

// Interval and limit speak of one quantity; the value does only where a check says so, and is drawn only there.
bool value_is_on_the_axis(const Finding& finding) {
  return (finding.check == "negative_flips" || finding.check == "known_regions") && !std::isnan(finding.value);
}

Json bar_of(const Finding& finding) {
  if (std::isnan(finding.lower) || std::isnan(finding.upper) || std::isnan(finding.limit)) return nullptr;
  const bool shows_value = value_is_on_the_axis(finding);
  double low = std::min({0.0, finding.lower, finding.limit}), high = std::max({finding.upper, finding.limit});
  if (shows_value) {
    low = std::min(low, finding.value);
    high = std::max(high, finding.value);
  }
  if (!(high > low) || !std::isfinite(high - low)) return nullptr;
  const auto place = [&](double v) {
    return fmt::format("{:.1f}", kBarMargin + (kBarWidth - 2 * kBarMargin) * (v - low) / (high - low));
  };
  const double width = (kBarWidth - 2 * kBarMargin) * (finding.upper - finding.lower) / (high - low);
  return {{"x", place(finding.lower)},
          {"width", fmt::format("{:.1f}", std::max(width, 1.0))},
          {"limit", place(finding.limit)},
          {"zero", place(0)},
          {"value", shows_value ? place(finding.value) : ""},
          {"words", "interval " + interval_words(finding) + ", limit " + number(finding.limit)}};
}

Json finding_row(const Finding& finding) {
  return {{"check", finding.check},
          {"subject", finding.subject},
          {"badge", to_string(finding.decision)},
          {"sentence", finding.sentence},
          {"region", finding.region},
          {"value", number(finding.value)},
          {"incumbent_value", number(finding.incumbent_value)},
          {"limit", number(finding.limit)},
          {"interval", interval_words(finding)},
          {"n", finding.n},
          {"p", number(finding.p_adjusted)},
          {"waiver", finding.waiver},
          {"bar", bar_of(finding)}};
}

// Of findings that are decided alike, the one whose interval reaches furthest beyond its limit.
bool is_worse(const Finding& one, const Finding& other) {
  if (one.decision != other.decision) return order_of(one.decision) < order_of(other.decision);
  const auto beyond = [](const Finding& f) {
    return std::isnan(f.upper) || std::isnan(f.limit) ? -1e300 : f.upper - f.limit;
  };
  return beyond(one) > beyond(other);
}

std::string picture_address(const std::string& url, const Json& picture) {
  const auto name = text_at(picture, "picture");
  return name.empty() ? "" : url + "/" + percent_encode(name);
}

Json picture_row(const Json& picture, const std::string& url) {
  return {{"url", picture_address(url, picture)},       {"kind", text_at(picture, "kind")},
          {"label", text_at(picture, "label")},         {"split", text_at(picture, "split")},
          {"candidate", text_at(picture, "candidate")}, {"incumbent", text_at(picture, "incumbent")}};
}

Json picture_rows(const Json& pictures, const std::string& url) {
  Json list = Json::array();
  for (const auto& picture : pictures)
    if (!picture_address(url, picture).empty()) list.push_back(picture_row(picture, url));
  return list;
}

}  // namespace

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return "";
  return object[key].get<std::string>();
}

double number_at(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number()) return kNone;
  return object[key].get<double>();
}

bool truth_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_boolean() && object[key].get<bool>();
}

const Json& list_at(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  return object.is_object() && object.contains(key) && object[key].is_array() ? object[key] : kEmpty;
}

const Json& object_at(const Json& object, const char* key) {
  static const Json kEmpty = Json::object();
  return object.is_object() && object.contains(key) && object[key].is_object() ? object[key] : kEmpty;
}

Json check_rows(const Verdict& verdict, const Json& page) {
  Json list = Json::array();
  for (const auto& check : verdict.checks) {
    const Finding* worst = nullptr;
    std::size_t violations = 0;
    for (const auto& finding : verdict.findings) {
      if (finding.check != check.check) continue;
      violations += finding.decision == Decision::violation;
      if (worst == nullptr || is_worse(finding, *worst)) worst = &finding;
    }
    Json row = {{"check", check.check},
                {"title", check.check},
                {"question", ""},
                {"detectable", ""},
                {"mode", to_string(check.mode)},
                {"badge", to_string(check.state)},
                {"reason", check.reason},
                {"violations", violations > 1 ? std::to_string(violations) : ""},
                {"worst", worst != nullptr ? finding_row(*worst) : Json()}};
    for (const auto& words : list_at(page, "checks")) {
      if (text_at(words, "check") != check.check) continue;
      if (const auto title = text_at(words, "title"); !title.empty()) row["title"] = title;
      row["question"] = text_at(words, "question");
      row["detectable"] = text_at(words, "detectable");
    }
    list.push_back(std::move(row));
  }
  return list;
}

Json finding_lists(const Verdict& verdict) {
  std::vector<const Finding*> sorted;
  for (const auto& finding : verdict.findings) sorted.push_back(&finding);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Finding* a, const Finding* b) { return order_of(a->decision) < order_of(b->decision); });
  Json open = Json::array(), folded = Json::array();
  for (const Finding* finding : sorted) {
    const bool quiet = finding->decision == Decision::ok || finding->decision == Decision::note;
    (quiet || open.size() == kFindingsOpen ? folded : open).push_back(finding_row(*finding));
  }
  return {{"has_open", !open.empty()},
          {"has_folded", !folded.empty()},
          {"folded_count", folded.size()},
          {"open", std::move(open)},
          {"folded", std::move(folded)}};
}

namespace {

struct Cell {
  std::int64_t candidate = 0;
  std::int64_t incumbent = 0;
  std::string label, predicted;  // names
};

using Cells = std::map<std::pair<std::int64_t, std::int64_t>, Cell>;  // by label and prediction

Cells cells_of(const Json& confusion) {
  Cells cells;
  const auto count = [](double value) { return std::isfinite(value) ? static_cast<std::int64_t>(value) : 0; };
  for (const auto& cell : list_at(confusion, "cells"))
    cells[{count(number_at(cell, "label")), count(number_at(cell, "predicted"))}] = {
        count(number_at(cell, "candidate")), count(number_at(cell, "incumbent")), text_at(cell, "label_name"),
        text_at(cell, "predicted_name")};
  return cells;
}

// With its sign, since a shade alone tells too little.
std::string signed_text(std::int64_t difference) {
  if (difference == 0) return "±0";
  return (difference > 0 ? "+" : "−") + std::to_string(std::abs(difference));
}

// More right answers are better, more wrong ones worse.
std::string shade_of(std::int64_t difference, std::int64_t most, bool diagonal) {
  if (difference == 0 || most == 0) return "same";
  const auto step = std::clamp<std::int64_t>((3 * std::abs(difference) + most - 1) / most, 1, 3);
  return ((difference > 0) == diagonal ? "better" : "worse") + std::to_string(step);
}

Json cell_view(const Cell& cell, bool compared, std::int64_t most, bool diagonal) {
  const auto difference = cell.candidate - cell.incumbent;
  const auto shown = compared ? difference : cell.candidate;
  return {{"there", cell.candidate != 0 || cell.incumbent != 0},
          {"difference", compared ? signed_text(difference) : ""},
          {"count", cell.candidate},
          {"before", compared ? std::to_string(cell.incumbent) : ""},
          {"diagonal", diagonal},
          {"shade", shade_of(shown, most, diagonal)}};
}

Json listed(const Cells& cells, bool compared, std::int64_t most) {
  std::vector<std::pair<const Cell*, bool>> order;
  for (const auto& [place, cell] : cells) order.emplace_back(&cell, place.first == place.second);
  const auto weight = [&](const Cell& cell) {
    return compared ? std::abs(cell.candidate - cell.incumbent) : cell.candidate;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return weight(*a.first) > weight(*b.first); });
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(order.size(), kCellsListed); ++i) {
    Json row = cell_view(*order[i].first, compared, most, order[i].second);
    row["label"] = order[i].first->label;
    row["predicted"] = order[i].first->predicted;
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace

Json confusion_table(const Json& page) {
  const Json& confusion = object_at(page, "confusion");
  const auto cells = cells_of(confusion);
  if (cells.empty()) return nullptr;
  const bool compared = truth_at(confusion, "incumbent");
  std::map<std::int64_t, std::string> labels, predictions;
  std::int64_t most = 0;
  for (const auto& [place, cell] : cells) {
    labels[place.first] = cell.label;
    predictions[place.second] = cell.predicted;
    if (place.first == place.second && !compared) continue;
    most = std::max(most, compared ? std::abs(cell.candidate - cell.incumbent) : cell.candidate);
  }
  const bool table =
      truth_at(confusion, "whole") && labels.size() <= kClassesInTable && predictions.size() <= kClassesInTable + 1;
  Json columns = Json::array(), rows = Json::array();
  if (table) {
    for (const auto& [predicted, name] : predictions) columns.push_back({{"name", name}});
    for (const auto& [label, name] : labels) {
      Json row = Json::array();
      for (const auto& [predicted, _] : predictions) {
        const auto found = cells.find({label, predicted});
        row.push_back(found == cells.end() ? Json{{"there", false}}
                                           : cell_view(found->second, compared, most, label == predicted));
      }
      rows.push_back({{"name", name}, {"cells", std::move(row)}});
    }
  }
  return {{"compared", compared},
          {"table", table},
          {"columns", std::move(columns)},
          {"rows", std::move(rows)},
          {"listed", table ? Json::array() : listed(cells, compared, most)}};
}

Json flip_pictures(const Json& page, const std::string& url) { return picture_rows(list_at(page, "flips"), url); }

Json region_cards(const Json& page, const std::string& url) {
  Json list = Json::array();
  for (const auto& region : list_at(page, "regions")) {
    auto samples = picture_rows(list_at(region, "samples"), url);
    auto nearest = picture_rows(list_at(region, "nearest"), url);
    list.push_back({{"id", text_at(region, "id")},
                    {"status", text_at(region, "status")},
                    {"title", text_at(region, "title")},
                    {"sentence", text_at(region, "sentence")},
                    {"label", text_at(region, "label")},
                    {"seeds", fmt::format("{:.0f}", number_at(region, "seeds"))},
                    {"error", percent(number_at(region, "candidate_error"))},
                    {"incumbent_error", percent(number_at(region, "incumbent_error"))},
                    {"has_samples", !samples.empty()},
                    {"samples", std::move(samples)},
                    {"has_nearest", !nearest.empty()},
                    {"nearest", std::move(nearest)}});
  }
  return list;
}

}  // namespace defuse::http
