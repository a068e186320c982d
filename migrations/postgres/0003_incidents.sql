-- Runs that ended by themselves, each with what was known then: the newest of each service.
CREATE TABLE incidents (
    id UUID NOT NULL PRIMARY KEY,
    service_id UUID NOT NULL,
    at BIGINT NOT NULL,
    summary TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX incidents_by_service ON incidents (service_id, at);
