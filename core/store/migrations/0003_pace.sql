-- How fast the station of a running job has gone: since when, and from which share of it (one that goes on after a kill
-- does not begin at 0), and when its progress was last heard of.
ALTER TABLE jobs ADD COLUMN station_since INTEGER;
ALTER TABLE jobs ADD COLUMN station_from REAL NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN progress_at INTEGER;
