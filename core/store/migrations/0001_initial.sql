-- The first schema. Times are milliseconds since 1970 in UTC; *_json columns hold JSON text; '' means "none" for texts.
PRAGMA application_id = 0x64667564;

CREATE TABLE schema_migration (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;

-- One row per digest that was ever seen at a path; `current` marks the one that is there now.
CREATE TABLE versions (
  id          INTEGER PRIMARY KEY,
  model       TEXT NOT NULL,
  version     TEXT NOT NULL,
  digest      TEXT NOT NULL,
  artifact    TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  labels_json TEXT NOT NULL,
  presence    TEXT NOT NULL CHECK (presence IN ('present', 'deleted')),
  current     INTEGER NOT NULL CHECK (current IN (0, 1)),
  replaced    INTEGER NOT NULL,
  first_seen  INTEGER NOT NULL,
  last_seen   INTEGER NOT NULL,
  UNIQUE (model, version, digest)
) STRICT;
CREATE UNIQUE INDEX versions_one_current ON versions (model, version) WHERE current = 1;
CREATE INDEX versions_by_digest ON versions (model, digest);

CREATE TABLE jobs (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  model             TEXT NOT NULL,
  version           TEXT NOT NULL,
  digest            TEXT NOT NULL,
  state             TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  attempt           INTEGER NOT NULL,
  priority          INTEGER NOT NULL,
  created           INTEGER NOT NULL,
  not_before        INTEGER NOT NULL,
  started           INTEGER,
  finished          INTEGER,
  station           TEXT NOT NULL,
  progress          REAL NOT NULL,
  error             TEXT NOT NULL,
  incumbent_version TEXT NOT NULL,
  incumbent_digest  TEXT NOT NULL,
  FOREIGN KEY (model, version, digest) REFERENCES versions (model, version, digest)
) STRICT;
CREATE UNIQUE INDEX jobs_one_open ON jobs (model, digest) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_queue ON jobs (state, priority DESC, id);
CREATE INDEX jobs_by_digest ON jobs (model, digest, id);
CREATE INDEX jobs_by_version ON jobs (model, version, digest);

-- A verdict decided again (after a label or a waiver changed) is a new row of the same job; the last one counts.
CREATE TABLE verdicts (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  job               INTEGER NOT NULL REFERENCES jobs (id),
  model             TEXT NOT NULL,
  version           TEXT NOT NULL,
  digest            TEXT NOT NULL,
  created           INTEGER NOT NULL,
  incumbent_version TEXT NOT NULL,
  incumbent_digest  TEXT NOT NULL,
  state             TEXT NOT NULL CHECK (state IN ('pass', 'fail', 'inconclusive', 'error')),
  verdict_json      TEXT NOT NULL,   -- without its findings
  report            TEXT NOT NULL
) STRICT;
CREATE INDEX verdicts_by_digest ON verdicts (model, digest, id);
CREATE INDEX verdicts_by_job ON verdicts (job);

CREATE TABLE findings (
  verdict      INTEGER NOT NULL REFERENCES verdicts (id),
  position     INTEGER NOT NULL,
  id           TEXT NOT NULL,
  region       TEXT NOT NULL,
  decision     TEXT NOT NULL,
  finding_json TEXT NOT NULL,
  PRIMARY KEY (verdict, position)
) STRICT, WITHOUT ROWID;

-- label, predicted_as, frozen and frozen_cluster describe the frozen test and change only together; region_json is the
-- region as last seen.
CREATE TABLE regions (
  id                  TEXT PRIMARY KEY,
  model               TEXT NOT NULL,
  label               INTEGER NOT NULL,
  predicted_as        INTEGER NOT NULL,
  first_version       TEXT NOT NULL,
  last_version        TEXT NOT NULL,
  human_label         TEXT NOT NULL,
  confirmed           INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
  region_json         TEXT NOT NULL,
  frozen              TEXT NOT NULL,
  frozen_cluster_json TEXT NOT NULL,
  first_seen          INTEGER NOT NULL
) STRICT;
CREATE INDEX regions_by_model ON regions (model, first_seen);

CREATE TABLE region_scores (
  region     TEXT NOT NULL REFERENCES regions (id),
  digest     TEXT NOT NULL,
  version    TEXT NOT NULL,
  status     TEXT NOT NULL,
  score_json TEXT NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (region, digest)
) STRICT, WITHOUT ROWID;

-- Every word a person said about a region; the last one is regions.human_label.
CREATE TABLE labels (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  region TEXT NOT NULL REFERENCES regions (id),
  label  TEXT NOT NULL,
  who    TEXT NOT NULL,
  note   TEXT NOT NULL,
  at     INTEGER NOT NULL
) STRICT;
CREATE INDEX labels_by_region ON labels (region);

-- A removed waiver stays as a row, because verdicts name it.
CREATE TABLE waivers (
  id            TEXT PRIMARY KEY,
  model         TEXT NOT NULL,
  finding       TEXT NOT NULL,
  versions_json TEXT NOT NULL,
  reason        TEXT NOT NULL,
  ticket        TEXT NOT NULL,
  approved_by   TEXT NOT NULL,
  created       INTEGER NOT NULL,
  expires       INTEGER NOT NULL CHECK (expires > created),
  removed       INTEGER
) STRICT;
CREATE INDEX waivers_by_model ON waivers (model);

-- The incumbent of a model is its last row.
CREATE TABLE promotions (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  model   TEXT NOT NULL,
  version TEXT NOT NULL,
  digest  TEXT NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('promote', 'override', 'rollback')),
  who     TEXT NOT NULL,
  reason  TEXT NOT NULL,
  at      INTEGER NOT NULL,
  FOREIGN KEY (model, version, digest) REFERENCES versions (model, version, digest)
) STRICT;
CREATE INDEX promotions_by_model ON promotions (model, id);
CREATE INDEX promotions_by_version ON promotions (model, version, digest);

-- Append-only. AUTOINCREMENT, so that cutting off the newest rows leaves a gap that verify_audit() sees.
CREATE TABLE audit (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  at          INTEGER NOT NULL,
  who         TEXT NOT NULL,
  action      TEXT NOT NULL,
  subject     TEXT NOT NULL,
  detail_json TEXT NOT NULL,
  hash        TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
