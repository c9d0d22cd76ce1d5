-- Which marking definitions rules await, by identifier: says for queries what rules.form says, as addressee and named do.
CREATE TABLE awaits (
  rules      INTEGER NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (rules, definition)
) WITHOUT ROWID;
CREATE INDEX awaits_definition ON awaits (definition);

