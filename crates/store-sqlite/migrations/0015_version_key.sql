-- The keys that versions are sealed under in backups, where alone anything is sealed. They are in no backup but in the key file
-- beside it: whose key is destroyed is noise in every backup. A version that was only deleted keeps its key, so that an old
-- backup can bring it back; one that was destroyed does not. word: by whose word it is here, as rules.originator.
CREATE TABLE version_key (
  object  INTEGER NOT NULL,
  version INTEGER NOT NULL,
  word    TEXT NOT NULL,
  key     BLOB NOT NULL,
  PRIMARY KEY (object, version)
) WITHOUT ROWID;

-- 1 once every version from before this table has its key.
INSERT INTO number (name, value) VALUES ('keyed', 0);
