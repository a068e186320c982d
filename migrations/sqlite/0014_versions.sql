-- How often deployments and releases were written: a page of them that was read at the same version is as it was. Whoever writes them counts, so nobody can forget to.
CREATE TABLE versions (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO versions (name, version) VALUES ('deployments', 0);
CREATE TRIGGER deployments_added AFTER INSERT ON deployments BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
END;
CREATE TRIGGER deployments_changed AFTER UPDATE ON deployments BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
END;
CREATE TRIGGER deployments_removed AFTER DELETE ON deployments BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
END;
CREATE TRIGGER releases_added AFTER INSERT ON releases BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
END;
CREATE TRIGGER releases_changed AFTER UPDATE ON releases BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
END;
CREATE TRIGGER releases_removed AFTER DELETE ON releases BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
END;
