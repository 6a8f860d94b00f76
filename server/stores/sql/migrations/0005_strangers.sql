-- Who was put into a room unasked, and what is noted of who is in rooms.

-- A member is `unasked` whom somebody strange has put there, `added_by`, until it says something.
ALTER TABLE room_members ADD COLUMN unasked BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE room_members ADD COLUMN added_by TEXT;

ALTER TABLE audit ADD COLUMN room_id TEXT;
