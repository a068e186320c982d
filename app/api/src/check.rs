//! How the health of a service is found out.

use serde::{Deserialize, Serialize};

use crate::{CheckKind, Detail, is_http_path};

/// Words of a command.
const WORDS: usize = 200;
/// Bytes of one of them.
const WORD: usize = 32 << 10;
/// Characters of a command where it is named.
const NAMED: usize = 60;

/// How the health of a service is found out: by HTTP on its port, by a connection to it, or by a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct HealthCheck {
    /// What is asked.
    pub kind: CheckKind,
    /// The path, for HTTP; none tries `/health`, `/health/` and `/healthz`, and keeps the one that answers.
    pub path: Option<String>,
    /// Program and arguments, for a command; no shell reads them. It runs in the service's folder with the service's environment,
    /// `$PORT` stands for its port, and exit code 0 means that it is well.
    pub command: Vec<String>,
    /// Seconds between checks, 1 to 3600.
    pub interval_seconds: u32,
    /// Seconds that one check may take, 1 to 60; a command is killed then, with all that it has started.
    pub timeout_seconds: u32,
    /// Failures in a row that make it unhealthy, 1 to 20.
    pub unhealthy_threshold: u32,
    /// Successes in a row that make it healthy again, 1 to 20.
    pub healthy_threshold: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            kind: CheckKind::Http,
            path: None,
            command: Vec::new(),
            interval_seconds: 15,
            timeout_seconds: 5,
            unhealthy_threshold: 3,
            healthy_threshold: 1,
        }
    }
}

impl HealthCheck {
    /// What is wrong with it, field by field, below the JSON Pointer `at`.
    pub fn faults(&self, at: &str) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, right: bool, message: &str| {
            if !right {
                faults.push(Detail { field: format!("{at}/{field}"), message: message.into() });
            }
        };
        if let Some(path) = &self.path {
            check("path", self.kind == CheckKind::Http, "only a check by HTTP has a path; leave it out");
            check("path", is_http_path(path), "the health path starts with '/', has no spaces and at most 1024 characters");
        }
        match self.kind {
            CheckKind::Command => {
                let is_named = self.command.first().is_some_and(|program| !program.trim().is_empty());
                check("command", is_named && self.command.len() <= WORDS, "a command has a program and at most 199 arguments");
                let fits = self.command.iter().all(|word| word.len() <= WORD && !word.contains('\0'));
                check("command", fits, "an argument has at most 32 KiB and no zero byte");
            }
            _ => check(
                "command",
                self.command.is_empty(),
                "only a check by a command has a command; leave it out, or set the kind to command",
            ),
        }
        check("interval_seconds", (1..=3600).contains(&self.interval_seconds), "the interval is 1 to 3600 seconds");
        check("timeout_seconds", (1..=60).contains(&self.timeout_seconds), "the timeout is 1 to 60 seconds");
        check("unhealthy_threshold", (1..=20).contains(&self.unhealthy_threshold), "the threshold is 1 to 20");
        check("healthy_threshold", (1..=20).contains(&self.healthy_threshold), "the threshold is 1 to 20");
        faults
    }

    /// Whether both ask the same, however often.
    pub fn asks_like(&self, other: &Self) -> bool {
        (self.kind, &self.path, &self.command) == (other.kind, &other.path, &other.command)
    }

    /// What is asked of a service on `port`: `GET /health`, `TCP port 5432`, `Command pg_isready`.
    pub fn asked(&self, port: Option<u16>) -> String {
        match (self.kind, &self.path, port) {
            (CheckKind::Http, Some(path), _) => format!("GET {path}"),
            (CheckKind::Http, None, _) => "HTTP".into(),
            (CheckKind::Tcp, _, Some(port)) => format!("TCP port {port}"),
            (CheckKind::Tcp, _, None) => "TCP".into(),
            (CheckKind::Command, ..) => format!("Command {}", self.command_name()),
            (CheckKind::None, ..) => "Not checked".into(),
        }
    }

    /// The program without its folder, and what follows it up to the first option: `python check.py`. Options may hold passwords.
    pub fn command_name(&self) -> String {
        let (program, rest) = self.command.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
        let program = program.rsplit('/').next().unwrap_or_default();
        let first = rest.first().filter(|word| !word.starts_with('-') && !word.contains([':', '=', '@']));
        let name = first.map_or_else(|| program.to_owned(), |word| format!("{program} {word}"));
        name.chars().filter(|c| !c.is_control()).take(NAMED).collect()
    }
}

/// What one check with some settings has found, without anything being changed by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthTest {
    /// Whether it succeeded.
    pub ok: bool,
    /// Milliseconds it took.
    pub latency_ms: f64,
    /// What was asked: `GET /health`, `TCP port 5432`, `Command pg_isready`.
    pub asked: String,
    /// What was asked and what came back: `GET /health: 200`, `TCP 5432: connection refused`.
    pub message: String,
    /// The last lines that the command wrote, at most 10.
    pub output: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::HealthCheck;
    use crate::CheckKind;

    fn fields(check: &HealthCheck) -> Vec<String> {
        check.faults("/health").into_iter().map(|fault| fault.field).collect()
    }

    fn command(words: &[&str]) -> HealthCheck {
        HealthCheck { kind: CheckKind::Command, command: words.iter().map(|word| (*word).to_owned()).collect(), ..HealthCheck::default() }
    }

    #[test]
    fn each_wrong_field_of_a_health_check_is_named() {
        let usual = HealthCheck::default();
        let table = [
            (
                HealthCheck { path: Some("x".into()), interval_seconds: 0, ..usual.clone() },
                &["/health/path", "/health/interval_seconds"][..],
            ),
            (HealthCheck { kind: CheckKind::Tcp, ..usual.clone() }, &[]),
            (HealthCheck { kind: CheckKind::None, ..usual.clone() }, &[]),
            (HealthCheck { kind: CheckKind::Tcp, path: Some("/health".into()), ..usual.clone() }, &["/health/path"]),
            (HealthCheck { command: vec!["pg_isready".into()], ..usual }, &["/health/command"]),
            (command(&["pg_isready", "-q"]), &[]),
            (command(&[]), &["/health/command"]),
            (command(&[" "]), &["/health/command"]),
            (command(&["a", "b\0"]), &["/health/command"]),
            (command(&["a"; 201]), &["/health/command"]),
            (HealthCheck { path: Some("/".into()), ..command(&["a"]) }, &["/health/path"]),
        ];
        for (check, expected) in table {
            assert_eq!(fields(&check), expected, "{check:?}");
        }
    }

    #[test]
    fn what_was_stored_before_there_were_kinds_asks_by_http() {
        let stored = r#"{"path":"/up","interval_seconds":30,"timeout_seconds":4,"unhealthy_threshold":2,"healthy_threshold":1}"#;
        let check: HealthCheck = serde_json::from_str(stored).unwrap();
        assert_eq!((check.kind, check.path.as_deref(), check.command.len()), (CheckKind::Http, Some("/up"), 0));
        assert!(serde_json::from_str::<HealthCheck>(r#"{"kind":"smoke"}"#).is_err(), "an unknown kind is refused");
    }

    #[test]
    fn what_is_asked_is_said_without_what_may_be_secret() {
        let tcp = HealthCheck { kind: CheckKind::Tcp, ..HealthCheck::default() };
        let table = [
            (HealthCheck { path: Some("/up".into()), ..HealthCheck::default() }, "GET /up"),
            (tcp, "TCP port 5432"),
            (command(&["/usr/bin/pg_isready", "-h", "db"]), "Command pg_isready"),
            (command(&["python", "check.py", "--token", "x"]), "Command python check.py"),
            (command(&["redis-cli", "redis://me:secret@host"]), "Command redis-cli"),
            (command(&["env", "TOKEN=x"]), "Command env"),
        ];
        for (check, expected) in table {
            assert_eq!(check.asked(Some(5432)), expected);
        }
    }
}
