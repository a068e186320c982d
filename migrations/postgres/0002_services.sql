-- What is run: what each service is, what is wanted of it, and how its last run ended.
CREATE TABLE services (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    folder TEXT,
    is_discovered BOOLEAN NOT NULL,
    is_missing BOOLEAN NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    spec TEXT NOT NULL,
    found TEXT,
    desired TEXT NOT NULL,
    desired_at BIGINT NOT NULL,
    port BIGINT,
    boot_id TEXT,
    last_exit TEXT,
    created_at BIGINT NOT NULL,
    last_updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX services_by_name ON services (lower(name)) WHERE NOT is_deleted;
CREATE UNIQUE INDEX services_by_folder ON services (folder);
