-- What this member answered: where in its own ledger, by author and place of the act that it is about. Says for queries what the payloads
-- of its receipts say; of several the last. src/answers.rs fills it.
CREATE TABLE answered (
  author   BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  leaf     INTEGER NOT NULL,
  PRIMARY KEY (author, sequence)
) WITHOUT ROWID;
