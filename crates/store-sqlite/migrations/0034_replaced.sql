-- Acts that gave a version before the one by which it is held, which gave the same again: what receipts for it may be of, and the salts that
-- open what backups of before have of them. They go with the version. version: as in held.
CREATE TABLE replaced (
  author   BLOB NOT NULL,
  object   INTEGER NOT NULL,
  version  TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  salt     BLOB NOT NULL,
  PRIMARY KEY (author, object, version, sequence)
) WITHOUT ROWID;
