//! One round with one service: its health check and the scrape that is due with it, over one connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{CheckKind, Health, HealthCheck, OwnHealth, ServiceId, Timestamp};
use hyper::StatusCode;

use super::exposed::{Reading, Scrape};
use super::http::{Connection, Failure, connect};
use super::{CheckCommand, RunCommand};
use crate::runtime::process::{How, Ran};

/// The paths that are tried when none is configured.
const PATHS: [&str; 3] = ["/health", "/health/", "/healthz"];

/// How long a scrape may take.
const SCRAPE_LIMIT: Duration = Duration::from_secs(5);

/// How long a connection must stay open that somebody else has taken in place of the service.
const STAYS: Duration = Duration::from_millis(150);

/// Characters of what a command has said that are told with how it ended.
const SAID: usize = 200;

/// What to do in a round.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The service.
    pub id: ServiceId,
    /// Which run of it.
    pub run: Option<Timestamp>,
    /// The user of the system that a command is run as; none is the one of Pilothouse.
    pub user: Option<String>,
    /// Where it listens; 0 when nothing is asked of a port.
    pub port: u16,
    /// Whether somebody forwards that port to it, who takes connections in its place.
    pub is_forwarded: bool,
    /// How to check it, and what answered last time.
    pub check: Option<(HealthCheck, Way)>,
    /// Where its metrics are.
    pub scrape: Option<Arc<str>>,
}

/// What decides whether a service is healthy, once it is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// Not found out yet.
    #[default]
    Undecided,
    /// This path answers.
    Path(Arc<str>),
    /// No path answers; a connection decides.
    Tcp,
    /// The check that the image of its container brings along decides: Docker has run it, and this is what it says.
    Own(OwnHealth),
}

/// What a round found.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The service.
    pub id: ServiceId,
    /// Which run of it.
    pub run: Option<Timestamp>,
    /// What the check found.
    pub check: Option<Checked>,
    /// What the scrape found; none when the check failed.
    pub scrape: Option<Scraped>,
}

/// What a check found.
#[derive(Debug, PartialEq)]
pub(crate) struct Checked {
    /// Whether it succeeded.
    pub ok: bool,
    /// Milliseconds it took, with the connection.
    pub latency_ms: f64,
    /// What was asked and what came back.
    pub message: String,
    /// What decides from now on.
    pub(super) way: Way,
    /// The last lines of a command that failed.
    pub output: Vec<String>,
    /// What the service counts as, when whoever checked it has decided that by thresholds of its own.
    pub verdict: Option<Health>,
}

impl Checked {
    /// What Docker says of its own check.
    fn own(own: OwnHealth) -> Self {
        let said = if own.message.is_empty() { String::new() } else { format!(": {}", own.message) };
        let what = match own.health {
            Health::Healthy => "succeeds",
            Health::Unknown => "hasn't succeeded yet",
            Health::Degraded | Health::Unhealthy => "fails",
        };
        let (ok, verdict) = (own.health == Health::Healthy, Some(own.health));
        Self {
            ok,
            latency_ms: 0.0,
            message: format!("The check of its image {what}{said}"),
            way: Way::Own(own),
            output: Vec::new(),
            verdict,
        }
    }

    /// What a command says.
    fn ran(check: &HealthCheck, ran: Ran, latency_ms: f64) -> Self {
        let ok = ran.how == How::Code(0);
        let how = match ran.how {
            How::Code(code) => format!("exit code {code}"),
            How::Signal(signal) => format!("ended by signal {signal}"),
            How::TimedOut => format!("not done within {} s", check.timeout_seconds),
            How::NotStarted(why) => why,
        };
        let said = ran.output.last().map(|line| format!(": {}", line.chars().take(SAID).collect::<String>())).unwrap_or_default();
        let message = format!("Command {}: {how}{said}", check.command_name());
        let output = if ok { Vec::new() } else { ran.output };
        Self { ok, latency_ms, message, way: Way::Undecided, output, verdict: None }
    }
}

/// What a scrape found.
#[derive(Debug, PartialEq)]
pub(super) enum Scraped {
    /// Figures of requests, and the path that they were at.
    Reading(Box<Reading>, Arc<str>),
    /// An answer without figures of requests.
    Unknown(String),
    /// No such path: not worth asking again soon.
    Absent(String),
    /// No usable answer this time.
    Failed(String),
}

impl Job {
    /// Whether it runs a command.
    pub fn runs_command(&self) -> bool {
        self.check.as_ref().is_some_and(|(check, _)| check.kind == CheckKind::Command)
    }
}

/// Does it; a command is run by `commands`.
pub(super) async fn run(job: Job, commands: Option<&RunCommand>) -> Outcome {
    let mut line = Line { port: job.port, is_forwarded: job.is_forwarded, connection: None };
    let mut own_path = None;
    let check = match job.check {
        Some((check, _)) if check.kind == CheckKind::Command => Some(run_command(job.id, job.user, &check, commands).await),
        Some((check, way)) => {
            let checked = line.check(&check, way).await;
            if let Way::Path(path) = &checked.way {
                own_path = Some(path.clone());
            }
            Some(checked)
        }
        None => None,
    };
    let scrape = match job.scrape {
        Some(path) if check.as_ref().is_none_or(|check| check.ok) => Some(line.scrape(path, own_path.as_deref()).await),
        _ => None,
    };
    Outcome { id: job.id, run: job.run, check, scrape }
}

async fn run_command(id: ServiceId, user: Option<String>, check: &HealthCheck, commands: Option<&RunCommand>) -> Checked {
    let began = Instant::now();
    let limit = Duration::from_secs(check.timeout_seconds.into());
    let ran = match commands {
        Some(commands) => commands(CheckCommand { id, user, command: check.command.clone() }, limit).await,
        None => Ran::not("nobody runs commands here"),
    };
    Checked::ran(check, ran, millis_since(began))
}

/// The connection of a round, opened when it is needed.
struct Line {
    port: u16,
    is_forwarded: bool,
    connection: Option<Connection>,
}

impl Line {
    async fn check(&mut self, check: &HealthCheck, way: Way) -> Checked {
        if let Way::Own(own) = way {
            return Checked::own(own);
        }
        let began = Instant::now();
        let limit = Duration::from_secs(check.timeout_seconds.into());
        if check.kind == CheckKind::Tcp {
            let connected = connect(self.port, limit, self.is_forwarded.then_some(STAYS)).await;
            let latency_ms = millis_since(began);
            let (ok, message, way) = self.connected(connected);
            return Checked { ok, latency_ms, message, way, output: Vec::new(), verdict: None };
        }
        let decided = match (&check.path, way) {
            (Some(path), _) => self.check_path(path.as_str().into(), limit, began).await,
            (None, Way::Path(path)) => match self.check_path(path, limit, began).await {
                (_, _, Way::Undecided) => self.find_out(limit, began).await,
                decided => decided,
            },
            (None, Way::Tcp) => {
                let opened = self.open(limit).await;
                self.connected(opened)
            }
            (None, Way::Undecided | Way::Own(_)) => self.find_out(limit, began).await,
        };
        let (ok, message, way) = decided;
        Checked { ok, latency_ms: millis_since(began), message, way, output: Vec::new(), verdict: None }
    }

    fn connected(&self, connected: Result<(), Failure>) -> (bool, String, Way) {
        match connected {
            Ok(()) => (true, format!("TCP {}: connected", self.port), Way::Tcp),
            Err(Failure::TimedOut(seconds)) => (false, format!("TCP {}: no connection within {seconds} s", self.port), Way::Tcp),
            Err(failure) => self.no_connection(failure, Way::Tcp),
        }
    }

    /// Undecided when there is no such path.
    async fn check_path(&mut self, path: Arc<str>, limit: Duration, began: Instant) -> (bool, String, Way) {
        match self.get(&path, left(limit, began), |_| {}).await {
            Err(Failure::Refused) => self.no_connection(Failure::Refused, Way::Path(path)),
            Err(failure) => (false, format!("GET {path}: {failure}"), Way::Path(path)),
            Ok(status) => {
                let ok = status.is_success() || status.is_redirection();
                let message = format!("GET {path}: {}", status.as_u16());
                (ok, message, if is_no_such_path(status) { Way::Undecided } else { Way::Path(path) })
            }
        }
    }

    /// Tries the usual paths. A redirect counts only when nothing answers itself: frameworks redirect to add or take off a slash.
    async fn find_out(&mut self, limit: Duration, began: Instant) -> (bool, String, Way) {
        let mut redirected = None;
        for path in PATHS {
            match self.get(path, left(limit, began), |_| {}).await {
                Ok(status) if status.is_success() => return (true, format!("GET {path}: {}", status.as_u16()), Way::Path(path.into())),
                Ok(status) if status.is_redirection() => _ = redirected.get_or_insert((path, status)),
                Ok(status) if status.is_server_error() => return (false, format!("GET {path}: {}", status.as_u16()), Way::Undecided),
                Ok(_) => {}
                Err(Failure::Closed) => return (true, format!("TCP {}: connected, no HTTP answer", self.port), Way::Undecided),
                Err(Failure::NotHttp) => return (true, format!("TCP {}: connected, not HTTP", self.port), Way::Tcp),
                Err(Failure::Refused) => return self.no_connection(Failure::Refused, Way::Undecided),
                Err(failure) => return (false, format!("GET {path}: {failure}"), Way::Undecided),
            }
        }
        match redirected {
            Some((path, status)) => (true, format!("GET {path}: {}", status.as_u16()), Way::Path(path.into())),
            None => (true, format!("TCP {}: connected; no health path answers", self.port), Way::Tcp),
        }
    }

    fn no_connection(&self, failure: Failure, way: Way) -> (bool, String, Way) {
        (false, format!("TCP {}: {failure}", self.port), way)
    }

    async fn scrape(&mut self, path: Arc<str>, health_path: Option<&str>) -> Scraped {
        let mut scrape = Scrape::new([Some(&path), health_path]);
        let mut status = self.get(&path, SCRAPE_LIMIT, |piece| scrape.feed(piece)).await;
        let mut at = path.clone();
        // A mounted application redirects to the path with a slash, and only that redirect is safe to follow.
        if status.as_ref().is_ok_and(StatusCode::is_redirection) && !path.ends_with('/') {
            at = format!("{path}/").into();
            status = self.get(&at, SCRAPE_LIMIT, |piece| scrape.feed(piece)).await;
        }
        match status {
            Ok(StatusCode::OK) => match scrape.finish() {
                Some(reading) => Scraped::Reading(Box::new(reading), at),
                None => Scraped::Unknown(format!("GET {at} answers without figures of requests that Pilothouse knows.")),
            },
            Ok(status) if status.is_server_error() => Scraped::Failed(format!("GET {at}: {}", status.as_u16())),
            Ok(status) => Scraped::Absent(format!("GET {at}: {}", status.as_u16())),
            Err(Failure::NotHttp) => Scraped::Absent(format!("GET {at}: {}", Failure::NotHttp)),
            Err(failure) => Scraped::Failed(format!("GET {at}: {failure}")),
        }
    }

    async fn open(&mut self, limit: Duration) -> Result<(), Failure> {
        self.connection = Some(Connection::open(self.port, limit).await?);
        Ok(())
    }

    /// Asks over the open connection, or over a new one when there is none or the service has closed it.
    async fn get(&mut self, path: &str, limit: Duration, mut take: impl FnMut(&[u8]) + Send) -> Result<StatusCode, Failure> {
        if let Some(mut connection) = self.connection.take().filter(|connection| !connection.is_closed()) {
            match connection.get(path, limit, &mut take).await {
                Err(Failure::Closed) => {}
                done => {
                    self.connection = done.is_ok().then_some(connection);
                    return done;
                }
            }
        }
        let mut connection = Connection::open(self.port, limit).await?;
        let status = connection.get(path, limit, take).await?;
        self.connection = Some(connection);
        Ok(status)
    }
}

fn millis_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

fn is_no_such_path(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}

/// What is left of `limit`; a little even when nothing is, so that the failure is told as one of time.
fn left(limit: Duration, began: Instant) -> Duration {
    limit.saturating_sub(began.elapsed()).max(Duration::from_millis(10))
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
