-- Tokens of consent that their originator took back, by digest: the word may come before the token. sequence: the act's place.
CREATE TABLE consent_revoked (
  author   BLOB NOT NULL,
  id       BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (author, id)
) WITHOUT ROWID;
