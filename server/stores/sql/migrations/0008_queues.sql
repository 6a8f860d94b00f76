-- Events that wait for the devices of users, each in a queue of its own.

-- `seq` is that of the newest place: 1, 2, 3 … without gaps. `waiting` counts the rows in
-- `queued_events`. If the newest place says that something was lost, `lost_from` is where that
-- begins. A queue that has lapsed, since its device was not seen for long, takes nothing.
CREATE TABLE queues (
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    device_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    lost_from BIGINT,
    seen_ms BIGINT NOT NULL,
    has_lapsed BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

CREATE INDEX queues_by_time ON queues (seen_ms) WHERE NOT has_lapsed;

-- What was sent, once for all who get it. The server's own have the sender ''. `waiting` counts
-- the queues in which it is; in none, it has neither metadata nor payload, and its id is
-- remembered for a while. `refused` is the JSON of the users who had no room for it.
CREATE TABLE events (
    event_key TEXT PRIMARY KEY,
    sender_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    room_id TEXT,
    sent_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    refused TEXT NOT NULL,
    metadata BYTEA,
    payload BYTEA,
    UNIQUE (sender_id, event_id)
);

CREATE INDEX events_by_expiry ON events (expires_ms);

-- A place of a queue: an event; or, where `lost_as` says why and `lost_ms` when, that from `first_seq` to `seq`
-- something is missing.
CREATE TABLE queued_events (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    event_key TEXT REFERENCES events (event_key),
    lost_as TEXT,
    lost_ms BIGINT,
    PRIMARY KEY (user_id, device_id, seq),
    FOREIGN KEY (user_id, device_id) REFERENCES queues (user_id, device_id)
);

CREATE INDEX queued_events_by_id ON queued_events (user_id, device_id, event_id);

CREATE INDEX queued_events_by_sender ON queued_events (user_id, device_id, sender_id);

CREATE INDEX queued_events_by_event ON queued_events (event_key) WHERE event_key IS NOT NULL;
