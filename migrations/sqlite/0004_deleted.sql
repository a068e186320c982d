-- When a service was deleted, and by whom, while it can be put back.
ALTER TABLE services ADD COLUMN deleted_at BIGINT;
ALTER TABLE services ADD COLUMN deleted_by TEXT;
