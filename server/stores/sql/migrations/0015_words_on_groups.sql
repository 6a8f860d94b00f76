-- What the server has said on a group. Without `waiting`: PostgreSQL writes all indexes of a row anew
-- when something changes that one of them speaks of, and `waiting` does with each acknowledgement.
-- What nobody waits for any more is not kept.
DROP INDEX events_by_group;

CREATE INDEX events_by_group ON events (room_id) WHERE sender_id = '';

DELETE FROM events WHERE sender_id = '' AND waiting <= 0;
