-- Sealed parcels kept for other members, one a route. depositor: who put it, by a word that only the process knows which took it.
-- counted: bytes it counts for. at: when it was put.
CREATE TABLE relay (
  route     BLOB NOT NULL PRIMARY KEY,
  digest    BLOB NOT NULL,
  depositor BLOB NOT NULL,
  counted   INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  bytes     BLOB NOT NULL
);
CREATE INDEX relay_of ON relay (depositor, counted);
CREATE INDEX relay_at ON relay (at);
