//! Each rule against what real programs say: provoked here where Python is enough, else word for word as the named version said it.

#[path = "said.rs"]
mod said;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use api::{Dependency, DependencySource, Diagnosis, Fix, Health, HealthResult, NodeKind, Restarts, ServiceId, Status, Timestamp};
use regex::Regex;

use super::log::EVIDENCE;
use super::rule::Test;
use super::{Change, FAMILIES, Facts, Log, Neighbour, Rule, diagnose, port_in_use, unhealthy};
use crate::runtime::Ended;
use crate::services::launch::Holder;
use said::{PROBES, PROVOKED, SAID, STARTS};

/// How a run ended in a test.
#[derive(Clone, Copy, Debug)]
enum End {
    Code(i32),
    Signal(i32),
}

fn id(n: u128) -> ServiceId {
    ServiceId(uuid::Uuid::from_u128(n))
}

fn ended(end: End) -> Ended {
    let (code, signal) = match end {
        End::Code(code) => (Some(code), None),
        End::Signal(signal) => (None, Some(signal)),
    };
    Ended { code, signal, oom: false, began: None, at: Timestamp::from_micros(5_000_000), was_asked: false, start_failure: None }
}

fn not_started(failure: &str) -> Ended {
    Ended { code: None, start_failure: Some(failure.into()), ..ended(End::Code(0)) }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(String::from).collect()
}

/// The causes of a run that ended like this.
fn after(text: &str, end: End) -> Vec<Diagnosis> {
    let (ended, lines) = (ended(end), lines(text));
    diagnose(Facts { ended: Some(&ended), log: Log::of(&lines), ran_seconds: Some(2.0), ..Facts::of(id(1)) })
}

/// A check that failed.
fn check(message: &str) -> HealthResult {
    let (at, health) = (Timestamp::default(), Health::Unhealthy);
    HealthResult { at, ok: false, health, latency_ms: 1.0, message: message.into(), output: Vec::new() }
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Python itself: what is on the PATH may be a script that looks for it each time.
fn python() -> &'static str {
    static PYTHON: LazyLock<String> = LazyLock::new(|| {
        let output = Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]).output().expect("python3 runs");
        String::from_utf8(output.stdout).expect("a path")
    });
    &PYTHON
}

/// Runs a little program of Python, and answers what it wrote and how it ended.
fn run(program: &str) -> (String, End) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.py"), program).expect("a program");
    let mut command = Command::new(python());
    command.args(["-B", "main.py"]).current_dir(folder.path()).stdin(Stdio::null()).env("PYTHONFAULTHANDLER", "").env("WORKERS", "many");
    let output = command.output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let end = output.status.code().map(End::Code).or(output.status.signal().map(End::Signal)).expect("it ended");
    (text, end)
}

/// What is wrong with the causes that were found; nothing when the first is of that rule and says that.
fn wrong(what: &str, found: &[Diagnosis], rule: &str, cause: &str) -> Option<String> {
    let told = found.iter().map(|one| format!("{}: {}", one.rule, one.cause)).collect::<Vec<_>>().join("; ");
    let is_right = found.first().is_some_and(|first| {
        first.rule == rule && first.cause.contains(cause) && !first.fixes.is_empty() && !first.actions.is_empty() && found.len() <= 3
    });
    (!is_right).then(|| format!("{what}\n-> {told}\nnot {rule}: {cause}\n"))
}

fn all_right(wrong: impl Iterator<Item = Option<String>>) {
    let wrong: Vec<_> = wrong.flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn failures_that_are_provoked_have_their_causes() {
    all_right(PROVOKED.iter().map(|(rule, cause, program)| {
        let (text, end) = run(program);
        wrong(&format!("{program}\n{text}\n{end:?}"), &after(&text, end), rule, cause)
    }));
}

#[test]
fn what_programs_say_at_their_end_has_its_cause() {
    all_right(SAID.iter().map(|(rule, cause, end, text)| wrong(text, &after(text, *end), rule, cause)));
}

#[test]
fn starts_that_fail_have_their_causes() {
    all_right(STARTS.iter().map(|(rule, cause, failure)| {
        let ended = not_started(failure);
        wrong(failure, &diagnose(Facts { ended: Some(&ended), ..Facts::of(id(1)) }), rule, cause)
    }));
}

#[test]
fn checks_that_fail_have_their_causes() {
    all_right(PROBES.iter().map(|(rule, cause, port, listening, message)| {
        let found = unhealthy(id(1), *port, &check(message), listening);
        assert_eq!((found.len(), &found[0].evidence[..]), (1, &[(*message).to_owned()][..]), "{found:#?}");
        wrong(message, &found, rule, cause)
    }));
}

#[test]
fn a_command_that_fails_shows_its_last_lines_and_leads_to_the_settings_of_the_check() {
    let output = (1..=8).map(|n| format!("line {n}")).collect();
    let found = unhealthy(id(1), None, &HealthResult { output, ..check("Command check.sh: exit code 1: line 8") }, &[]);
    assert_eq!(found[0].evidence, ["Command check.sh: exit code 1: line 8", "line 4", "line 5", "line 6", "line 7", "line 8"]);
    assert_eq!(found[0].fixes[0], Fix::HealthCheck { label: "Its health check".into(), service_id: id(1) });
}

#[test]
fn every_rule_is_covered_and_has_an_id_of_its_own() {
    let mut ids = BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(rule.id), "{} is there twice", rule.id);
        assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{}", rule.id);
    }
    assert!(ids.len() >= 40, "{}", ids.len());
    let tables = PROVOKED.iter().map(|row| row.0).chain(SAID.iter().map(|row| row.0));
    let tables = tables.chain(STARTS.iter().map(|row| row.0)).chain(PROBES.iter().map(|row| row.0));
    // These need facts that aren't in a log; they have tests of their own below.
    let elsewhere = [
        "port-taken",
        "port-reserved",
        "dependency-stopped",
        "dependency-down",
        "out-of-memory",
        "memory-limit",
        "changed-before",
        "crash-loop",
        "exit-unknown",
        "ended-by-itself",
    ];
    let covered: BTreeSet<_> = tables.chain(elsewhere).collect();
    let missing: Vec<_> = ids.difference(&covered).collect();
    let unknown: Vec<_> = covered.difference(&ids).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not covered: {missing:?}, no such rule: {unknown:?}");
}

#[test]
fn every_pattern_compiles_and_every_word_is_in_lower_case() {
    for rule in rules() {
        let (Test::Line(says) | Test::Start(says)) = &rule.test else { continue };
        for word in says.any.iter().chain(says.unless) {
            assert_eq!(*word, word.to_ascii_lowercase(), "{}", rule.id);
        }
        for pattern in says.parts {
            let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
            assert!(regex.captures_len() > 1, "{} captures nothing: {pattern}", rule.id);
        }
        assert!(!says.cause.contains("{}") || !says.parts.is_empty(), "{} has nothing to say in its cause", rule.id);
    }
}

#[test]
fn what_says_nothing_of_a_cause_has_only_how_it_ended() {
    for text in [
        "INFO:     Started server process [4242]\nINFO:     127.0.0.1:50412 - \"GET /health HTTP/1.1\" 200 OK\nready",
        "KeyError: 'price'",
        "an order for memory cards was taken; no errors",
        "",
    ] {
        let found = after(text, End::Code(3));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(["exit-code", "unhandled-error"].contains(&found[0].rule.as_str()), "{found:#?}");
    }
    assert!(diagnose(Facts::of(id(1))).is_empty(), "what runs and isn't checked has no cause");
}

#[test]
fn one_cause_is_told_once() {
    let (text, end) = run("import nothing_like_this");
    let found = after(&text, end);
    assert_eq!(found.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["module-missing"]);
    let both = "FATAL:  database \"orders\" does not exist\nFileNotFoundError: [Errno 2] No such file or directory: '/etc/orders.json'";
    let found = after(both, End::Code(1));
    assert_eq!(found.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["database-missing", "file-missing"]);
}

#[test]
fn what_is_missing_in_a_container_is_installed_when_its_image_is_made() {
    let exit = ended(End::Code(1));
    let cases = [
        ("ModuleNotFoundError: No module named 'redis'", "module-missing", "requirements.txt"),
        ("ModuleNotFoundError: No module named 'tomllib'", "python-too-old", ".venv"),
        ("ModuleNotFoundError: No module named 'distutils'", "python-too-new", ".venv"),
    ];
    for (text, rule, of_folder) in cases {
        let lines = [text.to_owned()];
        let of = |is_contained| diagnose(Facts { ended: Some(&exit), log: Log::of(&lines), is_contained, ..Facts::of(id(1)) }).remove(0);
        assert_eq!((of(true).rule.as_str(), of(false).rule.as_str()), (rule, rule));
        assert!(of(false).actions[0].contains(of_folder), "{:?}", of(false));
        assert!(of(true).actions[0].contains("image") && !of(true).actions[0].contains(of_folder), "{:?}", of(true));
    }
}

#[test]
fn an_old_trace_that_it_survived_is_no_cause() {
    let old = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    import redis\nModuleNotFoundError: No module named 'redis'\n";
    let since = "GET /health: 200\n".repeat(60);
    let found = after(&format!("{old}{since}ValueError: no price"), End::Code(1));
    assert_eq!(found[0].rule, "unhandled-error", "{found:#?}");
    assert_eq!(after(old, End::Code(1))[0].rule, "module-missing");
}

#[test]
fn what_somebody_killed_has_not_died_of_what_its_log_says() {
    let log = "ConnectionRefusedError: [Errno 111] Connection refused";
    for (end, rule) in [
        (End::Signal(9), "killed"),
        (End::Signal(15), "terminated"),
        (End::Code(137), "killed"),
        (End::Code(143), "terminated"),
        (End::Signal(2), "interrupted"),
    ] {
        let found = after(log, end);
        assert_eq!(found.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), [rule]);
    }
    let killed = Ended { oom: true, ..ended(End::Signal(9)) };
    let found = diagnose(Facts { ended: Some(&killed), ..Facts::of(id(1)) });
    assert_eq!(found.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["out-of-memory"]);
}

#[test]
fn a_limit_that_was_reached_leads_to_the_limits() {
    let killed = Ended { oom: true, ..ended(End::Signal(9)) };
    let limits = api::Limits { memory_bytes: Some(64 << 20), ..Default::default() };
    let found = diagnose(Facts { ended: Some(&killed), limits, ..Facts::of(id(1)) });
    assert_eq!(found.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["memory-limit"]);
    assert!(found[0].cause.ends_with("its limit of 64 MiB"), "{}", found[0].cause);
    assert_eq!(found[0].fixes[0], Fix::Limits { label: "Its limits".into(), service_id: id(1) });
}

#[test]
fn how_it_ended_is_told_when_nothing_else_is_known() {
    let unknown = Ended { code: None, ..ended(End::Code(0)) };
    assert_eq!(diagnose(Facts { ended: Some(&unknown), ..Facts::of(id(1)) })[0].rule, "exit-unknown");
    let well = ended(End::Code(0));
    let after_an_hour = Facts { ended: Some(&well), ran_seconds: Some(3600.0), ..Facts::of(id(1)) };
    assert_eq!(diagnose(after_an_hour)[0].rule, "ended-by-itself");
}

fn neighbour(status: Status) -> Neighbour {
    Neighbour { id: id(2), name: "payments".into(), port: Some(8002), status, pids: vec![42] }
}

#[test]
fn a_port_that_another_service_has_can_be_freed_by_a_button() {
    let (exit, log) = (ended(End::Code(1)), lines("OSError: [Errno 98] Address already in use"));
    let taken = |pid| {
        let facts = Facts { ended: Some(&exit), log: Log::of(&log), ..Facts::of(id(1)) };
        let holder = Holder { name: "python3".into(), pid };
        let others = [neighbour(Status::Running)];
        diagnose(Facts { taken: Some((8002, Some(holder))), others: &others, ..facts })
    };
    let own = taken(42);
    assert_eq!((own.len(), own[0].rule.as_str()), (1, "port-taken"));
    assert_eq!(own[0].cause, "port 8002 is taken by the service 'payments' (python3 (pid 42))");
    assert_eq!(own[0].evidence, ["OSError: [Errno 98] Address already in use"]);
    assert_eq!(own[0].fixes[0], Fix::Stop { label: "Stop payments".into(), service_id: id(2) });
    let foreign = taken(43);
    assert_eq!(foreign[0].cause, "port 8002 is taken by python3 (pid 43)");
    assert!(!foreign[0].fixes.iter().any(|fix| matches!(fix, Fix::Stop { .. })), "what isn't a service of ours is not stopped");

    let reserved = not_started("port 8002 is taken by the service 'payments'; stop that, or give the service another port");
    let found = diagnose(Facts { ended: Some(&reserved), others: &[neighbour(Status::Running)], ..Facts::of(id(1)) });
    assert_eq!((found.len(), found[0].rule.as_str()), (1, "port-reserved"));
    assert_eq!(found[0].cause, "port 8002 is taken by the service 'payments'");
    assert_eq!(found[0].fixes[0], Fix::Stop { label: "Stop payments".into(), service_id: id(2) });
}

#[test]
fn a_dependency_that_is_a_service_here_is_named_with_its_start() {
    // psycopg2 2.9 and httpx 0.28 of a service that looks for one on port 8002.
    let logs = [
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 8002 failed: Connection refused",
        "    httpx.get(\"http://localhost:8002/orders\")\nhttpx.ConnectError: [Errno 111] Connection refused",
    ];
    for log in logs {
        let (exit, log) = (ended(End::Code(1)), lines(log));
        let with = |status| {
            let others = [neighbour(status)];
            diagnose(Facts { ended: Some(&exit), log: Log::of(&log), others: &others, ..Facts::of(id(1)) })
        };
        let stopped = with(Status::Stopped);
        assert_eq!((stopped.len(), stopped[0].rule.as_str()), (1, "dependency-stopped"), "{stopped:#?}");
        assert_eq!(stopped[0].cause, "the service 'payments', which it connects to at port 8002, is stopped");
        assert_eq!(stopped[0].fixes[0], Fix::Start { label: "Start payments".into(), service_id: id(2) });
        let running = with(Status::Running);
        assert_eq!(running[0].rule, "dependency-refused");
        assert!(running[0].cause.contains("'payments'"), "{running:#?}");
    }
    let (exit, log) = (ended(End::Code(1)), lines("Error: getaddrinfo ENOTFOUND payments"));
    let found = diagnose(Facts { ended: Some(&exit), log: Log::of(&log), others: &[neighbour(Status::Running)], ..Facts::of(id(1)) });
    assert_eq!(found[0].rule, "name-not-found");
    assert!(found[0].actions[0].contains("127.0.0.1:8002"), "{found:#?}");
}

#[test]
fn what_it_is_known_to_need_is_told_when_it_is_down_whatever_the_log_says() {
    let need = |n, name: &str, kind, status, sources| {
        let (health_status, health) = (None, api::DependencyHealth::Down);
        Dependency { kind, service_id: Some(id(n)), name: name.into(), status, health_status, health, sources }
    };
    let variable = DependencySource::Environment { variable: "DATABASE_URL".into(), scheme: Some("postgres".into()) };
    let stopped = need(2, "payments", NodeKind::Service, Some(Status::Stopped), vec![DependencySource::Declared, variable]);
    let unwell = need(3, "cart", NodeKind::Service, Some(Status::Running), vec![DependencySource::Declared]);
    let gone = need(4, "old", NodeKind::Missing, None, vec![DependencySource::Declared]);
    let with = |needs: &[Dependency], end, log: &str| {
        let (ended, log) = (ended(end), lines(log));
        diagnose(Facts { ended: Some(&ended), log: Log::of(&log), others: &[neighbour(Status::Stopped)], needs, ..Facts::of(id(1)) })
    };
    let found = with(std::slice::from_ref(&stopped), End::Code(3), "it gave up");
    assert_eq!((found.len(), found[0].rule.as_str()), (1, "dependency-down"), "{found:#?}");
    assert_eq!(found[0].cause, "the service 'payments' is stopped, and this one depends on it");
    assert_eq!(found[0].evidence, ["payments: declared in the settings · the variable DATABASE_URL names it (postgres)"]);
    assert_eq!(found[0].fixes[0], Fix::Start { label: "Start payments".into(), service_id: id(2) });
    let both = with(&[stopped.clone(), unwell, gone], End::Code(3), "it gave up");
    assert_eq!(
        both[0].cause,
        "services that it depends on aren't well: 'payments' is stopped, 'cart' isn't healthy, 'old' has been deleted"
    );
    assert_eq!(both[0].evidence.len(), 3);
    // The log says it more exactly; somebody has killed it; it has never run.
    let said = with(std::slice::from_ref(&stopped), End::Code(1), "connect ECONNREFUSED 127.0.0.1:8002");
    assert_eq!(said.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["dependency-stopped"]);
    assert_eq!(with(std::slice::from_ref(&stopped), End::Signal(9), "")[0].rule, "killed");
    let refused = not_started("'x' was not found");
    let found = diagnose(Facts { ended: Some(&refused), needs: &[stopped], ..Facts::of(id(1)) });
    assert!(found.iter().all(|one| one.rule != "dependency-down"), "{found:#?}");
}

#[test]
fn a_change_before_the_end_and_a_crash_loop_are_told_beside_the_causes() {
    let (exit, log) = (ended(End::Code(1)), lines("ENOSPC\nFATAL:  database \"a\" does not exist\nJSONDecodeError: x\nMemoryError"));
    let with = |fields: &[&str], seconds_before, ran, in_a_row| {
        let changed = Change { fields: fields.iter().map(|field| (*field).into()).collect(), by: Some("ada".into()), seconds_before };
        let facts = Facts { ended: Some(&exit), log: Log::of(&log), changed: Some(changed), ..Facts::of(id(1)) };
        diagnose(Facts { ran_seconds: Some(ran), restarts: Restarts { in_a_row, next_at: None }, ..facts })
    };
    let ids = |found: Vec<Diagnosis>| found.into_iter().map(|one| one.rule).collect::<Vec<_>>();
    let found = with(&["environment"], 130.0, 3.0, 5);
    assert_eq!(found[1].cause, "its variables were changed by ada 2 minutes before");
    assert_eq!(ids(found), ["python-memory", "changed-before", "crash-loop"]);
    assert_eq!(ids(with(&["port", "environment"], 130.0, 3.0, 0)).last().map(String::as_str), Some("changed-before"));
    assert_eq!(with(&["port"], 20.0, 3.0, 0)[2].cause, "its port was changed by ada less than a minute before");
    for (fields, before, ran) in [(&["description"], 130.0, 3.0), (&["port"], 3_600.0, 3.0), (&["port"], 800.0, 700.0)] {
        assert_eq!(ids(with(fields, before, ran, 0)), ["python-memory", "database-missing", "disk-full"]);
    }
}

#[test]
fn hostile_lines_neither_panic_nor_come_through_whole() {
    let hostile = [
        "x".repeat(1_000_000),
        format!("ModuleNotFoundError: No module named '{}'", "a".repeat(100_000)),
        "FileNotFoundError: [Errno 2] No such file or directory: '\u{202e}gpj.exe\u{0}\u{1b}[31m<script>alert(1)</script>'".into(),
        "OSError: [Errno 98] Address already in use ('', 99999999999999999999)".into(),
        "connect ECONNREFUSED 999.999.999.999:99999999999".into(),
        "connection to server at \"\u{202e}\", port 70000 failed: Connection refused".into(),
        "Connection refused ('é\u{301}', 0".into(),
        "KeyError: '\u{627}\u{628}'\n os.environ".into(),
        "validation errors for\nField required".into(),
        "SyntaxError: \u{feff}".into(),
        "JSONDecodeError: ".into(),
        "İİİİ NO MODULE NAMED İ".into(),
        "role \"{}{}{}\" does not exist".into(),
        "\u{0}\u{7f}\u{85}\u{2028}".into(),
    ];
    for text in &hostile {
        for end in [End::Code(1), End::Code(0), End::Code(-1), End::Code(i32::MAX), End::Signal(11), End::Signal(i32::MIN)] {
            let lines = lines(text);
            port_in_use(&lines);
            for found in after(text, end) {
                for shown in found.evidence.iter().chain([&found.cause]).chain(&found.actions) {
                    assert!(shown.chars().count() <= 2 * EVIDENCE, "{} characters", shown.chars().count());
                    assert!(!shown.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{shown:?}");
                }
                assert!(found.evidence.iter().all(|line| line.chars().count() <= EVIDENCE));
            }
        }
        let _ = diagnose(Facts { ended: Some(&not_started(text)), ..Facts::of(id(1)) });
        let _ = unhealthy(id(1), Some(1), &check(text), &[2]);
    }
    let shown = &after(&"y".repeat(5_000), End::Code(1))[0].evidence[0];
    assert_eq!(shown.chars().count(), EVIDENCE);
    assert!(shown.ends_with('…'));
}

#[test]
fn a_long_log_is_searched_in_no_time() {
    let text = format!("{}ModuleNotFoundError: No module named 'x'", format!("{}\n", "connection word ".repeat(60)).repeat(150));
    let began = std::time::Instant::now();
    assert_eq!(after(&text, End::Code(1))[0].rule, "module-missing");
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
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
