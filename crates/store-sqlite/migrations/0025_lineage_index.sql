-- Nearly no object has a second lineage, and whether it has is asked first. Databases that migration 19 made as builds before had it
-- lack this index.
CREATE INDEX IF NOT EXISTS holding_lineage ON holding (object) WHERE lineage <> 0;
