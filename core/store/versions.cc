#include "core/store/versions.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"
#include "core/registry/source.h"
#include "core/store/columns.h"

// A macro, because literals join at compile time and the statement cache wants literals.
#define DEFUSE_SELECT                                                   \
  "SELECT model, version, digest, artifact, fingerprint, labels_json, " \
  "presence, current, replaced, first_seen, last_seen, "                \
  "signature, signature_key, signature_key_name, signature_problem, signature_keys"

// version_less() in SQL: integers first and as integers, then names. The columns of the index versions_in_order.
#define DEFUSE_ORDER                                               \
  "version GLOB '*[^0-9]*', "                                      \
  "iif(version GLOB '*[^0-9]*', 0, length(ltrim(version, '0'))), " \
  "iif(version GLOB '*[^0-9]*', '', ltrim(version, '0')), version"
#define DEFUSE_NEWEST_FIRST                                             \
  "version GLOB '*[^0-9]*' DESC, "                                      \
  "iif(version GLOB '*[^0-9]*', 0, length(ltrim(version, '0'))) DESC, " \
  "iif(version GLOB '*[^0-9]*', '', ltrim(version, '0')) DESC, version DESC"

namespace defuse {
namespace {

Result<VersionRow> read_version(Query& row) {
  VersionRow version;
  version.model = row.model();
  version.version = row.version();
  version.digest = row.digest();
  version.artifact = row.text();
  version.fingerprint = row.text();
  TRY(labels, texts_from_json(row.text(), "labels of " + version.model + "/" + version.version));
  version.labels = std::move(labels);
  version.presence = row.text() == "present" ? VersionPresence::present : VersionPresence::deleted;
  version.current = row.integer() != 0;
  version.replaced = row.integer();
  version.first_seen = row.time();
  version.last_seen = row.time();
  TRY(signature, or_corrupt(signature_state_from(row.text()), "signature of " + version.model + "/" + version.version));
  version.signature.state = signature;
  version.signature.key = row.text();
  version.signature.key_name = row.text();
  version.signature.problem = row.text();
  version.signature.keys = row.text();
  return version;
}

Result<std::vector<VersionRow>> read_versions(Query rows) {
  std::vector<VersionRow> versions;
  while (rows.next()) {
    TRY(version, read_version(rows));
    versions.push_back(std::move(version));
  }
  std::sort(versions.begin(), versions.end(), [](const VersionRow& a, const VersionRow& b) {
    return a.model != b.model ? a.model < b.model : version_less(a.version, b.version);
  });
  return versions;
}

Result<std::optional<VerdictSummary>> read_summary(Query row) {
  if (!row.next()) return std::nullopt;
  VerdictSummary summary;
  TRY(state, or_corrupt(verdict_state_from(row.text()), "verdict"));
  summary.state = state;
  summary.created = row.time();
  summary.incumbent_version = row.version();
  summary.accuracy = row.optional_number();
  summary.incumbent_accuracy = row.optional_number();
  summary.flip_rate = row.optional_number();
  summary.regions.new_bug = row.integer();
  summary.regions.worse = row.integer();
  summary.regions.inherited = row.integer();
  summary.regions.fixed = row.integer();
  summary.regions.suspected = row.integer();
  return std::optional(std::move(summary));
}

Result<std::optional<VersionRow>> read_one(Query row) {
  if (!row.next()) return std::nullopt;
  TRY(version, read_version(row));
  return version;
}

}  // namespace

Result<std::optional<VersionRow>> VersionStore::current(Transaction& in, const ModelName& model,
                                                        const Version& version) {
  return read_one(
      in.query(DEFUSE_SELECT " FROM versions WHERE model = ? AND version = ? AND current = 1").with(model, version));
}

bool VersionStore::holds(Transaction& in, const ModelName& model, const Version& version, const Digest& digest) {
  return in.query("SELECT 1 FROM versions WHERE model = ? AND version = ? AND digest = ?")
      .with(model, version, digest)
      .next();
}

// A version whose signature nobody asks for leaves no trace; anything else does, once.
Result<void> VersionStore::audit_signature(Transaction& in, const std::string& subject,
                                           const std::optional<VersionRow>& before, const Candidate& candidate) {
  const auto& now = candidate.signature;
  const auto then = before ? before->signature : SignatureRecord{};
  const bool same_file = before && before->digest == candidate.digest;
  if (now.state == SignatureState::unchecked && then.state == SignatureState::unchecked) return {};
  if (same_file && now.state == then.state && now.key == then.key && now.problem == then.problem) return {};
  const auto text = [](const std::string& value) { return value.empty() ? Json(nullptr) : Json(value); };
  return audit_.append(in, {"daemon", "version.signature", subject,
                            Json{{"digest", candidate.digest},
                                 {"signature", to_string(now.state)},
                                 {"key", text(now.key_name)},
                                 {"problem", text(now.problem)}}});
}

Result<void> VersionStore::put(const Candidate& candidate, const std::string& fingerprint) {
  if (candidate.model.empty() || candidate.version.empty() || candidate.digest.empty())
    return fail(ErrorCode::invalid_input, "a version needs a model, a name and a digest");
  return database_.write("storing a version", [&](Transaction& in) -> Result<void> {
    const std::string subject = candidate.model + "/" + candidate.version;
    TRY(before, current(in, candidate.model, candidate.version));
    const bool replaces = before && before->digest != candidate.digest;
    const std::int64_t replaced = !before ? 0 : before->replaced + (replaces ? 1 : 0);
    if (replaces) {
      in.query("UPDATE versions SET current = 0 WHERE model = ? AND version = ? AND current = 1")
          .with(candidate.model, candidate.version)
          .run();
      TRY_OK(audit_.append(in, {"daemon", "version.replaced", subject,
                                Json{{"old_digest", before->digest}, {"new_digest", candidate.digest}}}));
    } else if (before && before->presence == VersionPresence::deleted) {
      TRY_OK(audit_.append(in, {"daemon", "version.returned", subject, Json{{"digest", candidate.digest}}}));
    }
    // The digest may have been at this path before: then its row becomes the current one again.
    in.query(
          "INSERT INTO versions (model, version, digest, artifact, fingerprint, labels_json, presence, current, "
          "replaced, first_seen, last_seen, signature, signature_key, signature_key_name, signature_problem, "
          "signature_keys) VALUES (?, ?, ?, ?, ?, ?, 'present', 1, ?, ?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT (model, version, digest) DO UPDATE SET artifact = excluded.artifact, "
          "fingerprint = excluded.fingerprint, labels_json = excluded.labels_json, presence = 'present', "
          "current = 1, replaced = excluded.replaced, last_seen = excluded.last_seen, "
          "signature = excluded.signature, signature_key = excluded.signature_key, "
          "signature_key_name = excluded.signature_key_name, signature_problem = excluded.signature_problem, "
          "signature_keys = excluded.signature_keys")
        .with(candidate.model, candidate.version, candidate.digest, candidate.artifact, fingerprint,
              texts_to_json(candidate.labels), replaced, candidate.seen_at, candidate.seen_at,
              std::string(to_string(candidate.signature.state)), candidate.signature.key, candidate.signature.key_name,
              candidate.signature.problem, candidate.signature.keys)
        .run();
    return audit_signature(in, subject, before, candidate);
  });
}

Result<void> VersionStore::mark_deleted(const ModelName& model, const Version& version) {
  return database_.write("marking a version as deleted", [&](Transaction& in) -> Result<void> {
    TRY(before, current(in, model, version));
    if (!before) return fail(ErrorCode::not_found, "no version " + model + "/" + version);
    if (before->presence == VersionPresence::deleted) return {};
    in.query("UPDATE versions SET presence = 'deleted' WHERE model = ? AND version = ? AND current = 1")
        .with(model, version)
        .run();
    return audit_.append(in, {"daemon", "version.deleted", model + "/" + version, Json{{"digest", before->digest}}});
  });
}

Result<std::vector<ModelName>> VersionStore::models() {
  return database_.read("listing models", [&](Transaction& in) -> Result<std::vector<ModelName>> {
    std::vector<ModelName> models;
    auto row = in.query("SELECT DISTINCT model FROM versions ORDER BY model");
    while (row.next()) models.push_back(row.model());
    return models;
  });
}

Result<std::vector<VersionRow>> VersionStore::of(const ModelName& model) {
  return database_.read("listing versions", [&](Transaction& in) {
    return read_versions(in.query(DEFUSE_SELECT " FROM versions WHERE model = ? AND current = 1").with(model));
  });
}

Result<VersionPage> VersionStore::page(const ModelName& model, const VersionList& list) {
  return database_.read("listing versions", [&](Transaction& in) -> Result<VersionPage> {
    VersionPage page;
    {
      auto count = in.query("SELECT count(*) FROM versions WHERE model = ? AND current = 1").with(model);
      if (count.next()) page.total = static_cast<std::size_t>(count.integer());
    }
    const auto limit = std::min<std::size_t>(list.limit, INT32_MAX);
    const auto offset = std::min<std::size_t>(list.offset, INT32_MAX);
    {
      auto row = list.before.empty()
                     ? in.query(DEFUSE_SELECT
                                " FROM versions WHERE model = ? AND current = 1 "
                                "ORDER BY " DEFUSE_NEWEST_FIRST " LIMIT ? OFFSET ?")
                           .with(model, limit, offset)
                     : in.query(DEFUSE_SELECT " FROM versions WHERE model = ?1 AND current = 1 AND (" DEFUSE_ORDER
                                              ") < (SELECT " DEFUSE_ORDER
                                              " FROM versions WHERE model = ?1 AND version = ?2 AND current = 1) "
                                              "ORDER BY " DEFUSE_NEWEST_FIRST " LIMIT ?3 OFFSET ?4")
                           .with(model, list.before, limit, offset);
      while (row.next()) {
        TRY(version, read_version(row));
        page.rows.push_back({std::move(version), {}});
      }
    }
    for (auto& row : page.rows) {
      TRY(summary, read_summary(in.query("SELECT state, created, incumbent_version, accuracy, incumbent_accuracy, "
                                         "flip_rate, regions_new, regions_worse, regions_inherited, regions_fixed, "
                                         "regions_suspected FROM verdicts WHERE model = ? AND digest = ? "
                                         "ORDER BY id DESC LIMIT 1")
                                    .with(model, row.version.digest)));
      row.verdict = std::move(summary);
    }
    return page;
  });
}

Result<std::vector<VersionRow>> VersionStore::all() {
  return database_.read("listing all versions", [&](Transaction& in) {
    return read_versions(in.query(DEFUSE_SELECT " FROM versions WHERE current = 1"));
  });
}

Result<std::vector<VersionRow>> VersionStore::unjudged() {
  return database_.read("listing versions without a verdict", [&](Transaction& in) {
    return read_versions(in.query(DEFUSE_SELECT
                                  " FROM versions WHERE current = 1 AND presence = 'present' AND NOT EXISTS ("
                                  "SELECT 1 FROM verdicts WHERE verdicts.model = versions.model AND "
                                  "verdicts.digest = versions.digest)"));
  });
}

Result<std::vector<VersionRow>> VersionStore::told_of(const ModelName& model, const std::string& subject) {
  return database_.read("listing versions whose verdict tells of something", [&](Transaction& in) {
    return read_versions(
        in.query(DEFUSE_SELECT
                 " FROM versions WHERE model = ?1 AND current = 1 AND presence = 'present' AND digest IN ("
                 "SELECT v.digest FROM verdicts v WHERE v.model = ?1 AND v.id IN ("
                 "SELECT verdict FROM findings WHERE id = ?2 "
                 "UNION SELECT verdict FROM findings WHERE region = ?2 AND region <> '' "
                 "UNION SELECT verdict FROM findings WHERE waiver = ?2 AND waiver <> '') "
                 "AND v.id = (SELECT max(l.id) FROM verdicts l WHERE l.model = ?1 AND l.digest = v.digest))")
            .with(model, subject));
  });
}

Result<std::vector<VersionRow>> VersionStore::outdated(TimePoint now) {
  return database_.read("listing versions whose verdict people have spoken about since", [&](Transaction& in) {
    // From the words to the verdicts: there are few words, and findings are indexed by what they are about.
    return read_versions(
        in.query(DEFUSE_SELECT
                 " FROM versions WHERE current = 1 AND presence = 'present' AND (model, digest) IN ("
                 "SELECT v.model, v.digest FROM verdicts v WHERE v.id IN ("
                 "SELECT f.verdict FROM labels l JOIN findings f ON f.region = l.region AND f.region <> '' "
                 "JOIN verdicts t ON t.id = f.verdict WHERE l.at >= t.created "
                 "UNION SELECT f.verdict FROM waivers w JOIN findings f ON f.id = w.finding "
                 "JOIN verdicts t ON t.id = f.verdict AND t.model = w.model "
                 "WHERE w.created >= t.created AND w.removed IS NULL AND w.expires > ?1 "
                 "UNION SELECT f.verdict FROM waivers w JOIN findings f ON f.region = w.finding AND f.region <> '' "
                 "JOIN verdicts t ON t.id = f.verdict AND t.model = w.model "
                 "WHERE w.created >= t.created AND w.removed IS NULL AND w.expires > ?1 "
                 "UNION SELECT f.verdict FROM waivers w JOIN findings f ON f.waiver = w.id AND f.waiver <> '' "
                 "JOIN verdicts t ON t.id = f.verdict WHERE w.removed >= t.created) "
                 "AND v.id = (SELECT max(l.id) FROM verdicts l WHERE l.model = v.model AND l.digest = v.digest))")
            .with(now));
  });
}

Result<std::vector<KnownVersion>> VersionStore::known() {
  return database_.read("listing what is known", [&](Transaction& in) -> Result<std::vector<KnownVersion>> {
    std::vector<KnownVersion> known;
    auto row = in.query(
        "SELECT model, version, fingerprint, presence, signature, signature_keys FROM versions WHERE current = 1");
    while (row.next()) {
      KnownVersion version;
      version.model = row.model();
      version.version = row.version();
      version.fingerprint = row.text();
      version.present = row.text() == "present";
      TRY(signature,
          or_corrupt(signature_state_from(row.text()), "signature of " + version.model + "/" + version.version));
      version.signature.state = signature;
      version.signature.keys = row.text();
      known.push_back(std::move(version));
    }
    return known;
  });
}

Result<std::optional<VersionRow>> VersionStore::current(const ModelName& model, const Version& version) {
  return database_.read("reading a version", [&](Transaction& in) { return current(in, model, version); });
}

Result<std::optional<VersionRow>> VersionStore::by_digest(const ModelName& model, const Digest& digest) {
  return database_.read("reading a version by its digest", [&](Transaction& in) {
    // The same artifact may lie at several paths: one that can be read now is worth most.
    return read_one(in.query(DEFUSE_SELECT
                             " FROM versions WHERE model = ? AND digest = ? "
                             "ORDER BY current DESC, presence = 'present' DESC, last_seen DESC, id DESC LIMIT 1")
                        .with(model, digest));
  });
}

}  // namespace defuse
