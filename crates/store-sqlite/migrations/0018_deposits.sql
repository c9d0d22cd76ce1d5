-- Parcels of this node's own that relays may keep, until they are known to be gone. load: the places in it that bring something, nine
-- bytes each (lane, place). put: when. void: 1 = the relay is to drop it.
CREATE TABLE deposit (
  relay  BLOB NOT NULL,
  route  BLOB NOT NULL,
  digest BLOB NOT NULL,
  member BLOB NOT NULL,
  load   BLOB NOT NULL,
  put    INTEGER NOT NULL,
  void   INTEGER NOT NULL,
  PRIMARY KEY (relay, route, digest)
) WITHOUT ROWID;
