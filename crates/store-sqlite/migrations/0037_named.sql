-- The last version whose full text says nothing of its names yet; it is written again from here downwards while nothing waits. 0 = none.
INSERT INTO number (name, value) SELECT 'text_unnamed', value FROM number WHERE name = 'text_done';
