-- What programs ask with in somebody's name; only hashes are kept, with the scopes with spaces between them.
CREATE TABLE api_tokens (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX api_tokens_by_name ON api_tokens (user_id, name);
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at);
