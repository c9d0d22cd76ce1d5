-- Which embargoes end next, and up to when what was under one has been dated anew.
CREATE INDEX rules_embargo ON rules (embargo) WHERE embargo IS NOT NULL;
INSERT INTO number (name, value) VALUES ('embargo_over', 0);
