#include "daemon/live/verdict_files.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

#include "core/base/files.h"
#include "daemon/api/standing_lookup.h"

namespace defuse {

bool is_being_written(const ReadModel& read, const VersionRow& version) {
  for (const auto& entry : read.status().not_ready)
    if (entry.model == version.model && entry.version == version.version)
      return entry.fingerprint != version.fingerprint;
  return false;
}

VerdictFiles::VerdictFiles(Store& store, LiveState& live, StateFolder state)
    : store_(store), live_(live), state_(std::move(state)) {}

void VerdictFiles::refresh(const ModelName& model, const Version& version) {
  const auto standing = [&]() -> Result<Standing> {
    TRY(facts, model_facts(model, live_, store_));
    return standing_of(facts, version, store_);
  };
  write(model, version, standing());
}

void VerdictFiles::refresh_all(const ModelName& model) {
  const auto versions = store_.versions.of(model);
  if (!versions) return spdlog::error("{}: versions cannot be read: {}", model, versions.error().describe());
  for (const auto& version : *versions) refresh(model, version.version);
}

// What is known of a line is read once for all of its versions.
void VerdictFiles::refresh_present(const std::vector<KnownVersion>& known) {
  std::optional<ModelFacts> facts;
  for (const KnownVersion& one : known) {
    if (!one.present) continue;
    const auto standing = [&]() -> Result<Standing> {
      if (!facts || facts->model != one.model) {
        TRY(read, model_facts(one.model, live_, store_));
        facts = std::move(read);
      }
      return standing_of(*facts, one.version, store_);
    };
    write(one.model, one.version, standing());
  }
}

void VerdictFiles::verdict_given(const ModelName& model, const Version& version) {
  const auto row = store_.versions.current(model, version);
  const auto all = store_.versions.of(model);
  if (row && *row && all)
    for (const auto& other : *all)
      if (other.digest == (*row)->digest) refresh(model, other.version);
  Json data = Json::object();
  data["model"] = model;
  data["version"] = version;
  if (row && *row)
    if (const auto verdict = store_.verdicts.latest(model, (*row)->digest); verdict && *verdict) {
      data["verdict"] = to_string((*verdict)->verdict.state);
      data["reason"] = (*verdict)->verdict.reason;
    }
  live_.publish("verdict", data);
}

void VerdictFiles::write(const ModelName& model, const Version& version, const Result<Standing>& found) {
  const auto done = found ? write_standing(model, version, *found) : Result<void>(tl::unexpected<Error>(found.error()));
  if (done) return;
  spdlog::error("{}/{}: its verdict file cannot be written: {}", model, version, done.error().describe());
  // Better no file than one that may no longer be true.
  if (const auto removed = remove_synced(state_.verdict_file(model, version)); !removed)
    spdlog::critical("{}/{}: nor can the old one be removed, so that whoever reads it gets an old answer: {}", model,
                     version, removed.error().describe());
}

Result<void> VerdictFiles::write_standing(const ModelName& model, const Version& version, const Standing& standing) {
  if (standing.kind == Standing::Kind::unknown) return remove_synced(state_.verdict_file(model, version));
  const auto digest = standing.row ? standing.row->digest : Digest();
  if (standing.row && is_being_written(live_, *standing.row))
    return write_verdict_file(state_, model, version,
                              other_document(model, version, digest, std::nullopt, "it is being written again"));
  if (standing.judged && !standing.stale && standing.verdict == standing.judged->verdict.state) {
    TRY(document, published_document(state_, standing.judged->report));
    return write_verdict_file(state_, model, version, document);
  }
  return write_verdict_file(state_, model, version,
                            other_document(model, version, digest, standing.verdict, standing.reason));
}

}  // namespace defuse
