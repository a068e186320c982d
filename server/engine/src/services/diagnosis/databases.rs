//! Databases that answer, and refuse.

use super::rule::Weight::Exact;
use super::rule::{AGAIN, Rule, SAYS, SETTINGS, Says};

const TOPIC: &str = "database";

pub(super) const RULES: &[Rule] = &[
    Rule::line(
        "database-sign-in-failed",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &[
                "password authentication failed",
                "access denied for user",
                "authentication failed for user",
                "no password supplied",
                "no pg_hba.conf entry",
                "peer authentication failed",
                "mongoservererror: authentication failed",
            ],
            parts: &["for user [\"']([^\"']+)", "user \"([^\"]+)\""],
            cause: "the database refuses the user {}: the password is wrong, or the user may not connect from here",
            bare: "the database refuses the sign-in: the password is wrong, or the user may not connect from here",
            action: "correct the user and password in the service's variables",
            ..SAYS
        },
    ),
    Rule::line(
        "database-user-missing",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["role \""],
            parts: &["role \"([^\"]+)\" does not exist"],
            cause: "the database has no user {}",
            action: "make the user {} in the database, or correct it in the service's variables",
            ..SAYS
        },
    ),
    Rule::line(
        "database-missing",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["database \"", "unknown database"],
            parts: &["database \"([^\"]+)\" does not exist", "Unknown database '([^']+)'"],
            cause: "the database {} doesn't exist",
            action: "make the database {}, or correct its name in the service's variables",
            ..SAYS
        },
    ),
    Rule::line(
        "database-socket-missing",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["server on socket", "through socket"],
            unless: &["fatal:"],
            parts: &["socket [\"']([^\"']+)"],
            cause: "the database isn't running on this machine, or not with the socket {}",
            bare: "the database isn't running on this machine",
            action: "start it; if it runs elsewhere, name its host in the service's variables",
        },
    ),
    Rule::line(
        "database-forbidden",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["permission denied for ", "command denied to user"],
            parts: &["permission denied for ((?:table|schema|relation|database|sequence|view|function) \"?[\\w.]+)"],
            cause: "its user may not use the {} of the database",
            bare: "its user may not do that in the database",
            action: "grant it the right (GRANT), or use another user in the service's variables",
            ..SAYS
        },
    ),
    Rule::line(
        "table-missing",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["relation \"", "no such table", "undefinedtable", "doesn't exist\")"],
            parts: &["relation \"([^\"]+)\" does not exist", "no such table: ([\\w.]+)", "Table '([^']+)' doesn't exist"],
            cause: "the table {} doesn't exist: the database hasn't been migrated",
            action: "run the service's migrations (alembic upgrade head, manage.py migrate), then start it again",
            ..SAYS
        },
    ),
    Rule::line(
        "column-missing",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["undefinedcolumn", "no such column", "unknown column"],
            parts: &["column \"?([\\w.]+)\"? does not exist", "no such column: ([\\w.]+)", "Unknown column '([^']+)'"],
            cause: "the column {} doesn't exist: the database is of another version than the code",
            bare: "a column doesn't exist: the database is of another version than the code",
            action: "run the service's migrations, then start it again",
            ..SAYS
        },
    ),
    Rule::line(
        "migration-unknown",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["can't locate revision", "multiple head revisions"],
            cause: "its migrations don't fit the database: it is at a revision that this code doesn't have",
            action: "deploy the code that made that revision, or merge the heads (alembic heads, alembic merge)",
            ..SAYS
        },
    ),
    Rule::line(
        "database-full-of-connections",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["too many clients already", "remaining connection slots are reserved", "too many connections", "queuepool limit"],
            cause: "the database has no connection left for it",
            action: "make the pools of the services smaller, or raise max_connections of the database",
            ..SAYS
        },
    ),
    Rule::line(
        "redis-sign-in-failed",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &[
                "noauth authentication required",
                "wrongpass invalid",
                "redis.exceptions.authenticationerror",
                "client sent auth, but no password is set",
            ],
            cause: "Redis refuses the sign-in: the password is missing or wrong",
            action: "correct the password in the address of Redis among the service's variables",
            ..SAYS
        },
    ),
    Rule::line(
        "redis-cannot-save",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["misconf redis is configured to save"],
            cause: "Redis can't save to its disk and refuses writes",
            action: "free space on the disk of Redis and check the rights of its folder; its log says which",
            ..SAYS
        },
    ),
    Rule::line(
        "redis-is-replica",
        Exact,
        TOPIC,
        SETTINGS,
        Says {
            any: &["readonly you can't write against a read only replica"],
            cause: "it writes to a replica of Redis, which only reads",
            action: "use the address of the primary",
            ..SAYS
        },
    ),
    Rule::line(
        "database-starting",
        Exact,
        TOPIC,
        AGAIN,
        Says {
            any: &["the database system is starting up", "the database system is shutting down", "busy loading the dataset"],
            cause: "the database was starting or stopping, and took no connections yet",
            action: "start it again in a moment; let it wait for its database",
            ..SAYS
        },
    ),
];
