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

