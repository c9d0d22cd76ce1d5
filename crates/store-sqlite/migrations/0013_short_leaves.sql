-- Headers of own acts in their short form, and what they have in common (crate ledger, module short).

CREATE TABLE leaf_common (
  no   INTEGER NOT NULL PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
);

-- null: the header stands there in full.
ALTER TABLE leaf ADD COLUMN common INTEGER;

-- For reading: each leaf with what completes its header.
CREATE VIEW written_leaf AS
  SELECT l.sequence, l.object, l.header, l.salt, c.text AS common
  FROM leaf l LEFT JOIN leaf_common c ON c.no = l.common;
