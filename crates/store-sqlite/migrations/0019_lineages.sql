-- Which lineage of its object a version belongs to: 0 for the first that was heard of, 1 for the next, and so on. A lineage is the
-- versions with one `created` and one creator, which alone follow each other: what somebody else says of an object that is held
-- neither replaces nor revokes it. The same number in both tables. Observables have neither `created` nor creator.
ALTER TABLE version ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holding ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;

-- Nearly no object has a second one, and whether it has is asked first.
CREATE INDEX holding_lineage ON holding (object) WHERE lineage <> 0;

-- What stands is numbered by src/lineages.sql, which follows here.
