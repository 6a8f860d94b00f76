-- Messages of a room by when they were stored, so that a search begins where it is to.
CREATE INDEX messages_by_time ON messages (room_id, created_ms, seq);
