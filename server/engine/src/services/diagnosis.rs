//! Why a service isn't well: a few deterministic causes, each with what shows it and what mends it.

use api::Diagnosis;

use super::launch::Holder;
use crate::runtime::Ended;

/// What is known when a run has ended, or a start has failed.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// How it ended.
    pub ended: &'a Ended,
    /// The last lines of its log, oldest first.
    pub lines: &'a [String],
    /// The port that its log complains of, with who has it.
    pub taken: Option<(u16, Option<Holder>)>,
    /// Whether its folder says what it requires.
    pub has_requirements: bool,
}

/// The causes, the likeliest first. The words of the first are what the service's state is explained with when they are more exact.
pub(super) fn diagnose(evidence: &Evidence<'_>) -> Vec<Diagnosis> {
    [
        port_taken(evidence),
        module_missing(evidence),
        variable_missing(evidence),
        file_missing(evidence),
        refused(evidence),
        out_of_memory(evidence),
        other(evidence),
    ]
    .into_iter()
    .flatten()
    .take(3)
    .collect()
}

/// The port that a log line says is in use: none when no line says so, `Some(None)` when it doesn't say which.
pub(super) fn port_in_use(lines: &[String]) -> Option<Option<u16>> {
    let line =
        find(lines, &["address already in use", "errno 98", "eaddrinuse", "port is already allocated", "is in use by another program"])?;
    let bracketed = line.rsplit_once("', ").map(|(_, rest)| rest);
    let after_colon = || line.rsplit(':').find_map(digits);
    let after_word = line.to_lowercase().find("port ").and_then(|at| digits(&line[at + 5..]));
    Some(bracketed.and_then(digits).or(after_word).or_else(after_colon).filter(|port| *port != 98))
}

/// The diagnosis of a service that runs and whose health check is refused or fails.
pub(crate) fn unhealthy(port: Option<u16>, message: &str, listening: &[u16]) -> Vec<Diagnosis> {
    let (cause, action) = match port {
        Some(port) if !listening.is_empty() && !listening.contains(&port) => (
            format!("it was told to listen on port {port} and listens on {}", join(listening)),
            "let it read its port from the variable PORT, or set its port to the one that it listens on".into(),
        ),
        Some(port) if listening.is_empty() => (
            format!("it runs, but listens on no port; it was told {port}"),
            "look into its log: it may still be starting, or wait for something that isn't there".into(),
        ),
        _ => ("it runs, but its health check fails".into(), "look into its log, and at the path of its health check".into()),
    };
    vec![Diagnosis { cause, evidence: vec![message.to_owned()], actions: vec![action] }]
}

fn port_taken(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let (port, holder) = evidence.taken.as_ref()?;
    let (cause, action) = match holder {
        Some(holder) => (format!("port {port} is taken by {holder}"), format!("stop {holder}, or give the service another port")),
        None => (format!("port {port} was taken when it started"), "start it again, or give the service another port".into()),
    };
    Some(Diagnosis { cause, evidence: shown(evidence, &["in use", "errno 98", "eaddrinuse"]), actions: vec![action] })
}

fn module_missing(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let line = find(evidence.lines, &["modulenotfounderror", "no module named", "importerror"])?;
    let module =
        line.rsplit("No module named ").next().filter(|rest| rest.len() < line.len()).map(|rest| rest.trim_matches(['\'', '"', ' ']));
    let cause =
        module.map_or_else(|| "a Python module can't be imported".into(), |module| format!("the Python module '{module}' isn't installed"));
    let package = module.map_or("it", |module| module.split('.').next().unwrap_or(module));
    let action = if evidence.has_requirements {
        format!("add the package of {package} to the requirements in its folder, then start it again")
    } else {
        format!("write a requirements.txt with the package of {package} into its folder, then start it again: it will be installed")
    };
    Some(Diagnosis { cause, evidence: vec![line.to_owned()], actions: vec![action] })
}

/// A variable that the code asks its environment for: Python says only the name, and in which line it asked.
fn variable_missing(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let line = evidence.lines.iter().rev().find(|line| line.trim_start().starts_with("KeyError: "))?;
    let name = line.rsplit("KeyError: ").next()?.trim().trim_matches(['\'', '"']);
    let asks = |line: &String| line.contains("environ");
    if !api::is_variable_name(name) || !evidence.lines.iter().any(asks) {
        return None;
    }
    let shown = evidence.lines.iter().rev().find(|line| asks(line) && line.contains(name));
    Some(Diagnosis {
        cause: format!("the variable {name} isn't set"),
        evidence: shown.into_iter().chain([line]).map(|line| line.trim().to_owned()).collect(),
        actions: vec![format!("set {name} among the variables in its settings, or in the .env of its folder, then start it again")],
    })
}

fn file_missing(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let line = find(evidence.lines, &["filenotfounderror", "no such file or directory", "enoent"]);
    let line =
        line.or_else(|| evidence.ended.start_failure.as_deref().filter(|failure| failure.to_lowercase().contains("no such file")))?;
    let cause = match line.rsplit_once("directory: ") {
        Some((_, path)) => format!("the file {} isn't there", path.trim()),
        None => "a file that it needs isn't there".into(),
    };
    Some(Diagnosis {
        cause,
        evidence: vec![line.to_owned()],
        actions: vec!["put the file there, or correct its path in the service's settings".into()],
    })
}

fn refused(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let line = find(
        evidence.lines,
        &["connection refused", "connectionrefusederror", "errno 111", "econnrefused", "could not connect to server"],
    )?;
    let cause = "something that it depends on doesn't accept connections".into();
    let actions = vec!["start what it connects to, or correct the address in the service's settings".into()];
    Some(Diagnosis { cause, evidence: vec![line.to_owned()], actions })
}

fn out_of_memory(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let line = find(evidence.lines, &["memoryerror", "cannot allocate memory", "out of memory"]);
    (evidence.ended.oom || line.is_some()).then(|| Diagnosis {
        cause: "it used more memory than there was".into(),
        evidence: line.map(String::from).into_iter().collect(),
        actions: vec!["give the machine or the service more memory, or look for what grows in its memory chart".into()],
    })
}

fn other(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let cause = super::outcome::reason(evidence.ended);
    let error = find(evidence.lines, &["error", "exception", "fatal", "panic"]).or(evidence.lines.last().map(String::as_str));
    let actions = vec!["read the end of its log; start it again when the cause is mended".into()];
    Some(Diagnosis { cause, evidence: error.map(String::from).into_iter().collect(), actions })
}

/// The last line that contains one of `words`, which are in lower case.
fn find<'a>(lines: &'a [String], words: &[&str]) -> Option<&'a str> {
    lines.iter().rev().map(String::as_str).find(|line| {
        let line = line.to_lowercase();
        words.iter().any(|word| line.contains(word))
    })
}

fn shown(evidence: &Evidence<'_>, words: &[&str]) -> Vec<String> {
    find(evidence.lines, words).map(String::from).into_iter().collect()
}

fn digits(text: &str) -> Option<u16> {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|port| *port > 0)
}

fn join(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use api::Timestamp;

    use super::{Evidence, diagnose, port_in_use, unhealthy};
    use crate::runtime::Ended;
    use crate::services::launch::Holder;

    fn first(lines: &[&str], taken: Option<(u16, Option<Holder>)>) -> (String, String) {
        let ended = Ended { code: Some(1), signal: None, oom: false, at: Timestamp::default(), was_asked: false, start_failure: None };
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let found = diagnose(&Evidence { ended: &ended, lines: &lines, taken, has_requirements: false });
        (found[0].cause.clone(), found[0].actions[0].clone())
    }

    #[test]
    fn the_causes_that_logs_show_are_named() {
        let trace =
            ["Traceback (most recent call last):", "  File \"main.py\", line 1", "ModuleNotFoundError: No module named 'fastapi.x'"];
        assert_eq!(first(&trace, None).0, "the Python module 'fastapi.x' isn't installed");
        assert!(first(&trace, None).1.contains("requirements.txt with the package of fastapi"));
        let variable = [
            "    DATABASE_URL = os.environ[\"ORDERS_DATABASE_URL\"]",
            "  File \"<frozen os>\", line 679",
            "KeyError: 'ORDERS_DATABASE_URL'",
        ];
        assert_eq!(first(&variable, None).0, "the variable ORDERS_DATABASE_URL isn't set");
        assert_eq!(first(&["KeyError: 'price'"], None).0, "exited with code 1");
        let file = ["FileNotFoundError: [Errno 2] No such file or directory: 'data.json'"];
        assert_eq!(first(&file, None).0, "the file 'data.json' isn't there");
        let holder = Holder { name: "python3".into(), pid: 42 };
        assert_eq!(first(&["x"], Some((8001, Some(holder)))).0, "port 8001 is taken by python3 (pid 42)");
        assert_eq!(first(&["starting", "ValueError: x"], None).0, "exited with code 1");
    }

    #[test]
    fn the_port_in_use_is_read_from_the_ways_servers_say_it() {
        for (line, port) in [
            ("ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): address already in use", Some(8001)),
            ("OSError: [Errno 98] Address already in use", None),
            ("Error: listen EADDRINUSE: address already in use :::8001", Some(8001)),
            ("Port 8001 is in use by another program.", Some(8001)),
            ("listen tcp 127.0.0.1:8001: bind: address already in use", Some(8001)),
        ] {
            assert_eq!(port_in_use(&[line.to_owned()]), Some(port), "{line}");
        }
        assert_eq!(port_in_use(&["fine".to_owned()]), None);
    }

    #[test]
    fn a_service_on_another_port_than_its_own_is_said_to_be() {
        assert_eq!(unhealthy(Some(8001), "x", &[9000])[0].cause, "it was told to listen on port 8001 and listens on 9000");
        assert!(unhealthy(Some(8001), "x", &[])[0].cause.contains("no port"));
    }
}
