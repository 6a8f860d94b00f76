-- `is_rotation` is of places that are kept for what is about the keys of groups; also of those that
-- say that a newer word of the server on a group has taken the place of one. `sender_id` is who
-- has caused what the server says; before, it was ''.
ALTER TABLE queued_events ADD COLUMN is_rotation BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX queued_rotations ON queued_events (user_id, device_id) WHERE is_rotation;

-- What the server has said on a group and somebody has not yet acknowledged.
CREATE INDEX events_by_group ON events (room_id) WHERE sender_id = '' AND waiting > 0;

-- Groups whose members are still to be told that somebody in it shows another public key.
CREATE TABLE rotations_due (
    user_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    PRIMARY KEY (user_id, room_id)
);

-- Members whom a stranger has put there, and who have not yet said anything: they may at any time.
CREATE INDEX room_members_unasked ON room_members (user_id) WHERE unasked;

CREATE INDEX queued_losses ON queued_events (user_id, device_id, first_seq)
WHERE event_key IS NULL;
