#include "daemon/api/standing_lookup.h"

#include <algorithm>

namespace defuse {
namespace {

// By its name first: the same bytes may lie at other places, where nobody signed them.
Result<std::optional<VersionRow>> record_of(Store& store, const ModelName& model, const Version& version,
                                            const Digest& digest) {
  TRY(named, store.versions.current(model, version));
  if (named && named->digest == digest) return named;
  return store.versions.by_digest(model, digest);
}

}  // namespace

Result<Distrust> distrust(Store& store, const SignatureSettings& settings, const ModelName& model,
                          const Version& version, const Digest& digest) {
  if (settings.mode != SignatureMode::enforce) return Distrust{};
  TRY(record, record_of(store, model, version, digest));
  return distrust(settings, version, record);
}

Result<ModelFacts> model_facts(const ModelName& model, const ReadModel& read, Store& store) {
  ModelFacts facts;
  facts.model = model;
  facts.watched = read.config()->models.contains(model);
  auto daemon = read.status();
  facts.registry = {daemon.ready, std::move(daemon.registry_problem), std::move(daemon.not_ready)};
  facts.signature = read.config()->signature_of(model);
  facts.now = read.clock().now();
  facts.known = facts.watched;
  if (!facts.known) {
    TRY(models, store.versions.models());
    facts.known = std::find(models.begin(), models.end(), model) != models.end();
  }
  TRY(incumbent, store.promotions.incumbent(model));
  facts.incumbent = std::move(incumbent);
  TRY(waivers, store.waivers.of(model));
  for (auto& waiver : waivers) {
    const auto id = waiver.id;
    facts.waivers.emplace(id, std::move(waiver));
  }
  return facts;
}

Result<Standing> standing_of(const ModelFacts& facts, const VersionRow& row, Store& store) {
  VersionFacts version{row, {}, {}, {}};
  TRY(job, store.jobs.last_gate(row.model, row.digest));
  version.job = std::move(job);
  TRY(judged, store.verdicts.latest(row.model, row.digest));
  version.judged = std::move(judged);
  if (version.judged && facts.signature.mode == SignatureMode::enforce) {
    TRY(record, record_of(store, row.model, version.judged->incumbent_version, version.judged->incumbent_digest));
    version.compared_with = std::move(record);
  }
  return standing_of(facts, std::move(version));
}

Result<Standing> standing_of(const ModelFacts& facts, const Version& version, Store& store) {
  if (!facts.known) return standing_without_record(facts, version);
  TRY(row, store.versions.current(facts.model, version));
  if (row) return standing_of(facts, *row, store);
  return standing_without_record(facts, version);
}

}  // namespace defuse
