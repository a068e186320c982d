-- Who may do what. The key of the name makes it unique in any case.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    last_sign_in BIGINT
);

-- One sign-in: a family of refresh tokens, of which only hashes are kept.
CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    generation BIGINT NOT NULL,
    token_hash BLOB NOT NULL,
    previous_hash BLOB,
    rotated_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The one-time link that makes the first user.
CREATE TABLE setup_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- Grows whenever somebody's rights change, so that other instances forget what they knew.
CREATE TABLE revisions (
    name TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO revisions (name, revision) VALUES ('rights', 0);

-- Keys that instances share; with SQLite they are in a file of the data folder instead.
CREATE TABLE keys (
    name TEXT NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL,
    created_at BIGINT NOT NULL
);

-- What happened: append-only. Entries with an actor have a MAC over themselves and the one before.
CREATE TABLE events (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    is_account BOOLEAN NOT NULL,
    service_id BLOB,
    service_name TEXT,
    actor TEXT,
    reference TEXT,
    message TEXT NOT NULL,
    data TEXT NOT NULL,
    mac BLOB
);
CREATE INDEX events_by_service ON events (service_id, seq);
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_by_time ON events (at);

-- The end of the chain.
CREATE TABLE event_head (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    chain BLOB NOT NULL,
    mac BLOB NOT NULL
);

-- Which instance acts.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder BLOB NOT NULL,
    token BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
