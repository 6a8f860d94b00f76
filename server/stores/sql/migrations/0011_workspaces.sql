-- Workspaces, who is in them, and what their conversations and messages have besides.

-- Users of other systems, from when they were first seen. `issuer` is empty for those whose tokens
-- are signed with our secret; `name` is what their token calls them; `is_numeric` says that their
-- id is shown as a number.
CREATE TABLE foreign_users (
    user_id TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    is_numeric BOOLEAN NOT NULL,
    name BYTEA NOT NULL,
    seen_ms BIGINT NOT NULL
);

-- `name` is sealed. `key_version` is that of the newest key, under which new content is sealed.
-- `members` counts those who are in.
CREATE TABLE workspaces (
    workspace_id TEXT PRIMARY KEY,
    name BYTEA NOT NULL,
    key_version BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    members BIGINT NOT NULL,
    file_bytes BIGINT NOT NULL
);

CREATE INDEX workspaces_by_creator ON workspaces (created_by);

-- A key is wrapped under the master key that `wrapped_by` names: nonce (24 bytes), then 32 + 16.
-- Since `retired_ms` there is a newer one, under which everything is sealed anew by and by.
CREATE TABLE workspace_keys (
    workspace_id TEXT NOT NULL REFERENCES workspaces (workspace_id),
    version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    wrapped_by BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    retired_ms BIGINT,
    PRIMARY KEY (workspace_id, version)
);

CREATE INDEX workspace_keys_retired ON workspace_keys (retired_ms) WHERE retired_ms IS NOT NULL;

-- `role`: owner, admin, member. `source`: `here`, or `claim`, which is of tokens that name the
-- workspace. Who was removed stays, so that a claim does not bring it back. `status`: what the
-- member said of itself last: online, away, busy, offline; `seen_ms`: when it was there last.
CREATE TABLE workspace_members (
    workspace_id TEXT NOT NULL REFERENCES workspaces (workspace_id),
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    source TEXT NOT NULL,
    joined_ms BIGINT NOT NULL,
    removed_ms BIGINT,
    status TEXT NOT NULL,
    status_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);

CREATE INDEX workspace_members_by_user ON workspace_members (user_id, workspace_id)
    WHERE removed_ms IS NULL;

-- What is said in a sealed room is encrypted at rest by us; in others it is opaque to us. Name,
-- description and icon of a sealed one are sealed under `key_version`.
ALTER TABLE rooms ADD COLUMN is_sealed BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE rooms ADD COLUMN key_version BIGINT;

ALTER TABLE rooms ADD COLUMN icon BYTEA;

ALTER TABLE rooms ADD COLUMN document_id TEXT;

CREATE INDEX rooms_by_workspace ON rooms (workspace_id, active_ms) WHERE workspace_id IS NOT NULL;

CREATE UNIQUE INDEX rooms_by_document ON rooms (workspace_id, document_id)
    WHERE document_id IS NOT NULL;

-- When `read_seq` moved last.
ALTER TABLE room_members ADD COLUMN read_ms BIGINT;

-- What a message of a workspace has besides: a message without a row is opaque, in no thread and
-- not edited. `key_version` is NULL for what is opaque. A reply has the first message of its
-- thread in `root_seq`; that one counts in `replies` those that are not deleted. `edits` says how
-- often it was edited. All this is apart since columns behind the long ones cost a read of those.
CREATE TABLE posts (
    room_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    key_version BIGINT,
    reply_to_seq BIGINT,
    root_seq BIGINT,
    replies BIGINT NOT NULL,
    last_reply_ms BIGINT,
    edited_ms BIGINT,
    edits BIGINT NOT NULL,
    PRIMARY KEY (room_id, seq),
    FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);

CREATE INDEX posts_by_thread ON posts (room_id, root_seq, seq) WHERE root_seq IS NOT NULL;

CREATE INDEX posts_by_key ON posts (room_id, key_version, seq) WHERE key_version IS NOT NULL;

CREATE TABLE reactions (
    room_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    emoji TEXT NOT NULL,
    user_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (room_id, seq, emoji, user_id),
    FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);

-- Which words a sealed message has: keyed hashes, 8 bytes as base64url.
CREATE TABLE word_tokens (
    token TEXT NOT NULL,
    room_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (token, room_id, seq),
    FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);

CREATE INDEX word_tokens_by_message ON word_tokens (room_id, seq);

ALTER TABLE audit ADD COLUMN workspace_id TEXT;

CREATE INDEX audit_by_workspace ON audit (workspace_id, at_ms) WHERE workspace_id IS NOT NULL;
