-- Signed documents of a community, word for word.

CREATE TABLE paper (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  at   INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
