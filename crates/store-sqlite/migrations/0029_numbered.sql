-- Exchange names objects by their number, as everything else here does. Identifiers are random: a table that is ordered by them
-- is written to in a place of its own for every object, one that is ordered by numbers at its end.
-- temp.numbered tells the number of every identifier in these tables; src/migrate.rs fills it.

DROP INDEX act_awaited;
DROP INDEX act_notice;
DROP INDEX held_kept;
ALTER TABLE act RENAME TO old_act;
ALTER TABLE held RENAME TO old_held;
ALTER TABLE fate RENAME TO old_fate;
ALTER TABLE narrowing RENAME TO old_narrowing;
ALTER TABLE holder RENAME TO old_holder;

-- As before, but for object.
CREATE TABLE act (
  author   BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  leaf     BLOB NOT NULL,
  kind     TEXT NOT NULL,
  object   INTEGER,
  signed   TEXT NOT NULL,
  awaited  INTEGER,
  PRIMARY KEY (author, sequence)
) WITHOUT ROWID;
CREATE INDEX act_awaited ON act (author, sequence) WHERE awaited IS NOT NULL;
CREATE INDEX act_notice ON act (author, sequence) WHERE kind = 'glass-broken';

-- The others as before, but that their keys begin with the object.
CREATE TABLE held (
  object    INTEGER NOT NULL,
  author    BLOB NOT NULL,
  version   TEXT NOT NULL,
  sequence  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  digest    BLOB NOT NULL,
  rules     TEXT NOT NULL,
  passed_by BLOB,
  PRIMARY KEY (object, author, version)
) WITHOUT ROWID;
CREATE INDEX held_kept ON held (object, author, version) WHERE instr(rules, ' keep=') > 0;

CREATE TABLE fate (
  object   INTEGER NOT NULL,
  author   BLOB NOT NULL,
  recalled INTEGER,
  erased   INTEGER,
  PRIMARY KEY (object, author)
) WITHOUT ROWID;

CREATE TABLE narrowing (
  object   INTEGER NOT NULL,
  author   BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  rules    TEXT NOT NULL,
  PRIMARY KEY (object, author, sequence)
) WITHOUT ROWID;

CREATE TABLE holder (
  object INTEGER NOT NULL,
  author BLOB NOT NULL,
  member BLOB NOT NULL,
  ground TEXT NOT NULL,
  since  INTEGER NOT NULL,
  PRIMARY KEY (object, author, member)
) WITHOUT ROWID;

INSERT INTO act (author, sequence, leaf, kind, object, signed, awaited)
  SELECT o.author, o.sequence, o.leaf, o.kind, n.no, o.signed, o.awaited
  FROM old_act o LEFT JOIN temp.numbered n ON n.id = o.object ORDER BY o.author, o.sequence;
INSERT INTO held (object, author, version, sequence, kind, digest, rules, passed_by)
  SELECT n.no, o.author, o.version, o.sequence, o.kind, o.digest, o.rules, o.passed_by
  FROM old_held o JOIN temp.numbered n ON n.id = o.object ORDER BY n.no;
INSERT INTO fate (object, author, recalled, erased)
  SELECT n.no, o.author, o.recalled, o.erased FROM old_fate o JOIN temp.numbered n ON n.id = o.object ORDER BY n.no;
INSERT INTO narrowing (object, author, sequence, rules)
  SELECT n.no, o.author, o.sequence, o.rules FROM old_narrowing o JOIN temp.numbered n ON n.id = o.object ORDER BY n.no;
INSERT INTO holder (object, author, member, ground, since)
  SELECT n.no, o.author, o.member, o.ground, o.since FROM old_holder o JOIN temp.numbered n ON n.id = o.object ORDER BY n.no;

DROP TABLE old_act;
DROP TABLE old_held;
DROP TABLE old_fate;
DROP TABLE old_narrowing;
DROP TABLE old_holder;
DROP TABLE temp.numbered;
