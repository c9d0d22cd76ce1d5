-- What shows the latest life of the member's node that was heard of: the statement that its member signed, as JSON. NULL for the
-- first life, and for one that was heard of before there were such statements.
ALTER TABLE peer ADD COLUMN life_proof TEXT;
