-- What lists of regions are filtered and sorted by, so that a page need not read every region whole. `impact`: how many
-- seeds of the confirmation half fail in it.
ALTER TABLE regions ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE regions ADD COLUMN impact REAL NOT NULL DEFAULT 0;
UPDATE regions SET
  status = coalesce(json_extract(region_json, '$.status'), ''),
  impact = coalesce(json_extract(region_json, '$.confirm.candidate_error') * json_extract(region_json, '$.confirm.seeds'), 0);
CREATE INDEX regions_by_impact ON regions (model, impact DESC, first_seen DESC);
