#include "daemon/actions/promoter.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "core/registry/version_files.h"
#include "core/verdict/promotion.h"
#include "daemon/actions/present_version.h"
#include "daemon/api/standing_lookup.h"

namespace defuse {
namespace {

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

Promoter::Promoter(const Parts& parts, Identify identify)
    : strand_(parts.strand),
      store_(parts.store),
      live_(parts.live),
      files_(parts.files),
      identify_(std::move(identify)) {}

Result<void> Promoter::promote(const ModelName& model, const Version& version, const std::string& reason,
                               PromotionKind kind, const std::string& who) {
  TRY(row, strand_.call<VersionRow>([=, this] { return to_promote(model, version, reason, kind); }));
  TRY_OK(same_file(row, kind, who));
  return strand_.call<void>([=, this, seen = std::move(row)]() -> Result<void> {
    TRY(now, to_promote(model, version, reason, kind));
    if (now.digest != seen.digest || now.fingerprint != seen.fingerprint)
      return fail(ErrorCode::conflict,
                  model + "/" + version + " changed while it was read again; nothing was promoted");
    return carry_out(now, reason, kind, who);
  });
}

Result<VersionRow> Promoter::to_promote(const ModelName& model, const Version& version, const std::string& reason,
                                        PromotionKind kind) {
  TRY(row, present_version(store_, live_, model, version));
  TRY(incumbent, store_.promotions.incumbent(model));
  if (kind == PromotionKind::override_verdict) {
    if (is_blank(reason)) return fail(ErrorCode::invalid_input, "an override needs a reason");
    if (incumbent && incumbent->digest == row.digest)
      return fail(ErrorCode::conflict, model + "/" + version + " is the incumbent already");
    return row;
  }
  TRY(job, store_.jobs.last_gate(model, row.digest));
  if (job && !is_final(job->state))
    return fail(ErrorCode::conflict,
                model + "/" + version + " is being judged again by job " + std::to_string(job->id));
  TRY(verdict, store_.verdicts.latest(model, row.digest));
  TRY(waivers, store_.waivers.of(model));
  TRY_OK(may_promote(row, verdict, incumbent, waivers, live_.clock().now()));
  if (incumbent) {
    TRY(problem, distrust(store_, live_.config()->signature_of(model), model, incumbent->version, incumbent->digest));
    if (!problem.problem.empty())
      return fail(ErrorCode::conflict, model + "/" + version + " was compared with version " + problem.problem);
  }
  return row;
}

Result<std::string> Promoter::rollback(const ModelName& model, const std::string& reason, const std::string& who) {
  TRY(row, strand_.call<VersionRow>([=, this] { return to_roll_back_to(model); }));
  TRY_OK(same_file(row, PromotionKind::rollback, who));
  return strand_.call<std::string>([=, this, seen = std::move(row)]() -> Result<std::string> {
    TRY(now, to_roll_back_to(model));
    if (now.version != seen.version || now.digest != seen.digest || now.fingerprint != seen.fingerprint)
      return fail(ErrorCode::conflict,
                  model + "/" + seen.version + " changed while it was read again; nothing was done");
    TRY_OK(carry_out(now, reason, PromotionKind::rollback, who));
    return now.version;
  });
}

Result<VersionRow> Promoter::to_roll_back_to(const ModelName& model) {
  if (!live_.config()->models.contains(model))
    return fail(ErrorCode::not_found, "no model named " + model + " is configured");
  TRY(promotions, store_.promotions.of(model));
  TRY(target, rollback_target(promotions));
  TRY(row, present_version(store_, live_, model, target.version));
  if (row.digest != target.digest)
    return fail(ErrorCode::conflict, model + "/" + target.version +
                                         " was replaced since it was the incumbent: its digest was " +
                                         short_digest(target.digest) + " and is " + short_digest(row.digest));
  return row;
}

// Reads the artifact again, and what vouches for it: the registry may have changed since the last scan, and what is
// promoted must be what was judged. Any thread but the main strand; may take as long as a large file does.
Result<void> Promoter::same_file(const VersionRow& row, PromotionKind kind, const std::string& who) {
  const std::string what(to_string(kind));
  const auto name = row.model + "/" + row.version;
  const auto config = live_.config();
  RegistryEntry entry;
  entry.model = row.model;
  entry.version = row.version;
  entry.artifact = config->registry.path / row.model / row.version / kArtifactName;
  entry.state = EntryState::ready;
  entry.fingerprint = row.fingerprint;
  const auto again = identify_(entry);
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
  TRY_OK(strand_.call<void>([&]() -> Result<void> {
    return store_.audit.add({who, what + ".refused", name,
                             Json{{"digest", row.digest}, {"found_digest", std::move(found)}, {"problem", problem}}});
  }));
  return fail(ErrorCode::conflict,
              name + " was read again before it goes into production, and stays out of it: " + problem);
}

Result<void> Promoter::carry_out(const VersionRow& row, const std::string& reason, PromotionKind kind,
                                 const std::string& who) {
  TRY_OK(store_.promotions.promote(row.model, row.version, row.digest, kind, who, reason));
  spdlog::info("{}/{}: incumbent by {} of {}", row.model, row.version, to_string(kind), who);
  files_.refresh_all(row.model);  // every other version's verdict was given against another incumbent now
  Json data = Json::object();
  data["model"] = row.model;
  data["version"] = row.version;
  data["kind"] = to_string(kind);
  live_.publish("promotion", data);
  return {};
}

}  // namespace defuse
