-- Keys that values are sealed with. They are wrapped with the key-encryption key, which isn't in this table.
CREATE TABLE data_keys (
    id BIGINT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL,
    kek_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    is_retired BOOLEAN NOT NULL
);

-- Named secrets. A data key stays for as long as a row says that it is sealed with it.
CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT,
    sealed BLOB NOT NULL,
    key_id BIGINT NOT NULL REFERENCES data_keys (id),
    version BIGINT NOT NULL,
    value_set_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL
);
CREATE INDEX secrets_by_key ON secrets (key_id);

-- Grows whenever a secret or a data key changes, so that other instances read them anew.
INSERT INTO revisions (name, revision) VALUES ('secrets', 0);
