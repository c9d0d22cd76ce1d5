-- What a restore has lost and the other members give back.

-- Leaves of the own ledger of which only the hash has come back. Where the act is known, it stands in leaf instead.
CREATE TABLE bare_leaf (
  sequence INTEGER NOT NULL PRIMARY KEY,
  hash     BLOB NOT NULL
);

-- The latest life of the member's node that was heard of.
ALTER TABLE peer ADD COLUMN life INTEGER NOT NULL DEFAULT 0;

-- One row while a recovery goes on. first: the first leaf asked for. stage: 1 taking back, 2 catching up.
DROP TABLE recovery;
CREATE TABLE recovery (
  one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  first INTEGER NOT NULL,
  since INTEGER NOT NULL,
  stage INTEGER NOT NULL
);

-- How far each member has given back. next: the place to ask from. flash and routine: up to where its lanes are to be read,
-- once it has given back everything. without: 1 where the operator does not wait for it.
CREATE TABLE recovery_peer (
  member  BLOB NOT NULL PRIMARY KEY,
  next    INTEGER NOT NULL,
  flash   INTEGER,
  routine INTEGER,
  without INTEGER NOT NULL
) WITHOUT ROWID;

-- life: which life of this node it is, 0 before its first restore. restored: 1 from a restore until the node has begun a
-- recovery, or found that its member is in no community.
INSERT INTO number (name, value) VALUES ('life', 0), ('restored', 0);
