#include "daemon/jobs/specify.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "core/verdict/promotion.h"
#include "core/verdict/siblings.h"
#include "daemon/api/standing_lookup.h"

namespace defuse {
namespace {

constexpr std::size_t kMostKnownRegions = 200;

// Every bug that the data or a person confirmed in any version that was judged, promoted or not. What was found in the
// candidate itself (by digest: another artifact under the same version is another candidate) is no test for it.
Result<std::vector<KnownRegionRef>> known_regions(Store& store, const StateFolder& state, const ModelName& model,
                                                  const Digest& digest) {
  TRY(rows, store.regions.of(model));
  std::vector<KnownRegionRef> known;
  for (const auto& row : rows) {
    const auto said = row.human_label;
    const bool bug = row.confirmed || said.word() == RegionLabel::Word::confirmed;
    if (!bug || row.frozen.empty()) continue;
    TRY(scores, store.regions.scores(row.id));
    if (!scores.empty() && scores.front().digest == digest) continue;
    if (known.size() >= kMostKnownRegions) {
      spdlog::warn("{}: more than {} known bugs; the oldest are not tested", model, kMostKnownRegions);
      break;
    }
    KnownRegionRef ref;
    ref.id = row.id;
    ref.label = said.named_class().value_or(row.label);
    ref.predicted_as = row.predicted_as;
    ref.first_version = row.first_version;
    ref.ambiguous = said.without_class();
    ref.images = state.absolute(row.frozen);
    ref.cluster = row.frozen_cluster;
    known.push_back(std::move(ref));
  }
  return known;
}

// Whether the job must wait until the watcher has looked at signatures with the keys that count now.
Result<bool> signatures_pending(Store& store, const Config& config, const JobRow& job) {
  const auto& settings = config.signature_of(job.model);
  TRY(candidate, distrust(store, settings, job.model, job.version, job.digest));
  if (candidate.pending || settings.mode != SignatureMode::enforce) return candidate.pending;
  TRY(promotions, store.promotions.of(job.model));
  const auto other = opponent(job.digest, promotions);
  if (!other) return false;
  TRY(incumbent, distrust(store, settings, job.model, other->version, other->digest));
  return incumbent.pending;
}

}  // namespace

Result<Snapshot> look_at_queue(Store& store, const Config& config, TimePoint now) {
  Snapshot seen;
  seen.now = now;
  TRY(best, store.jobs.next(now));
  TRY(due, store.jobs.next_due());
  if (!best && due && was_set_back(*due, now)) {
    TRY(after_all, store.jobs.next(*due));
    best = std::move(after_all);
  }
  seen.next_due = due;
  if (best) {
    seen.model_configured = config.models.contains(best->model);
    TRY(version, store.versions.current(best->model, best->version));
    TRY(pending, signatures_pending(store, config, *best));
    seen.signatures_pending = pending;
    if (version) {
      const auto view = weigh_signature(version->signature, config.signature_of(best->model));
      if (view.refused()) seen.unsigned_because = view.problem;
    }
    seen.version = std::move(version);
  }
  seen.next = std::move(best);
  return seen;
}

Result<JobSpec> specify(Store& store, const Config& config, const StateFolder& state, const JobRow& job) {
  JobSpec spec;
  spec.id = job.id;
  spec.model = ModelName(job.model);
  TRY(version, store.versions.current(job.model, job.version));
  if (!version) return fail(ErrorCode::not_found, "no version " + job.model + "/" + job.version);
  spec.candidate = {Version(job.version), Digest(job.digest), version->artifact};
  spec.candidate_labels = version->labels;
  TRY(promotions, store.promotions.of(job.model));
  if (const auto other = opponent(job.digest, promotions)) {
    // Its answers are usually cached by digest; if they are not and the file is gone, the worker says so, and it is an
    // error.
    TRY(row, store.versions.by_digest(job.model, other->digest));
    spec.incumbent =
        ArtifactRef{Version(other->version), Digest(other->digest), row ? row->artifact : std::filesystem::path()};
  }
  const auto settings = config.models.find(job.model);
  if (settings == config.models.end()) return fail(ErrorCode::not_found, "model " + job.model + " is not configured");
  spec.settings = settings->second;
  spec.worker = config.worker;
  if (spec.settings.noise_floor.wanted()) {
    TRY(versions, store.versions.of(job.model));
    spec.siblings = siblings_of(spec.settings.noise_floor, job.model, versions, promotions, job.digest,
                                spec.incumbent ? spec.incumbent->digest : Digest());
  }
  for (auto& sibling : spec.siblings) {  // one that nobody vouches for shows nothing, and is not loaded
    if (!sibling.problem.empty()) continue;
    TRY(problem, distrust(store, config.signature_of(job.model), job.model, sibling.version, sibling.digest));
    if (!problem.problem.empty())
      sibling = {sibling.version, {}, {}, "signatures are enforced, and it is " + problem.problem};
  }
  TRY(known, known_regions(store, state, job.model, job.digest));
  spec.known_regions = std::move(known);
  TRY(history, store.judgements.history(job.model, job.digest));
  spec.history = std::move(history);
  spec.cache = state.cache();
  spec.cache_size = config.cache.size;
  return spec;
}

SignatureView signature_of(Store& store, const Config& config, const JobSpec& spec) {
  const auto row = store.versions.current(spec.model, spec.candidate.version);
  const bool known = row && *row && (*row)->digest == spec.candidate.digest;
  return weigh_signature(known ? (*row)->signature : SignatureRecord{}, config.signature_of(spec.model));
}

std::string distrusted(Store& store, const Config& config, const JobSpec& spec) {
  const auto& settings = config.signature_of(spec.model);
  const auto problem = [&]() -> Result<std::string> {
    TRY(candidate, distrust(store, settings, spec.model, spec.candidate.version, spec.candidate.digest));
    if (!candidate.problem.empty()) return "signatures are enforced, and this is version " + candidate.problem;
    if (!spec.incumbent) return std::string();
    TRY(incumbent, distrust(store, settings, spec.model, spec.incumbent->version, spec.incumbent->digest));
    if (incumbent.problem.empty()) return std::string();
    return "signatures are enforced, and it is to be compared with version " + incumbent.problem +
           ": sign that one as well, or promote a signed one over it";
  }();
  return problem ? *problem : "signatures cannot be looked up: " + problem.error().describe();
}

Result<JudgeRequest> judge_request(Store& store, const Config& config, const StateFolder& state, const JobSpec& spec,
                                   TimePoint now) {
  JudgeRequest request;
  request.state = state;
  request.job = spec;
  TRY(waivers, store.waivers.of(spec.model));
  request.waivers = std::move(waivers);
  TRY(regions, store.regions.of(spec.model));
  for (const auto& row : regions) {
    const auto said = row.human_label;
    if (said != RegionLabel()) request.labels[row.id] = said;
    RegionFingerprint fingerprint{row.id, row.label, row.predicted_as, {}, {}};
    for (const auto& member : row.region.members) fingerprint.members.push_back(member.seed);
    request.earlier.push_back(std::move(fingerprint));
  }
  request.now = now;
  request.signature = signature_of(store, config, spec);
  return request;
}

}  // namespace defuse
