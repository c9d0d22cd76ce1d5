-- Numbers the lineages of all objects anew. Part of the text of migration 19, and of every restore of a sealed backup: it is never
-- changed. lone = 1: certainly the only one. Where there are several, not all of them are lone.
UPDATE holding SET lineage = 0 WHERE lineage <> 0;
UPDATE version SET lineage = 0 WHERE lineage <> 0;
CREATE TEMP TABLE found AS
  SELECT collection, added, version, dense_rank() OVER (PARTITION BY object ORDER BY first) - 1 AS lineage FROM (
    SELECT h.collection, h.added, h.object, h.version,
      min(h.added) OVER (PARTITION BY h.object, v.created_key, v.creator) AS first
    FROM holding h JOIN version v ON v.no = h.version
    WHERE h.object IN (SELECT o.object FROM holding o WHERE o.lone = 0));
DELETE FROM temp.found WHERE lineage = 0;
UPDATE holding SET lineage = f.lineage FROM temp.found f WHERE holding.collection = f.collection AND holding.added = f.added;
UPDATE version SET lineage = f.lineage FROM temp.found f WHERE version.no = f.version;
DROP TABLE temp.found;
