-- What other members are still to be told of what this node refused of what they sent. no: never given twice while the node runs.
-- lane: 0 FLASH, 1 routine.
CREATE TABLE owed (
  no    INTEGER PRIMARY KEY AUTOINCREMENT,
  peer  BLOB NOT NULL,
  lane  INTEGER NOT NULL,
  place INTEGER NOT NULL,
  rule  TEXT NOT NULL
);
CREATE INDEX owed_peer ON owed (peer, no);
