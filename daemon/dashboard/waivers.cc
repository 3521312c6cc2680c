// The dashboard's pages of waivers: all there are with what became of them, and a form for a new one.
#include <algorithm>
#include <string_view>

#include "core/base/url.h"
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"

namespace defuse::http {
namespace {

constexpr std::size_t kWaiversShown = 25;
constexpr std::chrono::hours kSoon{24 * 7};
constexpr std::string_view kFilters[] = {"all", "live", "expiring", "unused", "expired", "removed"};

std::string state_of(const WaiverRow& row, TimePoint now) {
  if (row.removed) return "removed";
  if (row.waiver.expires <= now) return "expired";
  return row.waiver.expires <= now + kSoon ? "expiring" : "live";
}

// Only one that still could cover something can be called unused.
bool unused(const WaiverRow& row, TimePoint now) { return !row.removed && row.waiver.expires > now && !row.in_use; }

bool shows(std::string_view filter, const WaiverRow& row, TimePoint now) {
  const auto state = state_of(row, now);
  if (filter == "all") return true;
  if (filter == "unused") return unused(row, now);
  if (filter == "live") return state == "live" || state == "expiring";
  return filter == state;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

Json waiver_row(const WaiverRow& row, TimePoint now) {
  const auto& waiver = row.waiver;
  const bool of_region = waiver.finding.starts_with("r-") && is_valid_name(waiver.finding);
  return {{"id", waiver.id},
          {"model", waiver.model},
          {"finding", waiver.finding},
          {"region", of_region ? waiver.finding : ""},
          {"versions", waiver.versions.empty() ? "all" : joined(waiver.versions)},
          {"reason", waiver.reason},
          {"ticket", waiver.ticket},
          {"approved_by", waiver.approved_by},
          {"created", minute_of(waiver.created)},
          {"expires", minute_of(waiver.expires)},
          {"removed", row.removed ? minute_of(*row.removed) : ""},
          {"state", state_of(row, now)},
          {"unused", unused(row, now)},
          {"there", !row.removed}};
}

Answer page_waivers(const Call& call) {
  TRY(store, call.read.store());
  const ModelName model(asked(call, "model"));
  if (!model.empty() && !is_valid_name(model)) return fail(ErrorCode::invalid_input, "model: not a model's name");
  const std::string asked_state = asked(call, "state");
  const std::string filter = asked_state.empty() ? "all" : asked_state;
  if (std::find(std::begin(kFilters), std::end(kFilters), filter) == std::end(kFilters))
    return fail(ErrorCode::invalid_input, "state: expected all, live, expiring, unused, expired or removed");
  TRY(rows, store->waivers.rows(model));
  const auto now = call.read.clock().now();
  Json filters = Json::array();
  for (const auto name : kFilters)
    filters.push_back({{"name", name},
                       {"model", model},
                       {"count", std::count_if(rows.begin(), rows.end(),
                                               [&](const WaiverRow& row) { return shows(name, row, now); })},
                       {"chosen", name == filter}});
  const auto gone = std::remove_if(rows.begin(), rows.end(), [&](const auto& row) { return !shows(filter, row, now); });
  rows.erase(gone, rows.end());
  const std::size_t page = page_of(call);
  Json shown = Json::array();
  for (std::size_t i = page * kWaiversShown; i < std::min(rows.size(), (page + 1) * kWaiversShown); ++i)
    shown.push_back(waiver_row(rows[i], now));
  const std::string query = "&state=" + filter + (model.empty() ? "" : "&model=" + percent_encode(model));
  return html_with_scripts("dashboard_waivers.mustache",
                           {{"title", model.empty() ? "Waivers" : model + ": waivers"},
                            {"program", "defused " DEFUSED_VERSION},
                            {"at_waivers", true},
                            {"model", model},
                            {"filters", std::move(filters)},
                            {"has_waivers", !shown.empty()},
                            {"pages", pager(page, kWaiversShown, shown.size(), rows.size(), query)},
                            {"waivers", std::move(shown)}});
}

// What the address names is only shown, escaped: the form's answer is checked where it arrives.
Answer page_waiver_new(const Call& call) {
  const ModelName model(asked(call, "model"));
  const std::string finding = asked(call, "finding");
  if (!model.empty() && !call.read.config()->models.contains(model))
    return fail(ErrorCode::not_found, "no model named " + model);
  Json data = waiver_form(call, model, finding);
  data.update({{"title", "New waiver"}, {"program", "defused " DEFUSED_VERSION}});
  return html_with_scripts("dashboard_waiver_new.mustache", data);
}

}  // namespace defuse::http
