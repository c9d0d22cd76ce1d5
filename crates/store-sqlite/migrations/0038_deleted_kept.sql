-- What was deleted and is kept for a time only: looked for once a minute, among all that was ever deleted by hand and has its key still.
CREATE INDEX deleted_kept ON deleted (object, version) WHERE instr(rules, ' keep=') > 0;
