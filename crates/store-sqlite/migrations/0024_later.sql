-- Own versions that a member is named for and cannot have yet. lane: 0 FLASH, 1 routine. rule: why. look: when handling is asked
-- again; the largest number where it is for something to happen.
CREATE TABLE later (
  object  TEXT NOT NULL,
  version TEXT NOT NULL,
  member  BLOB NOT NULL,
  lane    INTEGER NOT NULL,
  rule    TEXT NOT NULL,
  since   INTEGER NOT NULL,
  look    INTEGER NOT NULL,
  PRIMARY KEY (object, version, member)
) WITHOUT ROWID;
CREATE INDEX later_look ON later (look);
CREATE INDEX later_member ON later (member);
