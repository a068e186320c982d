-- For each hour (counted from 1970), the seconds in which a service that should run was up, and down.
CREATE TABLE uptime_hours (
    service_id UUID NOT NULL,
    hour BIGINT NOT NULL,
    up_seconds BIGINT NOT NULL,
    down_seconds BIGINT NOT NULL,
    PRIMARY KEY (service_id, hour)
);
CREATE INDEX uptime_hours_by_hour ON uptime_hours (hour);
