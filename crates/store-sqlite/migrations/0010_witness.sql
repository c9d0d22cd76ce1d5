-- The head of another member's ledger that was cosigned last for somebody who asked, where it is ahead of the mirrored one.
CREATE TABLE witnessed (
  member BLOB PRIMARY KEY,
  note   TEXT NOT NULL
) WITHOUT ROWID;
