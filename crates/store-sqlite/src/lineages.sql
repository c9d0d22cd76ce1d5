-- Numbers the lineages of all objects anew, and sets the marks of the two ends where there are several. Part of the text of
-- migration 30, and of every restore of a sealed backup: it is never changed.
UPDATE holding SET lineage = 0 WHERE lineage <> 0;
UPDATE version SET lineage = 0 WHERE lineage <> 0;
-- lone = 1: certainly the only one in its collection. Where an object has several versions, not all of them are lone.
CREATE TEMP TABLE found AS
  SELECT collection, added, object, version, dense_rank() OVER (PARTITION BY object ORDER BY first) AS lineage FROM (
    SELECT h.collection, h.added, h.object, h.version,
      min(h.added) OVER (PARTITION BY h.object, v.created_key, v.creator, h.owner) AS first
    FROM holding h JOIN version v ON v.no = h.version
    WHERE h.object IN (SELECT o.object FROM holding o WHERE o.lone = 0));
DELETE FROM temp.found WHERE object NOT IN (SELECT f.object FROM temp.found f WHERE f.lineage > 1);
UPDATE holding SET lineage = f.lineage FROM temp.found f WHERE holding.collection = f.collection AND holding.added = f.added;
UPDATE version SET lineage = f.lineage FROM temp.found f WHERE version.no = f.version;
DROP TABLE temp.found;
CREATE TEMP TABLE ends AS
  SELECT collection, added,
    restricted = 0 AND row_number() OVER (PARTITION BY object, collection, restricted
      ORDER BY lineage <> longest, place DESC, added) = 1 AS is_last,
    restricted = 0 AND row_number() OVER (PARTITION BY object, collection, restricted
      ORDER BY lineage <> longest, ltrim(place, '~'), added) = 1 AS is_first
  FROM (SELECT h.*, first_value(h.lineage) OVER (PARTITION BY h.object, h.collection, h.restricted ORDER BY h.added) AS longest
    FROM holding h WHERE h.object IN (SELECT o.object FROM holding o WHERE o.lineage <> 0));
UPDATE holding SET is_last = e.is_last, is_first = e.is_first FROM temp.ends e
  WHERE holding.collection = e.collection AND holding.added = e.added;
DROP TABLE temp.ends;
