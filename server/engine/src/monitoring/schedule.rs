//! When each service is checked and scraped, as a machine that is told the time: spread over the interval, so that a hundred
//! services make a few rounds each second and not a hundred at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use api::{CheckKind, Health, HealthCheck, HealthResult, OwnHealth, RuntimeKind, ServiceId, Source, Status, Timestamp};
use tokio::time::Instant;

use super::exposed::{Change, Reading};
use super::health::{Condition, GRACE_SECONDS};
use super::round::{Job, Outcome, Scraped, Way};
use super::series::short;
use crate::Entry;

/// Between scrapes.
const SCRAPE_EVERY: Duration = Duration::from_secs(15);

/// Between scrapes of a service that exposes nothing: each leaves a line in its log.
const ABSENT_EVERY: Duration = Duration::from_secs(300);

/// Between checks until the first that succeeds.
const STARTING_EVERY: Duration = Duration::from_secs(1);

/// Over which the first checks of services that ran already are spread.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// After which a round that hasn't come back is given up.
const LOST_AFTER: Duration = Duration::from_secs(120);

/// Failed scrapes in a row after which the figures are not shown any more.
const SCRAPE_FAILURES: u32 = 3;

/// Every service that runs, with when it is asked next.
#[derive(Default)]
pub(super) struct Schedule {
    watches: HashMap<ServiceId, Watch>,
}

struct Watch {
    run: Option<Timestamp>,
    is_new_run: bool,
    /// From 0 to 1, the same for a service always: its place in an interval.
    place: f64,
    condition: Condition,
    /// What the last round was told to ask.
    check: HealthCheck,
    /// Whether the round that is under way asks something else than what is wanted now.
    is_outdated: bool,
    way: Way,
    check_due: Instant,
    scrape_due: Instant,
    lost_at: Option<Instant>,
    metrics_path: Option<(Arc<str>, Arc<str>)>,
    reading: Option<(Box<Reading>, Instant)>,
    failed_scrapes: u32,
}

/// What a round means.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The check, and whether it belongs to the start, before the first that succeeded.
    pub check: Option<HealthResult>,
    /// What it counted as before, when it is worth an event that it counts as something else now.
    pub changed_from: Option<Health>,
    /// What the scrape says.
    pub traffic: Option<TrafficNews>,
}

/// What a scrape means.
#[derive(Debug)]
pub(super) enum TrafficNews {
    /// Figures over these seconds.
    Figures(api::Traffic, Change, f64),
    /// There are none, and why.
    None(String),
}

/// How many rounds may be begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Of all kinds.
    pub rounds: usize,
    /// Of those that run a command.
    pub commands: usize,
}

impl Schedule {
    /// Takes up what runs now, drops what doesn't, and answers the rounds that are due.
    pub fn tick(&mut self, now: Instant, at: Timestamp, entries: &[Arc<Entry>], places: Places) -> Vec<Job> {
        let running = || entries.iter().filter(|entry| entry.service.status == Status::Running);
        if self.watches.len() > running().count() {
            let ids: HashSet<ServiceId> = running().map(|entry| entry.service.id).collect();
            self.watches.retain(|id, _| ids.contains(id));
        }
        let (mut jobs, mut commands) = (Vec::new(), Vec::new());
        for entry in running() {
            let (id, run) = (entry.service.id, entry.service.started_at);
            let watch = match self.watches.get_mut(&id) {
                Some(watch) if watch.run == run => watch,
                _ => {
                    self.watches.insert(id, Watch::new(entry, now, at));
                    continue;
                }
            };
            watch.heed(&entry.spec.health, now);
            if watch.lost_at.is_some_and(|lost_at| lost_at >= now) {
                continue;
            }
            if entry.spec.health.kind == CheckKind::Command && watch.check_due <= now {
                commands.push((watch.check_due, entry));
            } else if jobs.len() < places.rounds {
                jobs.extend(watch.job(entry, now));
            }
        }
        // What has waited longest comes first, so that no command waits for ever.
        commands.sort_by_key(|(due, _)| *due);
        for (_, entry) in commands.into_iter().take(places.commands.min(places.rounds - jobs.len())) {
            jobs.extend(self.watches.get_mut(&entry.service.id).and_then(|watch| watch.job(entry, now)));
        }
        jobs
    }

    /// Takes in what a round found; none when it is of another run.
    pub fn settle(&mut self, outcome: Outcome, entry: &Entry, now: Instant, at: Timestamp) -> Option<Settled> {
        let watch = self.watches.get_mut(&outcome.id).filter(|watch| watch.run == outcome.run)?;
        watch.lost_at = None;
        let mut settled = Settled::default();
        let is_outdated = std::mem::take(&mut watch.is_outdated);
        if let Some(checked) = outcome.check.filter(|_| !is_outdated) {
            let before = watch.condition.health();
            let (had_answered, age) = (watch.condition.has_answered(), watch.age(at));
            let health = match checked.verdict {
                Some(verdict) => watch.condition.decide(verdict),
                None => watch.condition.record(checked.ok, age, &entry.spec.health),
            };
            watch.way = checked.way;
            let interval = Duration::from_secs(entry.spec.health.interval_seconds.into());
            watch.check_due = match (watch.condition.has_answered(), had_answered) {
                (false, _) if age < GRACE_SECONDS => now + STARTING_EVERY,
                (true, false) => now + interval.mul_f64(0.5 + watch.place / 2.0),
                _ => (watch.check_due + interval).max(now + interval / 2),
            };
            let is_first_sight = before == Health::Unknown && health == Health::Healthy && !watch.is_new_run;
            settled.changed_from = (before != health && !is_first_sight).then_some(before);
            let (ok, latency_ms, message) = (checked.ok, short(checked.latency_ms), checked.message);
            settled.check = Some(HealthResult { at, ok, health, latency_ms, message, output: checked.output });
        }
        settled.traffic = outcome.scrape.and_then(|scraped| watch.take_scrape(scraped, &entry.service.template_type, now, at));
        Some(settled)
    }
}

impl Watch {
    fn new(entry: &Entry, now: Instant, at: Timestamp) -> Self {
        let place = (entry.service.id.0.as_u128() % 1009) as f64 / 1009.0;
        let run = entry.service.started_at;
        let is_new_run = run.is_some_and(|run| at.seconds_since(run) < GRACE_SECONDS);
        let first = if is_new_run { now } else { now + FIRST_WITHIN.mul_f64(place) };
        Self {
            run,
            is_new_run,
            place,
            condition: Condition::new(),
            check: entry.spec.health.clone(),
            is_outdated: false,
            way: Way::Undecided,
            check_due: first,
            scrape_due: first,
            lost_at: None,
            metrics_path: None,
            reading: None,
            failed_scrapes: 0,
        }
    }

    fn age(&self, at: Timestamp) -> f64 {
        self.run.map_or(f64::INFINITY, |run| at.seconds_since(run))
    }

    /// Takes note of settings that have been changed: what they ask is asked at once.
    fn heed(&mut self, check: &HealthCheck, now: Instant) {
        if self.check.asks_like(check) {
            return;
        }
        self.check = check.clone();
        self.is_outdated = self.lost_at.is_some();
        (self.way, self.check_due) = (Way::Undecided, now);
        if check.kind == CheckKind::None {
            self.condition = Condition::new();
        }
    }

    /// The round that is due: a scrape goes with the check that is nearer than half a scrape interval.
    fn job(&mut self, entry: &Entry, now: Instant) -> Option<Job> {
        let kind = entry.spec.health.kind;
        let own = own_health(entry, &entry.spec.health);
        let port = port(entry, self.condition.has_answered());
        if own.is_none() && kind != CheckKind::Command {
            port?;
        }
        let soon = now + SCRAPE_EVERY / 2;
        let is_check_due = kind != CheckKind::None && self.check_due <= now;
        let is_scrape_due = port.is_some()
            && match (is_check_due, kind) {
                (true, _) => self.scrape_due <= soon,
                (false, CheckKind::None) => self.scrape_due <= now,
                (false, _) => self.scrape_due <= now && self.check_due > soon && self.condition.has_answered(),
            };
        if !is_check_due && !is_scrape_due {
            return None;
        }
        let way = own.map_or_else(|| self.way.clone(), Way::Own);
        let check = is_check_due.then(|| (entry.spec.health.clone(), way));
        // What a proxy answers is another's.
        let is_scrape_due = is_scrape_due && !matches!(entry.spec.source, Source::Proxy { .. });
        if !is_check_due && !is_scrape_due {
            return None;
        }
        let scrape = is_scrape_due.then(|| self.metrics_path(&entry.spec.metrics_path));
        self.lost_at = Some(now + LOST_AFTER);
        let is_forwarded = entry.service.runtime == RuntimeKind::Docker;
        let user = entry.spec.user.clone();
        Some(Job { id: entry.service.id, run: self.run, user, port: port.unwrap_or_default(), is_forwarded, check, scrape })
    }

    /// The path that figures were found at, or the configured one.
    fn metrics_path(&mut self, configured: &str) -> Arc<str> {
        match &self.metrics_path {
            Some((asked, found)) if **asked == *configured => found.clone(),
            _ => {
                let path: Arc<str> = configured.into();
                self.metrics_path = Some((path.clone(), path.clone()));
                path
            }
        }
    }

    fn take_scrape(&mut self, scraped: Scraped, template: &str, now: Instant, at: Timestamp) -> Option<TrafficNews> {
        let (reading, path) = match scraped {
            Scraped::Reading(reading, path) => (reading, path),
            Scraped::Failed(why) => {
                self.scrape_due = now + SCRAPE_EVERY;
                self.failed_scrapes += 1;
                return (self.failed_scrapes >= SCRAPE_FAILURES).then_some(TrafficNews::None(why));
            }
            Scraped::Unknown(why) | Scraped::Absent(why) => {
                self.scrape_due = now + ABSENT_EVERY;
                (self.reading, self.failed_scrapes) = (None, 0);
                return Some(TrafficNews::None(hint(&why, template)));
            }
        };
        self.failed_scrapes = 0;
        if let Some((_, found)) = &mut self.metrics_path {
            *found = path;
        }
        let news = match &self.reading {
            Some((before, then)) => Some((reading.since(Some(before)), (now - *then).as_secs_f64())),
            None if self.is_new_run => Some((reading.since(None), self.age(at))),
            None => None,
        };
        // Without an earlier reading there is no rate yet: the next one comes soon.
        let wait = if news.is_some() { SCRAPE_EVERY } else { SCRAPE_EVERY / 3 };
        self.scrape_due = now + wait;
        let requests = reading.requests;
        self.reading = Some((reading, now));
        let (change, seconds) = news?;
        let seconds = seconds.max(0.5);
        let error_rate = change.failed.filter(|_| change.requests > 0.0).map(|failed| failed / change.requests);
        let request_rate = short(change.requests / seconds);
        let (response_time, error_rate) = (change.mean.map(short), error_rate.map(short));
        let traffic = api::Traffic { request_count: requests as u64, request_rate, response_time, error_rate };
        Some(TrafficNews::Figures(traffic, change, seconds))
    }
}

/// One check of a service with these settings, outside of its rounds.
pub(super) fn test(entry: &Entry, check: HealthCheck) -> Job {
    let own = own_health(entry, &check);
    let way = own.map_or(Way::Undecided, Way::Own);
    let (port, is_forwarded) = (entry.service.port.unwrap_or_default(), entry.service.runtime == RuntimeKind::Docker);
    let user = entry.spec.user.clone();
    Job { id: entry.service.id, run: entry.service.started_at, user, port, is_forwarded, check: Some((check, way)), scrape: None }
}

/// What the check of its image says, when nothing else is asked for.
fn own_health(entry: &Entry, check: &HealthCheck) -> Option<OwnHealth> {
    let own = entry.container.as_ref().and_then(|container| container.own_health.clone());
    own.filter(|_| check.kind == CheckKind::Http && check.path.is_none())
}

/// The port to ask; none for a program that isn't known to serve and listens nowhere.
fn port(entry: &Entry, has_answered: bool) -> Option<u16> {
    let spec = &entry.spec;
    let serves = matches!(entry.service.template_type.as_str(), "fastapi" | "demonstration") || spec.port.is_some();
    let is_asked_for = spec.health.path.is_some() || spec.health.kind == CheckKind::Tcp;
    let is_known = serves || is_asked_for || has_answered || !entry.listening_ports.is_empty();
    entry.service.port.filter(|_| is_known)
}

fn hint(why: &str, template: &str) -> String {
    let how = if matches!(template, "fastapi" | "python") {
        "Install prometheus-fastapi-instrumentator (`pip install prometheus-fastapi-instrumentator`, and a line in requirements.txt) and add to the \
         application: `from prometheus_fastapi_instrumentator import Instrumentator` and, after `app = FastAPI()`, `Instrumentator().instrument(app).expose(app)`."
    } else {
        "Expose Prometheus metrics at this path, or set the metrics path of the service: Pilothouse understands `http_requests_total` and \
         `http_request_duration_seconds` and the names that the usual libraries give them."
    };
    format!("{} {how}", why.trim_end_matches('.').to_owned() + ".")
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
