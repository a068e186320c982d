-- How often deployments and releases were written: a page of them that was read at the same version is as it was. Whoever writes them counts, so nobody can forget to.
CREATE TABLE versions (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO versions (name, version) VALUES ('deployments', 0);
CREATE FUNCTION deployments_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE versions SET version = version + 1 WHERE name = 'deployments';
    RETURN NULL;
END
$$;
CREATE TRIGGER deployments_written AFTER INSERT OR UPDATE OR DELETE ON deployments
    FOR EACH STATEMENT EXECUTE FUNCTION deployments_written();
CREATE TRIGGER releases_written AFTER INSERT OR UPDATE OR DELETE ON releases
    FOR EACH STATEMENT EXECUTE FUNCTION deployments_written();
