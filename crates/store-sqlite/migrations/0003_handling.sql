-- What objects are under: handling::Rules, each set of rules once, however many holdings are under it.
-- form is the line of text that is the rules; the other columns say the same for queries.
-- open: whether every reader of this node may see it whatever the time; see handling::Rules::open_here.
CREATE TABLE rules (
  no         INTEGER NOT NULL PRIMARY KEY,
  form       TEXT NOT NULL UNIQUE,
  open       INTEGER NOT NULL,
  level      INTEGER NOT NULL,
  pap        INTEGER NOT NULL,
  originator TEXT NOT NULL,
  controlled INTEGER NOT NULL,
  embargo    INTEGER,
  keep       INTEGER,
  purposes   INTEGER NOT NULL,
  awaited    INTEGER NOT NULL
);
CREATE INDEX rules_timed ON rules (no) WHERE embargo IS NOT NULL OR keep IS NOT NULL;

-- Every clause must hold somebody the reader is. An empty clause has one row, whose addressee is nobody: ''.
CREATE TABLE addressee (
  rules     INTEGER NOT NULL,
  clause    INTEGER NOT NULL,
  addressee TEXT NOT NULL,
  PRIMARY KEY (rules, clause, addressee)
) WITHOUT ROWID;

-- Who may see it where only named persons may.
CREATE TABLE named (
  rules  INTEGER NOT NULL,
  person TEXT NOT NULL,
  PRIMARY KEY (rules, person)
) WITHOUT ROWID;

INSERT INTO number (name, value) VALUES ('rules', 0);

-- 0 = the rules of the version's own TLP level, below TLP:RED. restricted is the opposite of rules.open.
ALTER TABLE holding ADD COLUMN rules INTEGER NOT NULL DEFAULT 0;
CREATE INDEX holding_rules ON holding (rules) WHERE rules <> 0;

-- Whether it is certainly the only version of its object in its collection, and so first and last for whoever sees it.
-- 0 says nothing.
ALTER TABLE holding ADD COLUMN lone INTEGER NOT NULL DEFAULT 0;

-- What was for named persons until now becomes rules that say so.
CREATE TEMP TABLE converted AS
  SELECT h.collection, h.added, coalesce(v.tlp, 3) AS level,
    coalesce((SELECT group_concat('here:' || p.account, ',' ORDER BY p.account) FROM person p
      WHERE p.collection = h.collection AND p.added = h.added), '-') AS persons
  FROM holding h JOIN version v ON v.no = h.version WHERE h.restricted = 1;
CREATE TEMP TABLE distinct_rules AS
  SELECT row_number() OVER (ORDER BY level, persons) AS no, level, persons,
    'tlp=' || CASE level WHEN 0 THEN 'clear' WHEN 1 THEN 'green' WHEN 2 THEN 'amber' WHEN 3 THEN 'amber+strict' ELSE 'red' END
    || ' to=' || persons || CASE level WHEN 4 THEN ' named=' || persons ELSE '' END || ' by=here' AS form
  FROM (SELECT DISTINCT level, persons FROM temp.converted);
INSERT INTO rules (no, form, open, level, pap, originator, controlled, purposes, awaited)
  SELECT no, form, 0, level, 0, 'here', 0, 7, 0 FROM temp.distinct_rules;
INSERT INTO addressee (rules, clause, addressee) SELECT no, 0, '' FROM temp.distinct_rules WHERE persons = '-';
INSERT INTO addressee (rules, clause, addressee)
  SELECT DISTINCT d.no, 0, 'here:' || p.account FROM temp.distinct_rules d
  JOIN temp.converted c ON c.level = d.level AND c.persons = d.persons
  JOIN person p ON p.collection = c.collection AND p.added = c.added;
INSERT INTO named (rules, person)
  SELECT a.rules, a.addressee FROM addressee a JOIN rules r ON r.no = a.rules WHERE r.level = 4 AND a.addressee <> '';
UPDATE holding SET rules = (SELECT d.no FROM temp.converted c JOIN temp.distinct_rules d
    ON d.level = c.level AND d.persons = c.persons WHERE c.collection = holding.collection AND c.added = holding.added)
  WHERE restricted = 1;
UPDATE number SET value = (SELECT count(*) FROM rules) WHERE name = 'rules';
DROP TABLE temp.converted;
DROP TABLE temp.distinct_rules;
DROP TABLE person;
