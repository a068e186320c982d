-- Runs that ended by themselves, each with what was known then: the newest of each service.
CREATE TABLE incidents (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL,
    at BIGINT NOT NULL,
    summary TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX incidents_by_service ON incidents (service_id, at);
