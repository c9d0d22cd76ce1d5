-- People, tokens, sessions, collections, and the node's own numbers.
-- Numbers of accounts and collections come from table number and are never given twice.

CREATE TABLE number (
  name  TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO number (name, value) VALUES
  ('account', 0), ('accounts_epoch', 0), ('collection', 0), ('last_added', 0), ('name', 0), ('object', 0),
  ('text_done', 0), ('version', 0);

CREATE TABLE setting (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE job (
  name  TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE account (
  no            INTEGER NOT NULL PRIMARY KEY,
  name          TEXT NOT NULL,
  name_key      TEXT NOT NULL UNIQUE,
  password_hash TEXT,
  roles         TEXT NOT NULL,
  disabled      INTEGER NOT NULL DEFAULT 0,
  created       INTEGER NOT NULL,
  epoch         INTEGER NOT NULL
);

CREATE TABLE token (
  id      TEXT NOT NULL PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account (no),
  digest  BLOB NOT NULL UNIQUE,
  scopes  TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  revoked INTEGER
) WITHOUT ROWID;

CREATE TABLE session (
  digest  BLOB NOT NULL PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account (no),
  csrf    TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_account ON session (account);

CREATE TABLE collection (
  no          INTEGER NOT NULL PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  alias       TEXT UNIQUE,
  title       TEXT NOT NULL,
  description TEXT,
  strict      INTEGER NOT NULL,
  created     INTEGER NOT NULL,
  last_added  INTEGER
);

-- One line of an access list speaks to an account (role empty) or to a role (account 0).
CREATE TABLE access (
  collection INTEGER NOT NULL REFERENCES collection (no),
  account    INTEGER NOT NULL,
  role       TEXT NOT NULL,
  may_read   INTEGER NOT NULL,
  may_write  INTEGER NOT NULL,
  PRIMARY KEY (collection, account, role)
) WITHOUT ROWID;

-- The per-object results are one packed value: they are read and written together.
CREATE TABLE status (
  id        TEXT NOT NULL PRIMARY KEY,
  account   INTEGER NOT NULL,
  requested INTEGER NOT NULL,
  objects   BLOB NOT NULL
);
CREATE INDEX status_requested ON status (requested);
