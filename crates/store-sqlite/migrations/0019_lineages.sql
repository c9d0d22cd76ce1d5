-- Which lineage of its object a version belongs to: 0 for the first that was heard of, 1 for the next, and so on. A lineage is the
-- versions with one `created` and one creator, which alone follow each other: what somebody else says of an object that is held
-- neither replaces nor revokes it. The same number in both tables. Observables have neither `created` nor creator.
ALTER TABLE version ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holding ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;

-- lone = 1: certainly the only one. Where there are several, not all of them are lone.
CREATE TEMP TABLE found AS
  SELECT collection, added, version, dense_rank() OVER (PARTITION BY object ORDER BY first) - 1 AS lineage FROM (
    SELECT h.collection, h.added, h.object, h.version,
      min(h.added) OVER (PARTITION BY h.object, v.created_key, v.creator) AS first
    FROM holding h JOIN version v ON v.no = h.version
    WHERE h.object IN (SELECT o.object FROM holding o WHERE o.lone = 0));
DELETE FROM temp.found WHERE lineage = 0;
CREATE INDEX temp.found_place ON found (collection, added);
UPDATE holding SET lineage = coalesce(
  (SELECT f.lineage FROM temp.found f WHERE f.collection = holding.collection AND f.added = holding.added), 0)
  WHERE EXISTS (SELECT 1 FROM temp.found);
UPDATE version SET lineage = (SELECT max(f.lineage) FROM temp.found f WHERE f.version = version.no)
  WHERE no IN (SELECT version FROM temp.found);
DROP TABLE temp.found;
