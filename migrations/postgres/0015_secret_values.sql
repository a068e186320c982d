-- Values that secrets had before, sealed as they were: those that a release was made with or a service runs with, and the one before the present.
CREATE TABLE secret_values (
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    set_at BIGINT NOT NULL,
    key_id BIGINT NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE INDEX secret_values_by_key ON secret_values (key_id);
-- The versions of the secrets that were in force when a release was made.
CREATE TABLE release_secrets (
    release_id UUID NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (release_id, name)
);
CREATE INDEX release_secrets_by_version ON release_secrets (name, version);
-- The versions of secrets that a service runs with since it was taken back, in place of the present ones.
CREATE TABLE placement_secrets (
    service_id UUID NOT NULL REFERENCES placements (service_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (service_id, name)
);
CREATE INDEX placement_secrets_by_version ON placement_secrets (name, version);
