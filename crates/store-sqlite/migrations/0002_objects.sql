-- Objects, their versions, where each version stands, and what they can be found by.
-- Everything after table holding derives from body.bytes and can be made again.

-- Words that repeat: object types and names of references.
CREATE TABLE name (
  no   INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

-- Every identifier held or referred to. uuid: 16 bytes, or the text where it is not in lower case.
CREATE TABLE object (
  no   INTEGER NOT NULL PRIMARY KEY,
  uuid BLOB NOT NULL,
  kind INTEGER NOT NULL,
  UNIQUE (uuid, kind)
);

-- One row for each distinct text of an object, however many collections hold it.
-- derived: what to take away again from posting, address and edge when the version goes.
CREATE TABLE version (
  no             INTEGER NOT NULL PRIMARY KEY,
  object         INTEGER NOT NULL,
  kind           INTEGER NOT NULL,
  spec           INTEGER NOT NULL,
  modified       TEXT,
  created_key    TEXT,
  creator        INTEGER,
  revoked        INTEGER NOT NULL,
  expires        INTEGER,
  confidence     INTEGER,
  tlp            INTEGER,
  digest         BLOB NOT NULL,
  content_digest BLOB NOT NULL,
  label          TEXT NOT NULL,
  findings       TEXT,
  derived        BLOB NOT NULL
);

-- The exact bytes of each version: the truth. Apart, so that what is known of objects stays close together.
CREATE TABLE body (
  version INTEGER NOT NULL PRIMARY KEY,
  bytes   BLOB NOT NULL
);

-- A version in a collection. added is unique over the node and rises in commit order.
-- place orders the versions of an object: the byte-ordered form of its moment; a revocation's begins with '~', which puts
-- it after every version that it forbids.
-- is_last and is_first are over the open versions (restricted = 0) of the object in the collection; a restricted
-- version is for the persons listed in table person and must leave no trace in what others see.
CREATE TABLE holding (
  collection  INTEGER NOT NULL,
  added       INTEGER NOT NULL,
  object      INTEGER NOT NULL,
  kind        INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  place       TEXT NOT NULL,
  spec        INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  is_last     INTEGER NOT NULL,
  is_first    INTEGER NOT NULL,
  restricted  INTEGER NOT NULL,
  PRIMARY KEY (collection, added)
) WITHOUT ROWID;
CREATE INDEX holding_object ON holding (object, place, collection);
CREATE INDEX holding_kind ON holding (collection, kind, added);

CREATE TABLE person (
  account    INTEGER NOT NULL,
  collection INTEGER NOT NULL,
  added      INTEGER NOT NULL,
  PRIMARY KEY (account, collection, added)
) WITHOUT ROWID;
CREATE INDEX person_added ON person (added);

CREATE TABLE posting (
  fingerprint BLOB NOT NULL,
  version     INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, version)
) WITHOUT ROWID;

-- Addresses and address ranges, IPv4 mapped into IPv6 space, both ends inclusive.
CREATE TABLE address (
  low     BLOB NOT NULL,
  high    BLOB NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (low, high, version)
) WITHOUT ROWID;

-- Said by version: a plain reference starts at the version's own object, a relationship at its source_ref.
CREATE TABLE edge (
  source  INTEGER NOT NULL,
  name    INTEGER NOT NULL,
  version INTEGER NOT NULL,
  target  INTEGER NOT NULL,
  PRIMARY KEY (source, name, version, target)
) WITHOUT ROWID;
CREATE INDEX edge_target ON edge (target, name, version, source);

CREATE TABLE pattern (
  version INTEGER NOT NULL PRIMARY KEY,
  pattern TEXT NOT NULL
);

CREATE TABLE sighting (
  version   INTEGER NOT NULL PRIMARY KEY,
  target    INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  last_seen INTEGER
);
CREATE INDEX sighting_target ON sighting (target);

-- Words come cut and folded; only spaces part them. rowid is version.no.
CREATE VIRTUAL TABLE text USING fts5 (
  words, content = '', contentless_delete = 1, detail = 'none',
  tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'"
);
