-- Which candidates were judged on which test split of a line, in what order. A candidate keeps its place, and what it
-- knew of those before it, when it is judged again; only `rejected` follows its last verdict.
CREATE TABLE judgements (
  model       TEXT NOT NULL,
  data_digest TEXT NOT NULL,
  digest      TEXT NOT NULL,     -- of the candidate
  version     TEXT NOT NULL,
  position    INTEGER NOT NULL CHECK (position >= 1),
  rejections  INTEGER NOT NULL CHECK (rejections >= 0),  -- among those before it, when it was first judged
  rejected    INTEGER NOT NULL CHECK (rejected IN (0, 1)),
  at          INTEGER NOT NULL,
  PRIMARY KEY (model, data_digest, digest)
) STRICT, WITHOUT ROWID;
