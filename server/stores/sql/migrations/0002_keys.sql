-- The public keys of accounts and of their devices, and the prekeys that are handed out once.

-- An account has one identity key, which all of its devices sign with. A type of `ed25519` says
-- that a signature of it was verified; one of `x25519` cannot sign, and none is ever verified.
CREATE TABLE identity_keys (
    user_id TEXT PRIMARY KEY REFERENCES accounts (user_id),
    public_key BYTEA NOT NULL,
    type TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- `version` rises when a key of the device changes. `low_told` is true from when its owner was
-- told that few prekeys are left until there are enough again. `used` counts the prekeys that
-- were handed out and have been swept away since.
CREATE TABLE device_keys (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    signed_key_id BIGINT NOT NULL,
    signed_public_key BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    signed_ms BIGINT NOT NULL,
    verified BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    low_told BOOLEAN NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id),
    FOREIGN KEY (user_id, device_id) REFERENCES devices (user_id, device_id)
);

-- One-time prekeys; those of a lower `place` are handed out first.
CREATE TABLE prekeys (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    public_key BYTEA NOT NULL,
    place BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    claimed_ms BIGINT,
    PRIMARY KEY (user_id, device_id, key_id),
    FOREIGN KEY (user_id, device_id) REFERENCES device_keys (user_id, device_id) ON DELETE CASCADE
);

CREATE INDEX prekeys_unclaimed ON prekeys (user_id, device_id, place) WHERE claimed_ms IS NULL;

CREATE INDEX prekeys_claimed ON prekeys (user_id, device_id) WHERE claimed_ms IS NOT NULL;

-- Ids of prekeys that were handed out and have been swept away since, from first to last: they
-- are never taken again.
CREATE TABLE spent_prekeys (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, first_id),
    FOREIGN KEY (user_id, device_id) REFERENCES device_keys (user_id, device_id) ON DELETE CASCADE
);
