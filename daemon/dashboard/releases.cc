// The dashboard's page of one model: its releases in order with what each brought, what is in production and how it got
// there, the newest bug regions.
#include <algorithm>
#include <set>

#include "core/verdict/promotion.h"
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"
#include "daemon/dashboard/trend.h"

namespace defuse::http {
namespace {

constexpr std::size_t kVersionsShown = 25;
constexpr std::size_t kRegionsShown = 10;
constexpr std::size_t kPromotionsShown = 20;

std::string count_text(std::int64_t count) { return std::to_string(count); }

Json release_row(const ModelFacts& facts, const VersionPage::Row& row, const Standing& standing) {
  Json json = {{"model", facts.model},
               {"version", row.version.version},
               {"badge", badge_of(standing)},
               {"reason", standing.reason},
               {"incumbent", standing.is_incumbent},
               {"deleted", row.version.presence == VersionPresence::deleted},
               {"replaced", row.version.replaced > 0 ? std::to_string(row.version.replaced) : ""},
               {"summary", nullptr}};
  if (!row.verdict) return json;
  const auto& verdict = *row.verdict;
  json["summary"] = {{"accuracy", verdict.accuracy ? percent(*verdict.accuracy) : ""},
                     {"flips", verdict.flip_rate ? percent(*verdict.flip_rate) : ""},
                     {"new", count_text(verdict.regions.new_bug + verdict.regions.worse)},
                     {"inherited", count_text(verdict.regions.inherited)},
                     {"fixed", count_text(verdict.regions.fixed)},
                     {"against", verdict.incumbent_version},
                     {"judged_at", minute_of(verdict.created)}};
  return json;
}

TrendPoint point_of(const VersionPage::Row& row, const std::set<std::string>& promoted) {
  TrendPoint point;
  point.version = row.version.version;
  point.promoted = promoted.contains(row.version.digest);
  if (row.verdict) {
    point.accuracy = row.verdict->accuracy;
    point.flip_rate = row.verdict->flip_rate;
    point.fresh = row.verdict->regions.new_bug + row.verdict->regions.worse;
    point.inherited = row.verdict->regions.inherited;
    point.fixed = row.verdict->regions.fixed;
  }
  return point;
}

Json region_rows(const std::vector<RegionRow>& rows) {
  Json list = Json::array();
  for (const auto& row : rows) {
    list.push_back({{"id", row.id},
                    {"status", to_string(row.region.status)},
                    {"sentence", row.region.sentence},
                    {"first", row.first_version},
                    {"last", row.last_version},
                    {"label", to_string(row.human_label)},
                    {"picture", !row.region.samples.empty() && !row.region.samples.front().picture.empty()}});
  }
  return list;
}

Json promotion_rows(const std::vector<PromotionRow>& history) {
  Json list = Json::array();
  for (const auto& row : history) {
    if (list.size() == kPromotionsShown) break;
    list.push_back({{"version", row.version},
                    {"kind", std::string(to_string(row.kind))},
                    {"loud", row.kind == PromotionKind::override_verdict},
                    {"who", row.who},
                    {"reason", row.reason},
                    {"at", minute_of(row.at)}});
  }
  return list;
}

Json waiver_rows(const ModelFacts& facts) {
  Json list = Json::array();
  for (const auto& [id, waiver] : facts.waivers)
    list.push_back({{"id", id},
                    {"finding", waiver.finding},
                    {"reason", waiver.reason},
                    {"ticket", waiver.ticket},
                    {"approved_by", waiver.approved_by},
                    {"expires", minute_of(waiver.expires)},
                    {"expired", waiver.expires <= facts.now}});
  return list;
}

Json in_production(const ModelFacts& facts) {
  if (!facts.incumbent) return nullptr;
  return {{"version", facts.incumbent->version},
          {"since", minute_of(facts.incumbent->at)},
          {"who", facts.incumbent->who},
          {"why", facts.incumbent->reason},
          {"overridden", facts.incumbent->kind == PromotionKind::override_verdict}};
}

}  // namespace

Answer page_model(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  const std::size_t page = page_of(call);
  TRY(found, store->versions.page(facts.model, {.offset = page * kVersionsShown, .limit = kVersionsShown}));
  TRY(history, store->promotions.of(facts.model));
  std::set<std::string> promoted;
  for (const auto& row : history) promoted.insert(row.digest);
  Json versions = Json::array();
  std::vector<TrendPoint> points;
  for (const auto& row : found.rows) {
    TRY(standing, standing_of(facts, row.version, *store));
    versions.push_back(release_row(facts, row, standing));
    points.push_back(point_of(row, promoted));
  }
  std::reverse(points.begin(), points.end());
  TRY(regions, store->regions.page(facts.model, {.newest = true, .limit = kRegionsShown}));
  auto promotions = promotion_rows(history);
  auto waivers = waiver_rows(facts);
  auto shown_regions = region_rows(regions.rows);
  return html("dashboard_model.mustache", {{"title", facts.model},
                                           {"program", "defused " DEFUSED_VERSION},
                                           {"model", facts.model},
                                           {"watched", facts.watched},
                                           {"production", in_production(facts)},
                                           {"trend", trend_picture(points)},
                                           {"has_versions", !versions.empty()},
                                           {"any_versions", found.total > 0},
                                           {"pages", pager(page, kVersionsShown, versions.size(), found.total)},
                                           {"versions", std::move(versions)},
                                           {"has_regions", !shown_regions.empty()},
                                           {"regions", std::move(shown_regions)},
                                           {"region_count", regions.total},
                                           {"has_promotions", !promotions.empty()},
                                           {"more_promotions", history.size() > promotions.size()},
                                           {"promotions", std::move(promotions)},
                                           {"has_waivers", !waivers.empty()},
                                           {"waivers", std::move(waivers)}});
}

}  // namespace defuse::http
