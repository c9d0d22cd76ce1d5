-- What was only deleted and has its key still: where it stood last, under which rules, of which date, and two bytes each of the keyed
-- digests of its bytes and of its content, by which a deed that reaches it later knows it. What was deleted before this table has a key and
-- no row.
CREATE TABLE deleted (
  object     INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  collection INTEGER NOT NULL,
  rules      TEXT NOT NULL,
  dated      TEXT NOT NULL,
  bytes      BLOB NOT NULL,
  content    BLOB NOT NULL,
  PRIMARY KEY (object, version)
) WITHOUT ROWID;
