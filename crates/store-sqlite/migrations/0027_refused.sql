-- The object that a refused act was about, as its sender named it.
ALTER TABLE refusal ADD COLUMN object TEXT;

-- How often a peer and this node refused each other's acts: the log keeps only the last.
CREATE TABLE refused (
  peer  BLOB NOT NULL PRIMARY KEY,
  here  INTEGER NOT NULL,
  there INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO refused (peer, here, there)
  SELECT peer, sum(NOT there), sum(there) FROM refusal WHERE peer IS NOT NULL GROUP BY peer;
