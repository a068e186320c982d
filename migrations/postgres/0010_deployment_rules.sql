-- When services may be deployed: the rules of each, as JSON, and the times in which nothing is. No service is all of them.
CREATE TABLE deployment_rules (
    service_id UUID NOT NULL PRIMARY KEY,
    rules TEXT NOT NULL
);
CREATE TABLE deployment_freezes (
    id UUID NOT NULL PRIMARY KEY,
    service_id UUID,
    begins_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX deployment_freezes_by_end ON deployment_freezes (ends_at);
