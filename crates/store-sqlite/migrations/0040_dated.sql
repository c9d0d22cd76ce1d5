-- What says when it was created and not when it was modified has `created` for its version, which is then its place among the versions of
-- its object. The rows are written by src/dated.rs, which reads the bytes.

-- Objects of which a collection holds, or has held, versions in several editions of the specification. Nearly none: where a collection has
-- no line here, which edition is asked for decides nothing between versions.
CREATE TABLE mixed (
  collection INTEGER NOT NULL,
  object     INTEGER NOT NULL,
  PRIMARY KEY (collection, object)
) WITHOUT ROWID;

-- The readable name that a collection was given in place of an id, beside its alias. Those of before have ids that were made of it, and are
-- found by these.
ALTER TABLE collection ADD COLUMN name TEXT;
CREATE UNIQUE INDEX collection_name ON collection (name);
