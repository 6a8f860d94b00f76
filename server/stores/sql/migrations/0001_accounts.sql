-- Who has an account, with which devices, and how they are signed in.

-- Of an account that was deleted the row stays, without what told who it was, so that its id is
-- never somebody else's. Keys are the folded forms by which names and addresses are the same.
CREATE TABLE accounts (
    user_id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    -- It was given by an operator and must be changed.
    password_is_temporary BOOLEAN NOT NULL,
    is_operator BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    banned_ms BIGINT,
    deleted_ms BIGINT
);

CREATE TABLE devices (
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    device_id TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    PRIMARY KEY (user_id, device_id)
);

-- A login of a device that has no keys yet; whoever shows its token registers them.
CREATE TABLE registrations (
    token_hash BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    device_id TEXT NOT NULL,
    device_name TEXT NOT NULL,
    device_type TEXT NOT NULL,
    address_hash BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);

CREATE INDEX registrations_by_user ON registrations (user_id);

CREATE INDEX registrations_by_device ON registrations (device_id, expires_ms);

CREATE INDEX registrations_by_expiry ON registrations (expires_ms);

-- All tokens that follow from one sign-in are one family; one that is used twice ends it.
CREATE TABLE token_families (
    family_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    FOREIGN KEY (user_id, device_id) REFERENCES devices (user_id, device_id)
);

CREATE INDEX token_families_by_device ON token_families (user_id, device_id);

CREATE TABLE refresh_tokens (
    token_hash BYTEA PRIMARY KEY,
    family_id TEXT NOT NULL REFERENCES token_families (family_id) ON DELETE CASCADE,
    issued_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);

CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_ms);

-- From where an account was signed in to, as keyed hashes: wrong passwords that others send from
-- elsewhere do not keep its owner out.
CREATE TABLE known_addresses (
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    address_hash BYTEA NOT NULL,
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, address_hash)
);

CREATE INDEX known_addresses_by_time ON known_addresses (seen_ms);

CREATE TABLE account_blocks (
    user_id TEXT NOT NULL REFERENCES accounts (user_id),
    blocked_id TEXT NOT NULL REFERENCES accounts (user_id),
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);

CREATE INDEX account_blocks_by_blocked ON account_blocks (blocked_id);

-- What was done to accounts, devices and rooms, without content. `subject_id` is what it was
-- done to, if that is not whoever did it.
CREATE TABLE audit (
    entry_id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    action TEXT NOT NULL,
    user_id TEXT,
    device_id TEXT,
    subject_id TEXT
);

CREATE INDEX audit_by_time ON audit (at_ms);

CREATE INDEX audit_by_user ON audit (user_id, at_ms);
