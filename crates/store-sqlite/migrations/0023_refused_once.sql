-- What a member has refused it says until that is known to have been heard: it is logged once.
CREATE INDEX refusal_there ON refusal (peer, lane, place) WHERE there = 1;
