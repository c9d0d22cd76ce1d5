-- starts: from when on an object says something (valid_from of an indicator), in microseconds, as expires says until when. What is held
-- already gets it from its bytes: digits beyond microseconds are cut off, and a leap second is the last microsecond before it, as the program does.
ALTER TABLE version ADD COLUMN starts INTEGER;
CREATE TEMP TABLE said AS
  SELECT v.no, json_extract(CAST(b.bytes AS TEXT), '$.valid_from') AS at FROM version v JOIN body b ON b.version = v.no
  WHERE v.kind = (SELECT n.no FROM name n WHERE n.name = 'indicator') AND json_valid(CAST(b.bytes AS TEXT));
UPDATE version SET starts = unixepoch(replace(substr(s.at, 1, 19), ':60', ':59')) * 1000000
    + CASE WHEN substr(s.at, 18, 2) = '60' THEN 999999 ELSE
      CAST(substr(CASE WHEN substr(s.at, 20, 1) = '.' THEN substr(s.at, 21, length(s.at) - 21) ELSE '' END || '000000', 1, 6) AS INTEGER) END
  FROM temp.said s WHERE s.no = version.no AND typeof(s.at) = 'text';
DROP TABLE temp.said;
