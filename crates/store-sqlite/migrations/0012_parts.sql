-- Ledgers of which a larger head comes in parts, the own one among them while it is taken back: how many leaves are held, whose tiles
-- stand in mirror_tile. The head in mirror or head stays the last whole one meanwhile.
CREATE TABLE mirror_ahead (
  member BLOB NOT NULL PRIMARY KEY,
  leaves INTEGER NOT NULL
) WITHOUT ROWID;
