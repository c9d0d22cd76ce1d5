-- What stands in a collection of one type, by the rules that it is under: so it is asked of rules who sees something of a type, and which
-- versions of it came last, and no row is looked at that is withheld. Versions rise in the order in which they came.
CREATE INDEX holding_seen ON holding (collection, kind, rules, version);
