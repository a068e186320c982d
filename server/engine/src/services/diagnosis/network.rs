//! Ports that can't be had, and things that can't be reached.

use api::{Dependency, Fix, NodeKind, Status};

use super::facts::{Facts, Neighbour};
use super::log::{EVIDENCE, Line, Log, clean};
use super::rule::Weight::{Exact, Known, Likely};
use super::rule::{AGAIN, Finding, LOGS, Offer, Rule, SAYS, SETTINGS, Says, part};

/// Dependencies that one cause names.
const NEEDS: usize = 3;

/// What is said when nothing listens where one connects to.
const REFUSED: &[&str] =
    &["connection refused", "connectionrefusederror", "errno 111", "econnrefused", "could not connect to server", "connect call failed"];

/// What is said when a name has no address.
const NO_NAME: &[&str] = &[
    "name or service not known",
    "temporary failure in name resolution",
    "nodename nor servname",
    "no address associated with hostname",
    " enotfound",
    "eai_again",
    "unknownhostexception",
    "no such host",
    "could not resolve host",
    "failed to resolve",
    "unknown mysql server host",
];

/// What is said when a port is taken.
const TAKEN: &[&str] = &["address already in use", "errno 98", "eaddrinuse", "port is already allocated", "is in use by another program"];

/// How programs name the host and port that they couldn't connect to.
const PLACES: &[&str] = &[
    r#"server at "([^"]+)"(?: \([^)]*\))?, port (\d+)"#,
    r"host='([^']+)', port=(\d+)",
    r"\('([\w.:-]+)', (\d+)",
    r"ECONNREFUSED ([\w.:-]+?):(\d+)",
    r"connecting to ([\w.-]+):(\d+)",
    r"dial tcp \[?([\w.:-]+?)\]?:(\d+)",
    r"([\w.-]+):(\d+): \[Errno 111\]",
    r"://(?:[^@/\s]*@)?([\w.-]+):(\d+)",
    r"\b(localhost|\d+\.\d+\.\d+\.\d+):(\d+)\b",
];

/// Well-known servers by their usual ports.
const USUAL: [(u16, &str); 10] = [
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (5672, "RabbitMQ"),
    (6379, "Redis"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (11211, "Memcached"),
    (27017, "MongoDB"),
    (4222, "NATS"),
    (2379, "etcd"),
];

pub(super) const RULES: &[Rule] = &[
    Rule::facts("port-taken", Known, "port", SETTINGS, taken),
    Rule::facts("port-reserved", Known, "start", SETTINGS, reserved),
    Rule::start(
        "port-needs-administrator",
        Known,
        SETTINGS,
        Says {
            any: &["only be used by an administrator"],
            parts: &["port (\\d+)"],
            cause: "port {} may only be used by an administrator of the machine",
            action: "give the service a port from 1024 on",
            ..SAYS
        },
    ),
    Rule::facts("port-privileged", Exact, "port", SETTINGS, privileged),
    Rule::line(
        "port-out-of-range",
        Exact,
        "port",
        SETTINGS,
        Says {
            any: &["port must be 0-65535", "err_socket_bad_port", "invalid port number", "port out of range"],
            cause: "it was told a port that doesn't exist: ports are 1 to 65535",
            action: "correct the port in its settings or its code",
            ..SAYS
        },
    ),
    Rule::line(
        "address-not-here",
        Exact,
        "port",
        SETTINGS,
        Says {
            any: &["cannot assign requested address", "could not bind on any address", "eaddrnotavail", "errno 99"],
            parts: &["EADDRNOTAVAIL: [^:]+?([\\d.]+:\\d+)", "address \\('([^']+)'"],
            cause: "it wants to listen on the address {}, which this machine doesn't have",
            bare: "it wants to listen on an address that this machine doesn't have",
            action: "let it listen on 127.0.0.1 or 0.0.0.0",
            ..SAYS
        },
    ),
    Rule::facts("dependency-stopped", Known, "dependency", AGAIN, stopped),
    Rule::facts("dependency-refused", Likely, "dependency", AGAIN, refused),
    Rule::facts("dependency-down", Likely, "needs", AGAIN, down),
    Rule::facts("name-not-found", Exact, "dependency-name", SETTINGS, no_name),
    Rule::line(
        "network-unreachable",
        Exact,
        "dependency",
        AGAIN,
        Says {
            any: &["network is unreachable", "no route to host", "ehostunreach", "enetunreach"],
            cause: "this machine has no way to what it connects to",
            action: "check the address, the network and the firewall of this machine",
            ..SAYS
        },
    ),
    Rule::line(
        "dependency-timed-out",
        Likely,
        "dependency",
        AGAIN,
        Says {
            any: &["timed out", "timeouterror", "connecttimeout", "etimedout", "i/o timeout", "timeout expired"],
            parts: &[
                "host='([^']+)'",
                "server at \"([^\"]+)\"",
                "dial tcp ([\\w.:-]+)",
                "ETIMEDOUT ([\\w.:-]+)",
                "connecting to ([\\w.:-]+)",
            ],
            cause: "{}, which it depends on, doesn't answer in time",
            bare: "something that it depends on doesn't answer in time",
            action: "check that it runs and that a firewall doesn't swallow the connection; give it more time if it is slow",
            ..SAYS
        },
    ),
    Rule::line(
        "connection-closed",
        Likely,
        "dependency",
        AGAIN,
        Says {
            any: &["connection reset by peer", "server closed the connection unexpectedly", "econnreset", "remote end closed connection"],
            cause: "something that it depends on closed the connection",
            action: "look into the log of what it connects to; a plain connection to a TLS port ends like this too",
            ..SAYS
        },
    ),
    Rule::line(
        "certificate-not-yet-valid",
        Exact,
        "certificate",
        AGAIN,
        Says {
            any: &["certificate is not yet valid", "cert_not_yet_valid"],
            cause: "a certificate is not yet valid: this machine's clock is behind, or the certificate is for later",
            action: "set this machine's clock (timedatectl), then start it again",
            ..SAYS
        },
    ),
    Rule::line(
        "certificate-expired",
        Exact,
        "certificate",
        AGAIN,
        Says {
            any: &["certificate has expired", "cert_has_expired", "certificate has expired or is not yet valid"],
            cause: "the certificate of what it connects to has expired",
            action: "renew that certificate; if it is valid for everybody else, set this machine's clock",
            ..SAYS
        },
    ),
    Rule::line(
        "certificate-of-another-host",
        Exact,
        "certificate",
        SETTINGS,
        Says {
            any: &["hostname mismatch", "certificate is not valid for", "err_tls_cert_altname_invalid", "certificate is valid for"],
            parts: &["not valid for '([\\w.-]+)'", "Host: ([\\w-]+(?:\\.[\\w-]+)*)"],
            cause: "the certificate that it is shown isn't for {}",
            bare: "the certificate that it is shown is for another host",
            action: "connect by the name that is in the certificate, or have a certificate made for this name",
            ..SAYS
        },
    ),
    Rule::line(
        "certificate-untrusted",
        Exact,
        "certificate",
        SETTINGS,
        Says {
            any: &[
                "self signed certificate",
                "self-signed certificate",
                "unable to get local issuer",
                "unable to verify the first certificate",
                "signed by unknown authority",
                "pkix path building failed",
            ],
            cause: "it doesn't trust the certificate of what it connects to: nobody that it knows has signed it",
            action: "install the root certificate of the signer, and name it (SSL_CERT_FILE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS)",
            ..SAYS
        },
    ),
    Rule::line(
        "certificate-not-verified",
        Likely,
        "certificate",
        LOGS,
        Says {
            any: &["certificate verify failed", "certificate_verify_failed", "tls: failed to verify certificate"],
            cause: "the certificate of what it connects to can't be verified",
            action: "read in its log what is wrong with it",
            ..SAYS
        },
    ),
    Rule::line(
        "tls-mismatch",
        Exact,
        "certificate",
        SETTINGS,
        Says {
            any: &[
                "wrong version number",
                "wrong_version_number",
                "first record does not look like a tls handshake",
                " eproto",
                "'eproto'",
            ],
            cause: "it speaks TLS to a port that doesn't",
            action: "write http instead of https in the address, or use the port with TLS",
            ..SAYS
        },
    ),
];

/// The port that a log line says is in use: none when no line says so, `Some(None)` when it doesn't say which.
pub(in crate::services) fn port_in_use(lines: &[String]) -> Option<Option<u16>> {
    let log = Log::of(lines);
    let line = log.find(TAKEN)?.text;
    let bracketed = line.rsplit_once("', ").map(|(_, rest)| rest);
    let after_colon = || line.rsplit(':').find_map(digits);
    let after_word = line.to_ascii_lowercase().find("port ").and_then(|at| digits(&line[at + 5..]));
    Some(bracketed.and_then(digits).or(after_word).or_else(after_colon).filter(|port| *port != 98))
}

/// Whether a line that says what is forbidden is about a port.
pub(super) fn is_about_binding(log: &Log<'_>, line: &Line<'_>) -> bool {
    let before = log.recent().rev().filter(|other| other.at < line.at && line.at - other.at <= 4);
    before.into_iter().any(|other| other.says(&[".bind(", "bind((", "create_server"]))
}

fn taken(facts: &Facts<'_>) -> Option<Finding> {
    let (port, holder) = facts.taken.as_ref()?;
    let line = facts.log.find(TAKEN);
    let Some(holder) = holder else {
        let found = Finding::new(format!("port {port} was taken when it started"), "start it again, or give the service another port");
        return Some(found.by(line).fix(Offer::Again.fix(facts)));
    };
    let found = match facts.others.iter().find(|other| other.pids.contains(&holder.pid)) {
        Some(other) => {
            let cause = format!("port {port} is taken by the service '{}' ({holder})", other.name);
            Finding::new(cause, format!("stop '{}', or give one of the two another port", other.name)).fix(stop(other)).fix(look_at(other))
        }
        None => Finding::new(format!("port {port} is taken by {holder}"), format!("stop {holder}, or give the service another port")),
    };
    Some(found.by(line))
}

/// The port that it is to have is another's, which is known before it is started.
fn reserved(facts: &Facts<'_>) -> Option<Finding> {
    let failure = facts.start_failure().filter(|failure| failure.starts_with("port ") && failure.contains("is taken by"))?;
    let cause = failure.split(';').next().unwrap_or(failure);
    let found = Finding::new(part(cause), "stop that, or give the service another port");
    match facts.others.iter().find(|other| cause.ends_with(&format!("the service '{}'", other.name))) {
        Some(other) => Some(found.fix(stop(other)).fix(look_at(other))),
        None => Some(found),
    }
}

fn privileged(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(&["permission denied", "permissionerror", "listen eacces"])?;
    if !line.says(&["listen eacces", "attempting to bind", "bind: permission", "bind("]) && !is_about_binding(&facts.log, line) {
        return None;
    }
    let port = [r"', (\d+)", r":(\d+)\)?:? ?(?:bind|$)"].iter().find_map(|pattern| line.part(pattern)).and_then(digits);
    let port = port.map(|port| format!("port {port}")).unwrap_or_else(|| "its port".into());
    let cause = format!("{port} may only be used by an administrator of the machine");
    Some(Finding::new(cause, "let it listen on a port from 1024 on, best on the one in the variable PORT").by(Some(line)))
}

/// The line that says that a connection was refused, and to where: from a line that says both, or from what traces quote before it.
fn refusal<'a>(facts: &'a Facts<'_>) -> Option<(&'a Line<'a>, Option<(&'a str, u16)>)> {
    let place = |line: &'a Line<'a>| {
        PLACES.iter().find_map(|pattern| {
            let (host, port) = line.parts(pattern)?;
            Some((host?, digits(port?)?))
        })
    };
    let mut said = facts.log.said().rev().filter(|line| line.says(REFUSED)).take(5);
    if let Some(both) = said.find_map(|line| Some((line, Some(place(line)?)))) {
        return Some(both);
    }
    let line = facts.log.find(REFUSED)?;
    let near = facts.log.recent().rev().filter(|other| other.at < line.at && line.at - other.at <= 60 && !other.is_place());
    Some((line, near.into_iter().find_map(place)))
}

fn stopped(facts: &Facts<'_>) -> Option<Finding> {
    let (line, place) = refusal(facts)?;
    let (host, port) = place?;
    let other = facts.service_on(host, port)?;
    other.status.can_start().ok()?;
    let state = if other.status == Status::Stopped { "is stopped" } else { "doesn't run" };
    let cause = format!("the service '{}', which it connects to at port {port}, {state}", other.name);
    let found = Finding::new(cause, format!("start '{}', then start this one again", other.name)).by(Some(line));
    Some(found.fix(Fix::Start { label: format!("Start {}", other.name), service_id: other.id }).fix(look_at(other)))
}

fn refused(facts: &Facts<'_>) -> Option<Finding> {
    let (line, place) = refusal(facts)?;
    let found = match place {
        Some((host, port)) => match facts.service_on(host, port) {
            Some(other) => {
                let cause = format!("the service '{}', which it connects to at port {port}, didn't accept the connection", other.name);
                Finding::new(cause, format!("see whether '{}' is well; if it starts slowly, let this one wait for it", other.name))
                    .fix(look_at(other))
            }
            None => {
                let usual = USUAL.iter().find(|(usual, _)| *usual == port).map(|(_, name)| format!(" (the usual port of {name})"));
                let place = part(&format!("{host}:{port}"));
                let cause = format!("nothing accepts connections at {place}{}, which it depends on", usual.unwrap_or_default());
                Finding::new(cause, "start what listens there, or correct the address in the service's settings")
            }
        },
        None => Finding::new(
            "something that it depends on doesn't accept connections",
            "start what it connects to, or correct the address in the service's settings",
        ),
    };
    Some(found.by(Some(line)))
}

/// What it is known to need doesn't run or isn't well, whatever its log says.
fn down(facts: &Facts<'_>) -> Option<Finding> {
    // What others have ended, and what has never run, isn't down for that.
    let is_told_already = facts.start_failure().is_some() || facts.was_ended_from_outside() || stopped(facts).is_some();
    let first = facts.needs.first().filter(|_| !is_told_already)?;
    let state = |need: &Dependency| match (need.kind, need.status) {
        (NodeKind::Missing, _) => "has been deleted",
        (_, Some(Status::Running)) => "isn't healthy",
        (_, Some(Status::Stopped)) => "is stopped",
        _ => "doesn't run",
    };
    let (names, more) = (facts.needs.iter().take(NEEDS), facts.needs.len().saturating_sub(NEEDS));
    let names = names.map(|need| format!("'{}' {}", need.name, state(need))).collect::<Vec<_>>().join(", ");
    let (cause, action) = match (facts.needs.len(), more) {
        (1, _) => (format!("the service {names}, and this one depends on it"), mend(first)),
        (_, 0) => (format!("services that it depends on aren't well: {names}"), "see to these first, then start it again".into()),
        _ => {
            (format!("services that it depends on aren't well: {names}, and {more} more"), "see to these first, then start it again".into())
        }
    };
    let mut found = Finding::new(cause, action);
    for need in facts.needs.iter().take(NEEDS) {
        found.evidence.push(clean(&format!("{}: {}", need.name, api::how_known(&need.sources, facts.now)), EVIDENCE));
        let Some(service_id) = need.service_id.filter(|_| need.kind == NodeKind::Service) else { continue };
        if need.status.is_some_and(|status| status.can_start().is_ok()) {
            found = found.fix(Fix::Start { label: format!("Start {}", need.name), service_id });
        }
        found = found.fix(Fix::Service { label: format!("Look at {}", need.name), service_id });
    }
    Some(found)
}

fn mend(need: &Dependency) -> String {
    let name = &need.name;
    match (need.kind, need.status) {
        (NodeKind::Missing, _) => "take it out of the dependencies in the settings, or make it again".into(),
        (_, Some(Status::Running)) => format!("see why '{name}' isn't healthy; this one may mend by itself then"),
        _ => format!("start '{name}', then start this one again"),
    }
}

fn no_name(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.log.find(NO_NAME)?;
    let patterns = [
        "resolve '([^']+)'",
        r"connecting to ([\w.-]+):\d+\. ",
        "host name \"([^\"]+)\"",
        r"(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)",
        r"UnknownHostException: ([\w.-]+)",
        r"lookup ([\w.-]+)",
        r"resolve host: ([\w.-]+)",
        "server host '([^']+)'",
        r"server on '([^']+)'",
    ];
    let Some(name) = patterns.iter().find_map(|pattern| line.part(pattern)).map(part) else {
        let found =
            Finding::new("a name that it connects to has no address", "correct the host in its settings, or check the DNS of this machine");
        return Some(found.by(Some(line)));
    };
    let cause = format!("the name {name} has no address here");
    let found = match facts.others.iter().find(|other| other.name.eq_ignore_ascii_case(&name)) {
        // Names of services are names of hosts in Docker Compose, not here.
        Some(other) => {
            let at = other.port.map(|port| format!("127.0.0.1:{port}")).unwrap_or_else(|| "127.0.0.1".into());
            Finding::new(cause, format!("'{}' is a service of this machine: write {at} in its place", other.name)).fix(look_at(other))
        }
        None => Finding::new(cause, "correct the host in its settings, or check the DNS of this machine"),
    };
    Some(found.by(Some(line)))
}

fn stop(other: &Neighbour) -> Fix {
    Fix::Stop { label: format!("Stop {}", other.name), service_id: other.id }
}

fn look_at(other: &Neighbour) -> Fix {
    Fix::Service { label: format!("Look at {}", other.name), service_id: other.id }
}

fn digits(text: &str) -> Option<u16> {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|port| *port > 0)
}
