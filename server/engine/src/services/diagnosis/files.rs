//! Files: missing, forbidden, full disks, too many open.

use super::facts::Facts;
use super::rule::Weight::{Exact, Likely};
use super::rule::{AGAIN, Finding, LIMITS, LOGS, Rule, SAYS, SETTINGS, Says, part};

pub(super) const RULES: &[Rule] = &[
    Rule::line(
        "disk-full",
        Exact,
        "disk",
        AGAIN,
        Says {
            any: &["no space left on device", "enospc", "disk quota exceeded", "database or disk is full"],
            cause: "the disk is full",
            action: "free some space: old logs, caches, images; then start it again",
            ..SAYS
        },
    ),
    Rule::line(
        "read-only-file-system",
        Exact,
        "disk",
        SETTINGS,
        Says {
            any: &["read-only file system", "erofs", "attempt to write a readonly database"],
            parts: &["system: '([^']+)'", "open '([^']+)'"],
            cause: "{} can't be written: its disk is mounted for reading only",
            bare: "what it writes to is mounted for reading only",
            action: "let it write elsewhere, or mount the disk for writing; a disk with errors is made read-only by the system",
            ..SAYS
        },
    ),
    Rule::line(
        "too-many-open-files",
        Exact,
        "descriptors",
        LIMITS,
        Says {
            any: &["too many open files", " emfile", "'emfile'"],
            cause: "it has more files and connections open than it may",
            action: "look for what it doesn't close, connections above all; if it needs so many, raise its limit of open files, or that of Pilothouse (LimitNOFILE) when it has none",
            ..SAYS
        },
    ),
    Rule::line(
        "too-many-processes",
        Exact,
        "processes",
        LIMITS,
        Says {
            any: &["can't start new thread", "fork: retry: resource temporarily unavailable", "cannot fork", "pthread_create failed"],
            parts: &[],
            cause: "it has as many processes and threads as it may",
            action: "look for what starts so many; if it needs them, raise its limit of processes",
            ..SAYS
        },
    ),
    Rule::line(
        "is-a-directory",
        Exact,
        "file",
        SETTINGS,
        Says {
            any: &["is a directory", "isadirectoryerror", "eisdir"],
            parts: &["directory: '([^']+)'", "directory '([^']+)'"],
            cause: "{} is a folder where it wants a file",
            bare: "a folder is where it wants a file",
            action: "correct the path in its settings; Docker makes a folder where a mounted file is missing",
            ..SAYS
        },
    ),
    Rule::line(
        "not-a-directory",
        Exact,
        "file",
        SETTINGS,
        Says {
            any: &["notadirectoryerror", "enotdir"],
            parts: &["directory: '([^']+)'", "'([^']+)'"],
            cause: "{} leads through a file as if it were a folder",
            bare: "a path leads through a file as if it were a folder",
            action: "correct the path in its settings",
            ..SAYS
        },
    ),
    Rule::facts("permission-denied", Exact, "file", SETTINGS, forbidden),
    Rule::line(
        "database-file-not-opened",
        Exact,
        "file",
        SETTINGS,
        Says {
            any: &["unable to open database file", "unable to open the database file"],
            cause: "its SQLite database can't be opened: the folder isn't there, or may not be written",
            action: "make the folder, or correct the path of the database in its settings",
            ..SAYS
        },
    ),
    Rule::line(
        "database-file-locked",
        Exact,
        "file",
        AGAIN,
        Says {
            any: &["database is locked", "database table is locked"],
            cause: "its SQLite database is locked by another process or connection",
            action: "let only one process write to it; end what else has it open, then start it again",
            ..SAYS
        },
    ),
    Rule::line(
        "not-utf-8",
        Exact,
        "file",
        LOGS,
        Says {
            any: &["unicodedecodeerror"],
            cause: "a file or answer that it reads isn't written in the encoding that it expects",
            action: "save the file as UTF-8, or say its encoding where it is opened",
            ..SAYS
        },
    ),
    Rule::line(
        "script-missing",
        Exact,
        "file",
        SETTINGS,
        Says {
            any: &["can't open file"],
            parts: &["can't open file '([^']+)'"],
            cause: "the file {}, which it is to run, isn't there",
            action: "correct the command, or put the file there",
            ..SAYS
        },
    ),
    Rule::line(
        "file-missing",
        Likely,
        "file",
        SETTINGS,
        Says {
            any: &["filenotfounderror", "no such file or directory", "enoent"],
            unless: &[
                "shared object",
                "bad interpreter",
                "/usr/bin/env: ",
                "unix:///",
                "can't open file",
                "server on socket",
                "through socket",
            ],
            parts: &["directory: '([^']+)'", "open '([^']+)'", "directory: (\\S+)", "([\\w./-]+): No such file"],
            cause: "the file '{}' isn't there",
            bare: "a file that it needs isn't there",
            action: "put the file there, or correct its path in the service's settings",
        },
    ),
];

/// Not a port, which has a rule of its own.
fn forbidden(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["permission denied", "permissionerror", "eacces", "operation not permitted"])?;
    if line.says(&["listen eacces", "bind", "address", "docker", "connect", "permission denied for "])
        || super::network::is_about_binding(&facts.log, line)
    {
        return None;
    }
    let place = ["denied: '([^']+)'", "permitted: '([^']+)'", "(?:open|mkdir|unlink|scandir) '([^']+)'", "([\\w./-]+): Permission denied"];
    let file = place.iter().find_map(|pattern| line.part(pattern)).map(part);
    let cause = match &file {
        Some(file) => format!("it may not use {file}: permission denied"),
        None => "it may not use a file that it needs: permission denied".into(),
    };
    Some(
        Finding::new(cause, "give the user that Pilothouse runs as the right to it (chown, chmod), or let it use another path")
            .by(Some(line)),
    )
}
