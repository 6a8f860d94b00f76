-- Durable rooms, their messages, and who has got and read them.

-- Names and descriptions are what clients wrote, maybe ciphertext. A direct room has a
-- `pair_key`: the JSON of its scope and its two members, in order. A deleted room is nobody's,
-- and its row goes with the last of its messages.
CREATE TABLE rooms (
    room_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    workspace_id TEXT,
    pair_key TEXT UNIQUE,
    name BYTEA NOT NULL,
    description BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    -- Of the newest message: `seq` counts from 1 without gaps, `active_ms` never steps back.
    seq BIGINT NOT NULL,
    active_ms BIGINT NOT NULL,
    ttl_ms BIGINT,
    deleted_ms BIGINT
);

CREATE INDEX rooms_by_creator ON rooms (created_by);

CREATE INDEX rooms_deleted ON rooms (deleted_ms) WHERE deleted_ms IS NOT NULL;

-- What was sent up to `joined_seq` is not for the member; up to `read_seq` it has read all.
CREATE TABLE room_members (
    room_id TEXT NOT NULL REFERENCES rooms (room_id),
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    joined_ms BIGINT NOT NULL,
    joined_seq BIGINT NOT NULL,
    read_seq BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE INDEX room_members_by_user ON room_members (user_id, room_id);

-- `metadata` is the text of a JSON value that clients made. A deleted message has neither
-- ciphertext nor metadata. One that is withheld is its sender's alone: its recipient had
-- blocked the sender, who is not to know.
CREATE TABLE messages (
    room_id TEXT NOT NULL REFERENCES rooms (room_id),
    seq BIGINT NOT NULL,
    message_id TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    sender_device_id TEXT,
    type TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    deleted_ms BIGINT,
    withheld BOOLEAN NOT NULL,
    -- The long ones come last: SQLite reads through them to reach what stands behind.
    metadata BYTEA,
    ciphertext BYTEA,
    PRIMARY KEY (room_id, seq),
    UNIQUE (message_id, room_id)
);

CREATE INDEX messages_by_expiry ON messages (expires_ms) WHERE expires_ms IS NOT NULL;

-- Of a user, on whichever device it was first.
CREATE TABLE receipts (
    room_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    delivered_ms BIGINT NOT NULL,
    read_ms BIGINT,
    PRIMARY KEY (room_id, seq, user_id),
    FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);

-- A device has acknowledged everything up to its cursor, and beyond it what is in `device_acks`.
CREATE TABLE device_cursors (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    room_id TEXT NOT NULL REFERENCES rooms (room_id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, room_id)
);

CREATE INDEX device_cursors_by_room ON device_cursors (room_id);

CREATE TABLE device_acks (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, room_id, seq),
    FOREIGN KEY (user_id, device_id, room_id)
    REFERENCES device_cursors (user_id, device_id, room_id) ON DELETE CASCADE
);
