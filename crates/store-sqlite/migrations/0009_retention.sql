-- What others gave for a time that is over. mark: SHA-256 of this store's key and the digest of the bytes. rules: for whom it was.
CREATE TABLE gone (
  mark  BLOB NOT NULL,
  rules TEXT NOT NULL,
  at    INTEGER NOT NULL,
  PRIMARY KEY (mark, rules)
) WITHOUT ROWID;

CREATE INDEX held_kept ON held (author, object, version) WHERE instr(rules, ' keep=') > 0;
