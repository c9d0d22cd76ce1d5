-- owner: whose the word is that a version stands by. NULL = this member's; otherwise the number in table name of the originator as
-- rules write it ('member:...'). What this member's people bring of what another member made under its identity is that member's.
-- A lineage is from now on the versions with one `created`, one creator and one owner: what another says under an identifier
-- neither replaces nor revokes it. Numbers: 0 where an object has one lineage, from 1 on where it has several.
ALTER TABLE holding ADD COLUMN owner INTEGER;
INSERT OR IGNORE INTO name (no, name)
  SELECT (SELECT value FROM number WHERE name = 'name') + row_number() OVER (ORDER BY r.originator), r.originator
  FROM (SELECT DISTINCT originator FROM rules WHERE originator <> 'here') r;
UPDATE number SET value = max(value, (SELECT coalesce(max(n.no), 0) FROM name n)) WHERE name = 'name';
UPDATE holding SET owner = (SELECT n.no FROM rules r JOIN name n ON n.name = r.originator WHERE r.no = holding.rules)
  WHERE rules <> 0;

-- What stands is numbered by src/lineages.sql, which follows here.
