-- A job judges a version (a gate) or mends one (a correction). What a correction was asked for is kept with it; '' for a gate. Of
-- each kind at most one is open per artifact.
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'gate' CHECK (kind IN ('gate', 'correction'));
ALTER TABLE jobs ADD COLUMN order_json TEXT NOT NULL DEFAULT '';
DROP INDEX jobs_one_open;
CREATE UNIQUE INDEX jobs_one_open ON jobs (model, digest, kind) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_corrections ON jobs (model, id) WHERE kind = 'correction';
