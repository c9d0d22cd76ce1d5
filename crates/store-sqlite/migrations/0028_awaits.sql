-- Which marking definitions rules await, by identifier: says for queries what rules.form says, as addressee and named do.
CREATE TABLE awaits (
  rules      INTEGER NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (rules, definition)
) WITHOUT ROWID;
CREATE INDEX awaits_definition ON awaits (definition);

-- What awaited some definition until now awaits those that it bears itself, and those that versions bear which came before it and
-- await one too. What has markings on its parts goes on awaiting nobody knows which: no row says which these are.
CREATE TEMP TABLE bears AS
  SELECT DISTINCT h.object, h.lineage, h.added,
    CASE length(o.uuid) WHEN 16 THEN lower(substr(hex(o.uuid), 1, 8) || '-' || substr(hex(o.uuid), 9, 4) || '-' ||
      substr(hex(o.uuid), 13, 4) || '-' || substr(hex(o.uuid), 17, 4) || '-' || substr(hex(o.uuid), 21))
    ELSE CAST(o.uuid AS TEXT) END AS uuid
  FROM rules r JOIN holding h ON h.rules = r.no AND h.rules <> 0
  JOIN name n ON n.name = 'object_marking_refs'
  JOIN edge e ON e.source = h.object AND e.name = n.no AND e.version = h.version
  JOIN object o ON o.no = e.target JOIN name k ON k.no = o.kind AND k.name = 'marking-definition'
  WHERE r.awaited = 1 AND r.originator = 'here';
-- Those that TLP publishes are always known.
DELETE FROM temp.bears WHERE uuid IN (
  '94868c89-83c2-464b-929b-a1a8aa3c8487', 'bab4a63c-aed9-4cf5-a766-dfca5abac2bb', '55d920b0-5e8b-4f79-9ee9-91f868d9b421',
  '939a9414-2ddd-4d32-a0cd-375ea402b003', 'e828b379-4e03-4974-9ac4-e53a884c97c1', '613f2e26-407d-48c7-9eca-b8e91df99dc9',
  '34098fce-860f-48ae-8e50-ebd3cc5e41da', 'f88d31f6-486f-44da-b317-01333bde0b82', '5e57c739-391a-4eb3-b6be-7d15ca92d5ed');
CREATE INDEX temp.bears_of ON bears (object, lineage, added);
CREATE TEMP TABLE waiting AS
  SELECT h.collection, h.added, h.object, h.lineage, h.version, r.no AS old, r.form,
    (SELECT group_concat(DISTINCT b.uuid ORDER BY b.uuid) FROM temp.bears b
      WHERE b.object = h.object AND b.lineage = h.lineage AND b.added <= h.added) AS names
  FROM rules r JOIN holding h ON h.rules = r.no AND h.rules <> 0
  WHERE r.awaited = 1 AND r.originator = 'here' AND NOT EXISTS (
    SELECT 1 FROM holding w JOIN rules s ON s.no = w.rules JOIN body b ON b.version = w.version
    WHERE w.object = h.object AND w.lineage = h.lineage AND w.added <= h.added AND s.awaited = 1
      AND instr(b.bytes, CAST('"granular_markings"' AS BLOB)) > 0);
-- Up to sixteen are awaited by name: 36 characters each, and commas.
DELETE FROM temp.waiting WHERE names IS NULL OR length(names) > 591;
UPDATE temp.waiting SET form = replace(form, ' markings=awaited', ' markings=' || names);
INSERT INTO rules (no, form, open, level, pap, originator, controlled, embargo, keep, purposes, awaited)
  SELECT (SELECT value FROM number WHERE name = 'rules') + row_number() OVER (ORDER BY w.form), w.form, r.open, r.level, r.pap,
    r.originator, r.controlled, r.embargo, r.keep, r.purposes, 1
  FROM (SELECT form, min(old) AS old FROM temp.waiting GROUP BY form) w JOIN rules r ON r.no = w.old;
INSERT INTO addressee (rules, clause, addressee)
  SELECT DISTINCT n.no, a.clause, a.addressee FROM temp.waiting w JOIN rules n ON n.form = w.form JOIN addressee a ON a.rules = w.old;
INSERT INTO named (rules, person)
  SELECT DISTINCT n.no, p.person FROM temp.waiting w JOIN rules n ON n.form = w.form JOIN named p ON p.rules = w.old;
INSERT INTO awaits (rules, definition)
  SELECT DISTINCT n.no, 'marking-definition--' || b.uuid FROM temp.waiting w JOIN rules n ON n.form = w.form
  JOIN temp.bears b ON b.object = w.object AND b.lineage = w.lineage AND b.added <= w.added;
UPDATE number SET value = (SELECT max(no) FROM rules) WHERE name = 'rules' AND EXISTS (SELECT 1 FROM temp.waiting);
UPDATE holding SET rules = n.no FROM temp.waiting w JOIN rules n ON n.form = w.form
  WHERE holding.collection = w.collection AND holding.added = w.added;
DELETE FROM addressee WHERE rules IN (SELECT w.old FROM temp.waiting w)
  AND NOT EXISTS (SELECT 1 FROM holding h WHERE h.rules = addressee.rules AND h.rules <> 0);
DELETE FROM named WHERE rules IN (SELECT w.old FROM temp.waiting w)
  AND NOT EXISTS (SELECT 1 FROM holding h WHERE h.rules = named.rules AND h.rules <> 0);
DELETE FROM rules WHERE no IN (SELECT w.old FROM temp.waiting w)
  AND NOT EXISTS (SELECT 1 FROM holding h WHERE h.rules = rules.no AND h.rules <> 0);

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
