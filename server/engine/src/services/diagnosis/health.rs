//! A service that runs and doesn't answer its health check.

use api::HealthResult;

use super::facts::{Facts, Probe};
use super::log::{EVIDENCE, clean};
use super::rule::Weight::Known;
use super::rule::{Finding, Offer, Rule};

pub(super) const TOPIC: &str = "probe";
const PORT: &[Offer] = &[Offer::Settings, Offer::Logs];
const WAIT: &[Offer] = &[Offer::Logs, Offer::Again];
const CHECK: &[Offer] = &[Offer::Check, Offer::Logs, Offer::Again];

pub(super) const RULES: &[Rule] = &[
    Rule::facts("listens-on-another-port", Known, TOPIC, PORT, other_port),
    Rule::facts("listens-on-no-port", Known, TOPIC, CHECK, no_port),
    Rule::facts("listens-on-another-address", Known, TOPIC, PORT, other_address),
    Rule::facts("probe-tcp-timed-out", Known, TOPIC, CHECK, tcp_timed_out),
    Rule::facts("probe-timed-out", Known, TOPIC, WAIT, timed_out),
    Rule::facts("probe-not-found", Known, TOPIC, CHECK, not_found),
    Rule::facts("probe-forbidden", Known, TOPIC, CHECK, forbidden),
    Rule::facts("probe-unavailable", Known, TOPIC, WAIT, unavailable),
    Rule::facts("probe-server-error", Known, TOPIC, WAIT, server_error),
    Rule::facts("probe-client-error", Known, TOPIC, CHECK, client_error),
    Rule::facts("probe-not-http", Known, TOPIC, CHECK, not_http),
    Rule::facts("probe-nobody-behind-port", Known, TOPIC, CHECK, nobody_behind),
    Rule::facts("probe-closed", Known, TOPIC, WAIT, closed),
    Rule::facts("probe-too-large", Known, TOPIC, CHECK, too_large),
    Rule::facts("probe-refused", Known, TOPIC, CHECK, refused),
    Rule::facts("probe-own-check", Known, TOPIC, WAIT, own_check),
    Rule::facts("probe-failed", Known, TOPIC, CHECK, failed),
];

impl<'a> Probe<'a> {
    /// What that check of a service has found.
    pub fn of(check: &'a HealthResult, port: Option<u16>, listening: &'a [u16]) -> Self {
        Self { port, message: &check.message, output: &check.output, listening }
    }

    fn is_refused(&self) -> bool {
        self.message.contains("connection refused")
    }

    /// The status of the answer, which stands at the end: `GET /health: 503`.
    fn status(&self) -> Option<u16> {
        let (asked, status) = self.message.rsplit_once(": ")?;
        asked.starts_with("GET ").then(|| status.parse().ok())?
    }

    /// The port that a connection was made to.
    fn tcp_port(&self) -> Option<&str> {
        self.message.strip_prefix("TCP ")?.split_once(": ").map(|(port, _)| port)
    }

    /// What was asked for.
    fn path(&self) -> String {
        let asked = self.message.split_once(": ").map_or(self.message, |(asked, _)| asked);
        clean(asked.strip_prefix("GET ").unwrap_or(asked), 120)
    }
}

/// A finding that the check itself shows.
pub(super) fn shown(facts: &Facts<'_>, cause: String, action: &str) -> Option<Finding> {
    let probe = facts.probe?;
    Some(Finding { evidence: vec![clean(probe.message, EVIDENCE)], ..Finding::new(cause, action) })
}

fn other_port(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe?;
    let port = probe.port.filter(|port| !probe.listening.is_empty() && !probe.listening.contains(port))?;
    let others = probe.listening.iter().take(8).map(u16::to_string).collect::<Vec<_>>().join(", ");
    let action = "let it read its port from the variable PORT, or set its port to the one that it listens on";
    shown(facts, format!("it was told to listen on port {port} and listens on {others}"), action)
}

fn no_port(facts: &Facts<'_>) -> Option<Finding> {
    // What answers listens, also before its ports have been looked at.
    let probe = facts.probe.filter(|probe| probe.listening.is_empty() && probe.is_refused())?;
    let port = probe.port?;
    let action = "look into its log: it may still be starting, or wait for something that isn't there; one that isn't to listen is checked by a command";
    shown(facts, format!("it runs, but listens on no port; it was told {port}"), action)
}

fn other_address(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe.filter(Probe::is_refused)?;
    let port = probe.port.filter(|port| probe.listening.contains(port))?;
    let cause = format!("it listens on port {port}, but not on 127.0.0.1");
    shown(facts, cause, "let it listen on 127.0.0.1 or on every address (0.0.0.0)")
}

fn tcp_timed_out(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe.filter(|probe| probe.message.contains("no connection within"))?;
    let cause = format!("it takes no connection on port {} in time: more wait for it than it accepts, or it hangs", probe.tcp_port()?);
    let action = "look at its CPU chart and its log for what keeps it from accepting connections; or give the check more time";
    shown(facts, cause, action)
}

fn nobody_behind(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe.filter(|probe| probe.message.contains("closed without an answer"))?;
    let cause = format!("Docker forwards port {} to it, but nothing in its container listens there", probe.tcp_port()?);
    let action = "look into its log: it may still be starting; and whether the port is the one that it listens on in its container";
    shown(facts, cause, action)
}

fn timed_out(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe.filter(|probe| probe.message.contains("no answer within"))?;
    let cause = format!("it doesn't answer {} in time: it is overloaded, or waits for something", probe.path());
    shown(
        facts,
        cause,
        "look at its CPU chart and its log; code that blocks the event loop stops every answer; or give the check more time",
    )
}

fn of_status(facts: &Facts<'_>, is: impl Fn(u16) -> bool, cause: impl Fn(u16, &str) -> String, action: &str) -> Option<Finding> {
    let probe = facts.probe?;
    let status = probe.status().filter(|status| is(*status))?;
    shown(facts, cause(status, &probe.path()), action)
}

fn not_found(facts: &Facts<'_>) -> Option<Finding> {
    let action = "set the path of its health check to one that it has, or leave it empty to let Pilothouse find one";
    of_status(facts, |status| matches!(status, 404 | 405 | 410), |status, path| format!("it has no {path}: it answers {status}"), action)
}

fn forbidden(facts: &Facts<'_>) -> Option<Finding> {
    let action = "let the path of its health check be asked for without signing in, or set another path";
    of_status(
        facts,
        |status| matches!(status, 401 | 403 | 407),
        |status, path| format!("it wants a sign-in for {path}: it answers {status}"),
        action,
    )
}

fn unavailable(facts: &Facts<'_>) -> Option<Finding> {
    let action = "look into its log for what isn't ready: most often its database or another service";
    of_status(facts, |status| status == 503, |_, path| format!("it says itself that it isn't ready: {path} answers 503"), action)
}

fn server_error(facts: &Facts<'_>) -> Option<Finding> {
    let action = "look into its log for the error behind it";
    of_status(facts, |status| (500..600).contains(&status), |status, path| format!("an error inside it: {path} answers {status}"), action)
}

fn client_error(facts: &Facts<'_>) -> Option<Finding> {
    let action = "set the path of its health check to one that answers a plain GET";
    of_status(
        facts,
        |status| (400..500).contains(&status),
        |status, path| format!("it doesn't take the check: {path} answers {status}"),
        action,
    )
}

fn not_http(facts: &Facts<'_>) -> Option<Finding> {
    facts.probe.filter(|probe| probe.message.contains("not HTTP"))?;
    let action = "leave the path of its health check empty when it doesn't speak HTTP; when it speaks TLS, let it also answer plain HTTP on this machine";
    shown(facts, "what it answers isn't HTTP: it speaks another protocol, or TLS".into(), action)
}

fn closed(facts: &Facts<'_>) -> Option<Finding> {
    facts.probe.filter(|probe| probe.message.contains("closed without an answer"))?;
    shown(facts, "it takes the connection and closes it without an answer".into(), "look into its log: a worker may crash at each request")
}

fn too_large(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe.filter(|probe| probe.message.contains("larger than"))?;
    shown(facts, format!("what {} answers is too large for a health check", probe.path()), "set a path that answers little")
}

fn refused(facts: &Facts<'_>) -> Option<Finding> {
    facts.probe.filter(Probe::is_refused)?;
    shown(facts, "it runs, but takes no connections".into(), "look into its log: it may still be starting")
}

fn own_check(facts: &Facts<'_>) -> Option<Finding> {
    facts.probe.filter(|probe| probe.message.starts_with("The check of its image"))?;
    let cause = "it runs, but the check that its image brings along fails".into();
    shown(facts, cause, "look into its log; the check runs inside its container, as its HEALTHCHECK says")
}

fn failed(facts: &Facts<'_>) -> Option<Finding> {
    facts.probe?;
    shown(facts, "it runs, but its health check fails".into(), "look into its log, and at the path of its health check")
}
