-- How much of what is stored is whose.

-- Of all messages that a user has sent and that are still there, with something for each row.
CREATE TABLE stored_bytes (
    user_id TEXT PRIMARY KEY,
    bytes BIGINT NOT NULL
);

INSERT INTO stored_bytes (user_id, bytes)
SELECT sender_id, SUM(256 + COALESCE(LENGTH(ciphertext), 0) + COALESCE(LENGTH(metadata), 0))
FROM messages GROUP BY sender_id;
