-- What the pages of a release owner list and count, so that none of them reads every verdict or every region whole.

-- The figures of a verdict that lists and trends show; NULL where its checks did not measure them.
ALTER TABLE verdicts ADD COLUMN accuracy REAL;
ALTER TABLE verdicts ADD COLUMN incumbent_accuracy REAL;
ALTER TABLE verdicts ADD COLUMN flip_rate REAL;
-- Of the job's regions, by status.
ALTER TABLE verdicts ADD COLUMN regions_new INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verdicts ADD COLUMN regions_worse INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verdicts ADD COLUMN regions_inherited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verdicts ADD COLUMN regions_fixed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verdicts ADD COLUMN regions_suspected INTEGER NOT NULL DEFAULT 0;
CREATE INDEX region_scores_by_digest ON region_scores (digest, status);
UPDATE verdicts SET
  accuracy = (SELECT CAST(json_extract(finding_json, '$.value') AS REAL) FROM findings
              WHERE verdict = verdicts.id AND id = 'accuracy/overall' LIMIT 1),
  incumbent_accuracy = (SELECT CAST(json_extract(finding_json, '$.incumbent_value') AS REAL) FROM findings
                        WHERE verdict = verdicts.id AND id = 'accuracy/overall' LIMIT 1),
  flip_rate = (SELECT CAST(json_extract(finding_json, '$.value') AS REAL) FROM findings
               WHERE verdict = verdicts.id AND id IN ('negative_flips/overall', 'negative_flips/floor/overall')
               ORDER BY position LIMIT 1);
-- A score is dated as the first verdict of its job. Only the last job of a digest still has them all.
WITH counts AS (
  SELECT v.id AS verdict, s.status, count(*) AS n
  FROM verdicts v
  JOIN region_scores s ON s.digest = v.digest
    AND s.at = (SELECT min(f.created) FROM verdicts f WHERE f.job = v.job)
  JOIN regions r ON r.id = s.region AND r.model = v.model
  GROUP BY v.id, s.status)
UPDATE verdicts SET
  regions_new = coalesce((SELECT n FROM counts WHERE verdict = verdicts.id AND status = 'new'), 0),
  regions_worse = coalesce((SELECT n FROM counts WHERE verdict = verdicts.id AND status = 'worse'), 0),
  regions_inherited = coalesce((SELECT n FROM counts WHERE verdict = verdicts.id AND status = 'inherited'), 0),
  regions_fixed = coalesce((SELECT n FROM counts WHERE verdict = verdicts.id AND status = 'fixed'), 0),
  regions_suspected = coalesce((SELECT n FROM counts WHERE verdict = verdicts.id AND status = 'suspected'), 0);

-- Which waiver covered a finding when its verdict was given.
ALTER TABLE findings ADD COLUMN waiver TEXT NOT NULL DEFAULT '';
UPDATE findings SET waiver = coalesce(json_extract(finding_json, '$.waiver'), '');
CREATE INDEX findings_by_waiver ON findings (waiver) WHERE waiver <> '';
CREATE INDEX findings_by_region ON findings (region) WHERE region <> '';
CREATE INDEX findings_by_id ON findings (id);

-- How many people's words count for a region (core/regions/votes.h).
ALTER TABLE regions ADD COLUMN voters INTEGER NOT NULL DEFAULT 0;
UPDATE regions SET voters = (
  SELECT count(*) FROM labels l WHERE l.region = regions.id AND l.label <> ''
    AND l.id = (SELECT max(m.id) FROM labels m WHERE m.region = l.region AND m.who = l.who));
-- Lists filter and sort on the index alone: a region's JSON is long, and lies before these columns in its row.
DROP INDEX regions_by_impact;
CREATE INDEX regions_by_impact ON regions (model, impact DESC, first_seen DESC, status, human_label, voters);
DROP INDEX regions_by_model;
CREATE INDEX regions_by_model ON regions (model, first_seen, status, human_label, voters);

-- version_less() (core/registry/source.h) as an order of the database: integers as integers, then names.
CREATE INDEX versions_in_order ON versions (
  model, version GLOB '*[^0-9]*',
  iif(version GLOB '*[^0-9]*', 0, length(ltrim(version, '0'))),
  iif(version GLOB '*[^0-9]*', '', ltrim(version, '0')),
  version) WHERE current = 1;
