-- The variables of a service's settings, sealed; none when it has none. Those of before are taken out of the column spec at the next start.
ALTER TABLE services ADD COLUMN sealed BLOB;
ALTER TABLE services ADD COLUMN key_id BIGINT REFERENCES data_keys (id);
CREATE INDEX services_by_key ON services (key_id);
