-- Webhooks that deploy services, with what came of their last call. Their secrets are sealed.
CREATE TABLE deploy_hooks (
    id UUID NOT NULL PRIMARY KEY,
    service_id UUID NOT NULL,
    name TEXT NOT NULL,
    branch TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    called_at BIGINT,
    outcome TEXT,
    message TEXT,
    deployment_id UUID,
    refused_at BIGINT,
    key_id BIGINT NOT NULL REFERENCES data_keys (id),
    sealed BYTEA NOT NULL
);
CREATE UNIQUE INDEX deploy_hooks_by_name ON deploy_hooks (service_id, name);
CREATE INDEX deploy_hooks_by_key ON deploy_hooks (key_id);
-- What was delivered to them of late, by what names a delivery, and the deployment that it has made.
CREATE TABLE deploy_deliveries (
    hook_id UUID NOT NULL,
    delivery TEXT NOT NULL,
    at BIGINT NOT NULL,
    deployment_id UUID NOT NULL,
    PRIMARY KEY (hook_id, delivery)
);
CREATE INDEX deploy_deliveries_by_time ON deploy_deliveries (at);
