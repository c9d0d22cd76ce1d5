-- What takes a second person: who asked for what, what was answered by whom, and when it was used. Rows are kept for good.
-- words: the deed with every argument. leaf: the act that tells the other members that the glass was broken.
CREATE TABLE approval (
  id        TEXT NOT NULL PRIMARY KEY,
  deed      TEXT NOT NULL,
  words     TEXT NOT NULL,
  requester INTEGER NOT NULL,
  asked     INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  verdict   TEXT,
  decider   INTEGER,
  decided   INTEGER,
  reason    TEXT NOT NULL DEFAULT '',
  leaf      INTEGER,
  spent     INTEGER
);
CREATE INDEX approval_asked ON approval (asked, id);
CREATE INDEX approval_open ON approval (requester, deed) WHERE spent IS NULL;

-- What members told all others.
CREATE INDEX act_notice ON act (author, sequence) WHERE kind = 'glass-broken';
