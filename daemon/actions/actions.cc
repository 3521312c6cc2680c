#include "daemon/actions/actions.h"

#include <utility>

#include "core/base/files.h"
#include "core/repair/order.h"
#include "daemon/actions/present_version.h"
#include "daemon/jobs/scheduler.h"

namespace defuse {
namespace {

constexpr std::uint64_t kMaxReport = 256ULL << 20;

// What the last gate of this artifact found, with people's words as they are now.
Result<GateFindings> found_by_gate(Store& store, const StateFolder& state, const VersionRow& row) {
  const auto name = row.model + "/" + row.version;
  TRY(verdict, store.verdicts.latest(row.model, row.digest));
  if (!verdict) return fail(ErrorCode::conflict, name + " has no verdict yet: there is nothing to be repaired");
  auto text = read_file(state.absolute(verdict->report) / "report.json", kMaxReport);
  if (!text && text.error().code == ErrorCode::not_found)
    return fail(ErrorCode::conflict, name + "'s report is no longer there: evaluate it again");
  if (!text) return tl::unexpected<Error>(text.error().with("while reading the gate's report"));
  TRY(json, parse_json(*text, "report.json"));
  TRY(found, gate_findings_from_json(json, "report.json"));
  if (found.digest != row.digest) return fail(ErrorCode::corrupt, name + "'s report is about another file");
  found.said.clear();
  for (const auto& region : found.regions) {
    TRY(known, store.regions.find(region.id));
    if (!known) continue;
    found.said[region.id] = known->human_label;
  }
  return found;
}

}  // namespace

ActionsOnStrand::ActionsOnStrand(const Parts& parts, StateFolder state, Promoter::Identify identify)
    : strand_(parts.strand),
      store_(parts.store),
      live_(parts.live),
      states_(parts.states),
      jobs_(parts.jobs),
      files_(parts.files),
      rejudging_(parts.rejudging),
      state_(std::move(state)),
      promoter_({strand_, store_, live_, files_}, std::move(identify)) {}

Result<void> ActionsOnStrand::promote(const ModelName& model, const Version& version, const std::string& reason,
                                      PromotionKind kind, const std::string& who) {
  return promoter_.promote(model, version, reason, kind, who);
}

Result<std::string> ActionsOnStrand::rollback(const ModelName& model, const std::string& reason,
                                              const std::string& who) {
  return promoter_.rollback(model, reason, who);
}

Result<std::int64_t> ActionsOnStrand::evaluate(const ModelName& model, const Version& version, const std::string& who) {
  return strand_.call<std::int64_t>([this, model, version, who]() -> Result<std::int64_t> {
    TRY(row, present_version(store_, live_, model, version));
    TRY(id, states_.enqueue(row, priority_of(live_.clock().now(), 0),
                            {who, "evaluate", model + "/" + version, Json{{"digest", row.digest}}}));
    files_.refresh(model, version);
    jobs_.advance();
    return id;
  });
}

// The report may be large: it is read on the caller's thread. Only what follows from it is for the strand.
Result<std::int64_t> ActionsOnStrand::correct(const ModelName& model, const Version& version,
                                              const RepairRequest& wanted, const std::string& who) {
  TRY(reader, live_.store());
  TRY(seen, reader->versions.current(model, version));
  if (!seen) return fail(ErrorCode::not_found, "no version " + version + " of model " + model);
  TRY(found, found_by_gate(*reader, state_, *seen));
  TRY(order, repair_order(found, wanted.regions, wanted.settings));
  return strand_.call<std::int64_t>(
      [this, order = std::move(order), digest = seen->digest, model, version, who]() -> Result<std::int64_t> {
        TRY(row, present_version(store_, live_, model, version));
        if (row.digest != digest)
          return fail(ErrorCode::conflict, model + "/" + version + " was replaced by another file just now");
        Json regions = Json::array();
        for (const auto& region : order.regions) regions.push_back(region.id);
        TRY(id, states_.enqueue_repair(row, order,
                                       {who, "correct", model + "/" + version,
                                        Json{{"digest", row.digest}, {"regions", std::move(regions)}}}));
        jobs_.advance();
        return id;
      });
}

Result<void> ActionsOnStrand::cancel(std::int64_t job, const std::string& who) {
  return strand_.call<void>([this, job, who]() -> Result<void> {
    TRY(row, store_.jobs.find(job));
    if (!row) return fail(ErrorCode::not_found, "no job " + std::to_string(job));
    TRY_OK(jobs_.cancel(job, who));
    files_.refresh(row->model, row->version);
    return {};
  });
}

Result<void> ActionsOnStrand::label_region(const RegionId& id, const std::string& label, const std::string& note,
                                           const std::string& who) {
  return strand_.call<void>([=, this]() -> Result<void> {
    TRY_OK(store_.regions.label(id, label, who, note));
    TRY(region, store_.regions.find(id));
    live_.publish("region", Json{{"id", id}, {"label", label}});
    if (!region) return {};
    return rejudging_.judge_again_about(
        region->model, id, who, "region " + id + (label.empty() ? " lost its label" : " was labelled " + label));
  });
}

Result<std::string> ActionsOnStrand::add_waiver(Waiver waiver, const std::string& who) {
  return strand_.call<std::string>([this, waiver = std::move(waiver), who]() mutable -> Result<std::string> {
    const auto config = live_.config();
    const auto now = live_.clock().now();
    if (!config->models.contains(waiver.model))
      return fail(ErrorCode::not_found, "no model named " + waiver.model + " is configured");
    waiver.created = now;
    if (waiver.expires <= now) return fail(ErrorCode::invalid_input, "a waiver must expire in the future");
    if (waiver.expires - now > config->http.max_waiver)
      return fail(ErrorCode::invalid_input, "a waiver may run for at most " +
                                                std::to_string(config->http.max_waiver.count() / 24) +
                                                " days; this one would expire on " + to_rfc3339(waiver.expires));
    TRY(id, store_.waivers.add(waiver, who));
    live_.publish("waiver", Json{{"id", id}, {"model", waiver.model}});
    TRY_OK(rejudging_.judge_again_about(waiver.model, waiver.finding, who, "waiver " + id + " was added"));
    return id;
  });
}

Result<void> ActionsOnStrand::remove_waiver(const std::string& id, const std::string& who) {
  return strand_.call<void>([this, id, who]() -> Result<void> {
    TRY(all, store_.waivers.of(""));
    TRY_OK(store_.waivers.remove(id, who));
    live_.publish("waiver", Json{{"id", id}, {"model", nullptr}});
    for (const auto& waiver : all)
      if (waiver.id == id) {
        files_.refresh_all(waiver.model);  // at once, where a pass leans on it; the new verdict follows
        TRY_OK(rejudging_.judge_again_about(waiver.model, id, who, "waiver " + id + " was taken back"));
      }
    return {};
  });
}

}  // namespace defuse
