-- Who could read collections that are removed, where marks say that something stood there which may not come back (table mark): as in
-- table access, without those who could only write.
CREATE TABLE past_access (
  collection INTEGER NOT NULL,
  account    INTEGER NOT NULL,
  role       TEXT NOT NULL,
  PRIMARY KEY (collection, account, role)
) WITHOUT ROWID;
