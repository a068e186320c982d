-- Environments besides development, in their order. Which services are set up in one is in their specifications.
CREATE TABLE environments (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    position BIGINT NOT NULL
);
