-- The same of what was said of them to be given to members.
CREATE TEMP TABLE renamed AS
  SELECT k.name || '--' || CASE length(o.uuid) WHEN 16 THEN
      lower(substr(hex(o.uuid), 1, 8) || '-' || substr(hex(o.uuid), 9, 4) || '-' || substr(hex(o.uuid), 13, 4) || '-' ||
      substr(hex(o.uuid), 17, 4) || '-' || substr(hex(o.uuid), 21)) ELSE CAST(o.uuid AS TEXT) END AS object,
    coalesce(v.modified, '') AS version, min(w.names) AS names
  FROM temp.waiting w JOIN version v ON v.no = w.version JOIN object o ON o.no = w.object JOIN name k ON k.no = o.kind
  GROUP BY 1, 2;
CREATE INDEX temp.renamed_of ON renamed (object, version);
UPDATE held SET rules = replace(rules, ' markings=awaited', ' markings=' || (
    SELECT r.names FROM temp.renamed r WHERE r.object = held.object AND r.version = held.version))
  WHERE instr(rules, ' markings=awaited') > 0
    AND EXISTS (SELECT 1 FROM temp.renamed r WHERE r.object = held.object AND r.version = held.version);
DROP TABLE temp.bears;
DROP TABLE temp.waiting;
DROP TABLE temp.renamed;
