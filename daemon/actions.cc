// What people do, on the main strand: each step checked against the present state, carried out and audited in the
// store, then everything that depends on it brought up to date.
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "core/base/files.h"
#include "core/registry/version_files.h"
#include "core/repair/order.h"
#include "core/verdict/promotion.h"
#include "daemon/api/standing_lookup.h"
#include "daemon/app.h"

namespace defuse {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kGlance{50};
constexpr std::uint64_t kMaxReport = 256ULL << 20;

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

// What the last gate of this artifact found, with people's words as they are now.
Result<GateFindings> found_by_gate(Store& store, const StateFolder& state, const VersionRow& row) {
  const auto name = row.model + "/" + row.version;
  TRY(verdict, store.verdicts.latest(row.model, row.digest));
  if (!verdict) return fail(ErrorCode::conflict, name + " has no verdict yet: there is nothing to be mended");
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
    TRY(said, RegionLabel::from(known->human_label));
    found.said[region.id] = said;
  }
  return found;
}

}  // namespace

// Runs `body` on the main strand and waits. A caller that has gone away before its turn came changes nothing.
template <class T>
Result<T> App::on_strand(std::function<Result<T>()> body) {
  if (io_.get_executor().running_in_this_thread()) return body();
  struct Call {
    std::promise<Result<T>> answer;
    std::atomic<bool> taken{false};  // by the strand, or given up by the caller: whoever sets it first
  };
  const auto call = std::make_shared<Call>();
  auto answer = call->answer.get_future();
  boost::asio::post(io_, [call, body = std::move(body)] {
    if (!call->taken.exchange(true)) call->answer.set_value(body());
  });
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    if (answer.wait_for(kGlance) == std::future_status::ready) return answer.get();
    const bool late = stopping_ || std::chrono::steady_clock::now() >= until;
    if (late && !call->taken.exchange(true))
      return fail(ErrorCode::unavailable, stopping_ ? "the daemon is stopping" : "the daemon is busy; try again");
    if (stopping_) return fail(ErrorCode::unavailable, "the daemon is stopping");
  }
}

Result<VersionRow> App::present_version(const std::string& model, const std::string& version) {
  if (!live_.config()->models.contains(model))
    return fail(ErrorCode::not_found, "no model named " + model + " is configured");
  TRY(row, store_->versions.current(model, version));
  if (!row) return fail(ErrorCode::not_found, "no version " + version + " of model " + model);
  if (row->presence == VersionPresence::deleted)
    return fail(ErrorCode::conflict, model + "/" + version + " is no longer in the registry");
  if (is_changing(*row)) return fail(ErrorCode::conflict, model + "/" + version + " is being written again");
  const auto signature = weigh_signature(row->signature, live_.config()->signature_of(model));
  if (signature.refused())
    return fail(ErrorCode::conflict, model + "/" + version + " is not signed as it must be: " + signature.problem);
  return *row;
}

Result<std::int64_t> App::evaluate(const std::string& model, const std::string& version, const std::string& who) {
  return on_strand<std::int64_t>([this, model, version, who]() -> Result<std::int64_t> {
    TRY(row, present_version(model, version));
    TRY(id, jobs_.enqueue(row, priority_of(clock_.now(), 0),
                          {who, "evaluate", model + "/" + version, Json{{"digest", row.digest}}}));
    refresh_verdict_file(model, version);
    jobs_.advance();
    return id;
  });
}

// The report may be large: it is read on the caller's thread. Only what follows from it is for the strand.
Result<std::int64_t> App::correct(const std::string& model, const std::string& version, const RepairRequest& wanted,
                                  const std::string& who) {
  TRY(reader, live_.store());
  TRY(seen, reader->versions.current(model, version));
  if (!seen) return fail(ErrorCode::not_found, "no version " + version + " of model " + model);
  TRY(found, found_by_gate(*reader, state_, *seen));
  TRY(order, repair_order(found, wanted.regions, wanted.settings));
  return on_strand<std::int64_t>(
      [this, order = std::move(order), digest = seen->digest, model, version, who]() -> Result<std::int64_t> {
        TRY(row, present_version(model, version));
        if (row.digest != digest)
          return fail(ErrorCode::conflict, model + "/" + version + " was replaced by another file just now");
        Json regions = Json::array();
        for (const auto& region : order.regions) regions.push_back(region.id);
        TRY(id, jobs_.enqueue_repair(row, order,
                                     {who, "correct", model + "/" + version,
                                      Json{{"digest", row.digest}, {"regions", std::move(regions)}}}));
        jobs_.advance();
        return id;
      });
}

// Three steps, because reading the file may take long: whether the move is legal at all; then, on the caller's thread,
// whether the file is still the one that was judged; then the move, if nothing changed meanwhile.
Result<void> App::promote(const std::string& model, const std::string& version, const std::string& reason,
                          bool override_verdict, const std::string& who) {
  const auto kind = override_verdict ? Promotion::override_verdict : Promotion::promote;
  TRY(row, on_strand<VersionRow>([=, this] { return to_promote(model, version, reason, kind); }));
  TRY_OK(same_file(row, override_verdict ? "override" : "promote", who));
  return on_strand<void>([=, this, seen = std::move(row)]() -> Result<void> {
    TRY(now, to_promote(model, version, reason, kind));
    if (now.digest != seen.digest || now.fingerprint != seen.fingerprint)
      return fail(ErrorCode::conflict,
                  model + "/" + version + " changed while it was read again; nothing was promoted");
    return carry_out(now, reason, kind, who);
  });
}

Result<VersionRow> App::to_promote(const std::string& model, const std::string& version, const std::string& reason,
                                   Promotion kind) {
  TRY(row, present_version(model, version));
  TRY(incumbent, store_->promotions.incumbent(model));
  if (kind == Promotion::override_verdict) {
    if (is_blank(reason)) return fail(ErrorCode::invalid_input, "an override needs a reason");
    if (incumbent && incumbent->digest == row.digest)
      return fail(ErrorCode::conflict, model + "/" + version + " is the incumbent already");
    return row;
  }
  TRY(job, store_->jobs.last_gate(model, row.digest));
  if (job && !is_final(job->state))
    return fail(ErrorCode::conflict,
                model + "/" + version + " is being judged again by job " + std::to_string(job->id));
  TRY(verdict, store_->verdicts.latest(model, row.digest));
  TRY(waivers, store_->waivers.of(model));
  TRY_OK(may_promote(row, verdict, incumbent, waivers, clock_.now()));
  if (incumbent) {
    TRY(problem, distrust(*store_, live_.config()->signature_of(model), model, incumbent->version, incumbent->digest));
    if (!problem.problem.empty())
      return fail(ErrorCode::conflict, model + "/" + version + " was compared with version " + problem.problem);
  }
  return row;
}

Result<std::string> App::rollback(const std::string& model, const std::string& reason, const std::string& who) {
  TRY(row, on_strand<VersionRow>([=, this] { return to_roll_back_to(model); }));
  TRY_OK(same_file(row, "rollback", who));
  return on_strand<std::string>([=, this, seen = std::move(row)]() -> Result<std::string> {
    TRY(now, to_roll_back_to(model));
    if (now.version != seen.version || now.digest != seen.digest || now.fingerprint != seen.fingerprint)
      return fail(ErrorCode::conflict,
                  model + "/" + seen.version + " changed while it was read again; nothing was done");
    TRY_OK(carry_out(now, reason, Promotion::rollback, who));
    return now.version;
  });
}

Result<VersionRow> App::to_roll_back_to(const std::string& model) {
  if (!live_.config()->models.contains(model))
    return fail(ErrorCode::not_found, "no model named " + model + " is configured");
  TRY(promotions, store_->promotions.of(model));
  TRY(target, rollback_target(promotions));
  TRY(row, present_version(model, target.version));
  if (row.digest != target.digest)
    return fail(ErrorCode::conflict, model + "/" + target.version +
                                         " was replaced since it was the incumbent: its digest was " +
                                         target.digest.substr(0, 12) + " and is " + row.digest.substr(0, 12));
  return row;
}

// Reads the artifact again, and what vouches for it: the registry may have changed since the last scan, and what is
// promoted must be what was judged. Any thread but the main strand; may take as long as a large file does.
Result<void> App::same_file(const VersionRow& row, const std::string& what, const std::string& who) {
  const auto name = row.model + "/" + row.version;
  const auto config = live_.config();
  RegistryEntry entry;
  entry.model = row.model;
  entry.version = row.version;
  entry.artifact = config->registry.path / row.model / row.version / kArtifactName;
  entry.state = EntryState::ready;
  entry.fingerprint = row.fingerprint;
  const auto again = options_.registry.identify(entry);
  std::string problem;
  Json found = nullptr;
  if (!again) {
    problem = again.error().describe();
  } else if (again->digest != row.digest) {
    problem = "model.pt now has sha256 " + again->digest + ", but " + row.digest + " was judged";
    found = again->digest;
  } else {
    const auto& settings = config->signature_of(row.model);
    const auto view = weigh_signature(check_signature(*again, settings), settings);
    if (view.refused()) problem = "it is not signed as it must be: " + view.problem;
  }
  if (problem.empty()) return {};
  spdlog::warn("{}: {} by {} refused: {}", name, what, who, problem);
  TRY_OK(on_strand<void>([&]() -> Result<void> {
    return store_->audit.add({who, what + ".refused", name,
                              Json{{"digest", row.digest}, {"found_digest", std::move(found)}, {"problem", problem}}});
  }));
  return fail(ErrorCode::conflict,
              name + " was read again before it goes into production, and stays out of it: " + problem);
}

Result<void> App::carry_out(const VersionRow& row, const std::string& reason, Promotion kind, const std::string& who) {
  const std::string word = kind == Promotion::rollback           ? "rollback"
                           : kind == Promotion::override_verdict ? "override"
                                                                 : "promote";
  TRY_OK(store_->promotions.promote(row.model, row.version, row.digest, word, who, reason));
  return made_incumbent(row.model, row.version, word, who);
}

// Every other version's verdict was given against another incumbent now.
Result<void> App::made_incumbent(const std::string& model, const std::string& version, const std::string& kind,
                                 const std::string& who) {
  spdlog::info("{}/{}: incumbent by {} of {}", model, version, kind, who);
  refresh_verdict_files(model);
  Json data = Json::object();
  data["model"] = model;
  data["version"] = version;
  data["kind"] = kind;
  live_.publish("promotion", data);
  return {};
}

Result<void> App::cancel(std::int64_t job, const std::string& who) {
  return on_strand<void>([this, job, who]() -> Result<void> {
    TRY(row, store_->jobs.find(job));
    if (!row) return fail(ErrorCode::not_found, "no job " + std::to_string(job));
    TRY_OK(jobs_.cancel(job, who));
    refresh_verdict_file(row->model, row->version);
    return {};
  });
}

Result<void> App::label_region(const std::string& id, const std::string& label, const std::string& note,
                               const std::string& who) {
  return on_strand<void>([=, this]() -> Result<void> {
    TRY_OK(store_->regions.label(id, label, who, note));
    TRY(region, store_->regions.find(id));
    live_.publish("region", Json{{"id", id}, {"label", label}});
    if (!region) return {};
    return judge_again(region->model, id, who,
                       "region " + id + (label.empty() ? " lost its label" : " was labelled " + label));
  });
}

Result<std::string> App::add_waiver(Waiver waiver, const std::string& who) {
  return on_strand<std::string>([this, waiver = std::move(waiver), who]() mutable -> Result<std::string> {
    const auto config = live_.config();
    const auto now = clock_.now();
    if (!config->models.contains(waiver.model))
      return fail(ErrorCode::not_found, "no model named " + waiver.model + " is configured");
    waiver.created = now;
    if (waiver.expires <= now) return fail(ErrorCode::invalid_input, "a waiver must expire in the future");
    if (waiver.expires - now > config->http.max_waiver)
      return fail(ErrorCode::invalid_input, "a waiver may run for at most " +
                                                std::to_string(config->http.max_waiver.count() / 24) +
                                                " days; this one would expire on " + to_rfc3339(waiver.expires));
    TRY(id, store_->waivers.add(waiver, who));
    live_.publish("waiver", Json{{"id", id}, {"model", waiver.model}});
    TRY_OK(judge_again(waiver.model, waiver.finding, who, "waiver " + id + " was added"));
    return id;
  });
}

Result<void> App::remove_waiver(const std::string& id, const std::string& who) {
  return on_strand<void>([this, id, who]() -> Result<void> {
    TRY(all, store_->waivers.of(""));
    TRY_OK(store_->waivers.remove(id, who));
    live_.publish("waiver", Json{{"id", id}, {"model", nullptr}});
    for (const auto& waiver : all)
      if (waiver.id == id) {
        refresh_verdict_files(waiver.model);  // at once, where a pass leans on it; the new verdict follows
        TRY_OK(judge_again(waiver.model, id, who, "waiver " + id + " was taken back"));
      }
    return {};
  });
}

}  // namespace defuse
