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
