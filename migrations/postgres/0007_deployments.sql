-- What was deployed: what it runs, in clear, and sealed with it the settings and the configuration that belong to it.
CREATE TABLE releases (
    id UUID NOT NULL PRIMARY KEY,
    service_id UUID NOT NULL,
    number BIGINT NOT NULL,
    deployment_id UUID NOT NULL,
    artifact TEXT NOT NULL,
    configuration_version BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    is_good BOOLEAN NOT NULL,
    key_id BIGINT NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL
);
CREATE UNIQUE INDEX releases_by_number ON releases (service_id, number);
CREATE INDEX releases_by_key ON releases (key_id);
-- Which release each service runs, and whether it is held at it.
CREATE TABLE placements (
    service_id UUID NOT NULL PRIMARY KEY,
    release_id UUID NOT NULL,
    hold TEXT
);
-- Deployments: what is shown of each, and sealed what was asked for and what is to be gone back to. The revision grows with each write.
CREATE TABLE deployments (
    id UUID NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    service_id UUID NOT NULL,
    environment TEXT NOT NULL,
    status TEXT NOT NULL,
    release_id UUID,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    shown TEXT NOT NULL,
    key_id BIGINT NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL
);
CREATE UNIQUE INDEX deployments_by_seq ON deployments (seq);
CREATE UNIQUE INDEX deployments_running ON deployments (service_id, environment) WHERE status = 'running';
CREATE INDEX deployments_by_service ON deployments (service_id, seq);
CREATE INDEX deployments_by_status ON deployments (status, seq);
CREATE INDEX deployments_by_key ON deployments (key_id);
-- What was told of each deployment, in order: its lines and its states.
CREATE TABLE deployment_frames (
    deployment_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (deployment_id, seq)
);
