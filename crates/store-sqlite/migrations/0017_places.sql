-- What a peer has read that a restore has lost.

-- heard_in: in which life of this node the peer last said how far it has read. While that is not the present one nothing goes to
-- it, and flash_before and routine_before are the last places that were given to something for it before.
ALTER TABLE peer ADD COLUMN heard_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN flash_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN routine_before INTEGER NOT NULL DEFAULT 0;
UPDATE peer SET heard_in = (SELECT value FROM number WHERE name = 'life');
