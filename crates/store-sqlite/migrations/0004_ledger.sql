-- The member's ledger: acts in order, tiles of hashes, and the head signed last.

-- header: exact bytes; the leaf is their hash. salt: gone after erasure, and with it what the header commits to.
CREATE TABLE leaf (
  sequence INTEGER NOT NULL PRIMARY KEY,
  object   INTEGER,
  header   BLOB NOT NULL,
  salt     BLOB
);
CREATE INDEX leaf_object ON leaf (object, sequence) WHERE object IS NOT NULL;

-- no: level * 2^56 + index. Hashes of 32 bytes, 1 to 256 of them.
CREATE TABLE tile (
  no     INTEGER NOT NULL PRIMARY KEY,
  hashes BLOB NOT NULL
);

-- One row.
CREATE TABLE head (
  one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  size INTEGER NOT NULL,
  note TEXT NOT NULL
);
