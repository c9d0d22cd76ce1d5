-- Exchange between members: what federation reads and changes, row by row. Members and digests are 32 bytes.

-- Own acts and those of others. signed: the JSON it came as. awaited: since when no head of the author covers it.
CREATE TABLE act (
  author   BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  leaf     BLOB NOT NULL,
  kind     TEXT NOT NULL,
  object   TEXT,
  signed   TEXT NOT NULL,
  awaited  INTEGER,
  PRIMARY KEY (author, sequence)
) WITHOUT ROWID;
CREATE INDEX act_awaited ON act (author, sequence) WHERE awaited IS NOT NULL;

CREATE TABLE payload (
  author   BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  salt     BLOB NOT NULL,
  bytes    BLOB NOT NULL,
  PRIMARY KEY (author, sequence)
) WITHOUT ROWID;

-- Versions held under the word of a member, this one too. passed_by: who passed it on, where it did not come from its author.
CREATE TABLE held (
  author    BLOB NOT NULL,
  object    TEXT NOT NULL,
  version   TEXT NOT NULL,
  sequence  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  digest    BLOB NOT NULL,
  rules     TEXT NOT NULL,
  passed_by BLOB,
  PRIMARY KEY (author, object, version)
) WITHOUT ROWID;

-- What has become of an object, for ever.
CREATE TABLE fate (
  author   BLOB NOT NULL,
  object   TEXT NOT NULL,
  recalled INTEGER,
  erased   INTEGER,
  PRIMARY KEY (author, object)
) WITHOUT ROWID;

CREATE TABLE narrowing (
  author   BLOB NOT NULL,
  object   TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  rules    TEXT NOT NULL,
  PRIMARY KEY (author, object, sequence)
) WITHOUT ROWID;

-- Who has an own object, or was to have it.
CREATE TABLE holder (
  author BLOB NOT NULL,
  object TEXT NOT NULL,
  member BLOB NOT NULL,
  ground TEXT NOT NULL,
  since  INTEGER NOT NULL,
  PRIMARY KEY (author, object, member)
) WITHOUT ROWID;

-- What became of an own act at one addressee. refused: the code. receipt and outcome: the addressee's act that says it was done.
CREATE TABLE receipt (
  sequence INTEGER NOT NULL,
  member   BLOB NOT NULL,
  refused  TEXT,
  receipt  INTEGER,
  outcome  TEXT,
  PRIMARY KEY (sequence, member)
) WITHOUT ROWID;

CREATE TABLE consent (
  id        BLOB NOT NULL PRIMARY KEY,
  author    BLOB NOT NULL,
  object    TEXT NOT NULL,
  digest    BLOB NOT NULL,
  giver     BLOB NOT NULL,
  recipient BLOB NOT NULL,
  until     INTEGER NOT NULL,
  signed    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX consent_object ON consent (author, object);

-- lane: 0 FLASH, 1 routine.
CREATE TABLE outbox (
  peer     BLOB NOT NULL,
  lane     INTEGER NOT NULL,
  place    INTEGER NOT NULL,
  author   BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (peer, lane, place)
) WITHOUT ROWID;
CREATE INDEX outbox_act ON outbox (author, sequence);

-- heads: leaves of each ledger that it last said it has; a key and eight bytes each, the highest byte first.
CREATE TABLE peer (
  member         BLOB NOT NULL PRIMARY KEY,
  flash_last     INTEGER NOT NULL,
  flash_acked    INTEGER NOT NULL,
  flash_cursor   INTEGER NOT NULL,
  routine_last   INTEGER NOT NULL,
  routine_acked  INTEGER NOT NULL,
  routine_cursor INTEGER NOT NULL,
  version        INTEGER,
  seen           INTEGER,
  skew_us        INTEGER NOT NULL,
  heads          BLOB NOT NULL
) WITHOUT ROWID;

-- Ledgers of others: the head taken last with our cosignature, and their tiles, numbered as those of table tile.
CREATE TABLE mirror (
  member BLOB NOT NULL PRIMARY KEY,
  size   INTEGER NOT NULL,
  note   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE mirror_tile (
  member BLOB NOT NULL,
  no     INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (member, no)
) WITHOUT ROWID;

-- Logs. there: whether the peer refused what this node sent.
CREATE TABLE refusal (
  no    INTEGER NOT NULL PRIMARY KEY,
  there INTEGER NOT NULL,
  peer  BLOB,
  lane  INTEGER,
  place INTEGER,
  rule  TEXT NOT NULL,
  at    INTEGER NOT NULL
);

CREATE TABLE evidence (
  no     INTEGER NOT NULL PRIMARY KEY,
  origin BLOB NOT NULL,
  text   TEXT NOT NULL
);

-- How far taking back after a restore has come: one row while it goes on. first: the first leaf asked for. answered: keys one
-- after the other.
CREATE TABLE recovery (
  one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  first    INTEGER NOT NULL,
  since    INTEGER NOT NULL,
  answered BLOB NOT NULL
);

-- 1 while words of something erased may still stand in the full-text index, which only marks what is deleted.
INSERT INTO number (name, value) VALUES ('text_purge', 0);
