-- Marks of what other members gave and that stands here no more, whatever took it away. Those of before, of what was past its
-- retention, are in the table gone.
--
-- digest: two bytes of a keyed digest of what the object said. collection and rules: where it stood, and who could see it there.
-- word: whose it was. forbidden: whether a copy may not come in as this member's own word: 0 it may, 1 its time was over, 2 its
-- originator had it erased.
CREATE TABLE mark (
  object     INTEGER NOT NULL,
  digest     BLOB NOT NULL,
  collection INTEGER NOT NULL,
  rules      TEXT NOT NULL,
  word       TEXT NOT NULL,
  forbidden  INTEGER NOT NULL,
  PRIMARY KEY (object, digest, collection, rules)
) WITHOUT ROWID;
