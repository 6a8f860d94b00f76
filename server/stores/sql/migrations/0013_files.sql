-- Files of conversations: what is known of each; their bytes are kept elsewhere, under the same id. A row is there before
-- these bytes and goes after them, so that none are left that nobody knows of.
--
-- They refer to no room: when it has gone they wait, as `gone`, until their bytes are deleted.
CREATE TABLE files (
    file_id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (workspace_id),
    room_id TEXT NOT NULL,
    uploader_id TEXT NOT NULL,
    state TEXT NOT NULL,              -- uploading, ready, gone
    size_bytes BIGINT NOT NULL,       -- as it was sent; what is reserved for it while it is uploaded
    key_version BIGINT NOT NULL,
    wrapped_key BYTEA NOT NULL,       -- its own key, under the workspace's
    details BYTEA NOT NULL,           -- its name and its type, sealed under the workspace's key
    seq BIGINT,                       -- of the message that it hangs on; NULL: none yet
    created_ms BIGINT NOT NULL,
    due_ms BIGINT                     -- from when on it is garbage; NULL: it hangs on a message
);

CREATE INDEX files_by_message ON files (room_id, seq);

CREATE INDEX files_due ON files (due_ms) WHERE due_ms IS NOT NULL;

CREATE INDEX files_by_key ON files (workspace_id, key_version);
