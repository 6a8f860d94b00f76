-- How often the members of a room have changed: whoever encrypts for it takes a new key then.
ALTER TABLE rooms ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;
