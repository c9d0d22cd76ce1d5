-- When something came that was dated anew since: what goes by the order of arrival goes by this. NULL = it came when it was added.
ALTER TABLE holding ADD COLUMN arrived INTEGER;
CREATE INDEX holding_arrived ON holding (collection, arrived) WHERE arrived IS NOT NULL;
