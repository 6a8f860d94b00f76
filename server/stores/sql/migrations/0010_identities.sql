-- Who signs in by an issuer of identity tokens, and the public key that somebody shows to all.

-- An account that an issuer vouches for. `email` is one that the issuer has verified, which nobody
-- did of those that accounts sign up with: so it stands here, and an account that signed up with
-- somebody's address is in nobody's way. `family_id` is the sign-in of whoever shows identity
-- tokens as they are; those from before `valid_from_ms` are good no more. Keys are the folded forms
-- by which names and addresses are found.
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL UNIQUE REFERENCES accounts (user_id),
    email_key TEXT,
    name_key TEXT NOT NULL,
    family_id TEXT NOT NULL,
    valid_from_ms BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identities_by_email ON identities (email_key);

CREATE INDEX identities_by_name ON identities (name_key COLLATE "C");

CREATE INDEX accounts_by_name ON accounts (username_key COLLATE "C");

-- `version` rises when the key changes. The key is what the client wrote: a JSON value.
CREATE TABLE public_keys (
    user_id TEXT PRIMARY KEY REFERENCES accounts (user_id),
    public_key BYTEA NOT NULL,
    version BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
