-- What the acts said that gave a version before the one by which it is held: with which circles they shared it, and since when where they gave
-- it again. Of those that were replaced before this migration nothing is known.
ALTER TABLE replaced ADD COLUMN rules TEXT;
ALTER TABLE replaced ADD COLUMN shared INTEGER;
