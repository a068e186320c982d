-- What services are told. A service without a row is told what its files and settings say. While the newest version is watched, until
-- when, and which version is gone back to when the service isn't well with it.
CREATE TABLE configurations (
    service_id BLOB NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    applied_version BIGINT,
    watch_until BIGINT,
    watch_back_to BIGINT
);
-- Every version that is kept, with its values sealed.
CREATE TABLE configuration_versions (
    service_id BLOB NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    message TEXT NOT NULL,
    key_id BIGINT NOT NULL REFERENCES data_keys (id),
    sealed BLOB NOT NULL,
    PRIMARY KEY (service_id, version)
);
CREATE INDEX configuration_versions_by_key ON configuration_versions (key_id);
-- Schemas that people have set, in place of those that are found.
CREATE TABLE configuration_schemas (
    service_id BLOB NOT NULL PRIMARY KEY,
    schema TEXT NOT NULL
);
