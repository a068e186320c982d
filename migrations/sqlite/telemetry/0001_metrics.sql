-- Samples of a service: ten minutes of them (resolution 5) or about an hour rolled up (resolution 60), packed.
CREATE TABLE metric_chunks (
    service_id BLOB NOT NULL,
    resolution BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    samples BLOB NOT NULL,
    PRIMARY KEY (service_id, resolution, started_at)
);
CREATE INDEX metric_chunks_by_end ON metric_chunks (resolution, ended_at);
