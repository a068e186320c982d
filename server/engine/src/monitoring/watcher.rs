//! The task that keeps rounds going and writes what they found into the catalog.

use std::sync::Arc;
use std::time::Duration;

use api::{CheckKind, Health, HealthResult, Status, Timestamp, Topic};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::Manager;
use super::exposed::Change;
use super::round::{self, Outcome};
use super::schedule::{Places, Schedule, TrafficNews};
use super::series::{Requests, TIME_SCALE, Whole};
use crate::Entry;
use crate::services::unhealthy;

/// How exactly rounds are timed.
const TICK: Duration = Duration::from_millis(500);

/// The most rounds under way at a time; the others wait.
const ROUNDS: usize = 64;

/// The most commands under way at a time.
const COMMANDS: usize = 8;

/// The checks that are kept of each service.
const CHECKS: usize = 100;

impl Manager {
    /// Checks and scrapes until shutdown.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut schedule = Schedule::default();
        let mut rounds = JoinSet::new();
        let commands = Arc::new(Semaphore::new(COMMANDS));
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.core.shutdown.cancelled() => return,
                _ = ticks.tick() => {
                    let entries = self.core.catalog.all();
                    self.clear_stopped(&entries);
                    self.clear_unchecked(&entries);
                    let places = Places { rounds: ROUNDS.saturating_sub(rounds.len()), commands: commands.available_permits() };
                    for job in schedule.tick(Instant::now(), self.core.clock.now(), &entries, places) {
                        let place = job.runs_command().then(|| commands.clone().try_acquire_owned());
                        let run_command = self.run_command.get().cloned();
                        rounds.spawn(async move {
                            let _place = place;
                            round::run(job, run_command.as_ref()).await
                        });
                    }
                }
                Some(done) = rounds.join_next() => match done {
                    Ok(outcome) => self.settle(&mut schedule, outcome),
                    Err(error) => tracing::error!(%error, "monitoring_round_lost"),
                },
            }
        }
    }

    fn settle(&self, schedule: &mut Schedule, outcome: Outcome) {
        let (id, run) = (outcome.id, outcome.run);
        let Some(entry) = self.core.catalog.find(id) else { return };
        let at = self.core.clock.now();
        let Some(settled) = schedule.settle(outcome, &entry, Instant::now(), at) else { return };
        if let Some(TrafficNews::Figures(_, change, seconds)) = &settled.traffic {
            self.figures.push_requests(id, requests(at, change, *seconds));
        }
        let (check, traffic) = (settled.check.clone(), settled.traffic);
        let (mut is_stale, mut is_other) = (false, false);
        self.core.catalog.update(id, |entry| {
            is_stale = entry.service.status != Status::Running || entry.service.started_at != run;
            if is_stale {
                return;
            }
            if let Some(check) = check {
                entry.service.health_status = check.health;
                let shown = match check.health {
                    Health::Unhealthy => unhealthy(id, entry.service.port, &check, &entry.listening_ports),
                    _ => Vec::new(),
                };
                // What its log has added stays as long as the check shows the same.
                is_other = shown.is_empty() || shown.iter().any(|cause| !entry.diagnosis.contains(cause));
                if is_other {
                    entry.diagnosis = shown;
                }
                keep(Arc::make_mut(&mut entry.checks), check);
            }
            match traffic {
                Some(TrafficNews::Figures(traffic, ..)) => (entry.service.traffic, entry.metrics_hint) = (Some(traffic), None),
                Some(TrafficNews::None(why)) => (entry.service.traffic, entry.metrics_hint) = (None, Some(why)),
                None => {}
            }
        });
        let Some(check) = settled.check.filter(|_| !is_stale) else { return };
        if is_other
            && check.health == Health::Unhealthy
            && let Some(told) = self.on_unhealthy.get()
        {
            told(id);
        }
        self.core.bus.publish_with(Topic::Service(id), "health", None, || &check);
        if let Some(before) = settled.changed_from {
            self.tell_health(&entry, before, &check);
        }
    }

    /// What isn't checked any more counts as nothing.
    fn clear_unchecked(&self, entries: &[Arc<Entry>]) {
        let is_left = |entry: &Entry| entry.spec.health.kind == CheckKind::None && entry.service.health_status != Health::Unknown;
        for entry in entries.iter().filter(|entry| is_left(entry)) {
            self.core.catalog.update(entry.service.id, |entry| {
                if is_left(entry) {
                    entry.service.health_status = Health::Unknown;
                    if entry.service.status == Status::Running {
                        entry.diagnosis.clear();
                    }
                }
            });
        }
    }

    /// What is known of a run ends with it.
    fn clear_stopped(&self, entries: &[Arc<Entry>]) {
        for entry in entries.iter().filter(|entry| has_ended(entry)) {
            self.core.catalog.update(entry.service.id, |entry| {
                if has_ended(entry) {
                    let service = &mut entry.service;
                    service.health_status = Health::Unknown;
                    service.resource_usage = api::ResourceUsage { disk_bytes: service.resource_usage.disk_bytes, ..Default::default() };
                    (service.traffic, service.url) = (None, None);
                    (entry.pids, entry.listening_ports, entry.metrics_hint) = (Vec::new(), Vec::new(), None);
                }
            });
        }
    }
}

fn has_ended(entry: &Entry) -> bool {
    let service = &entry.service;
    let has_run = service.health_status != Health::Unknown
        || service.resource_usage.memory_bytes.is_some()
        || service.traffic.is_some()
        || service.url.is_some()
        || !entry.pids.is_empty()
        || entry.metrics_hint.is_some();
    has_run && matches!(service.status, Status::Stopped | Status::Error)
}

/// Appends a check. Of those that fail while a service starts only the last is kept, until one succeeds: they say nothing of its uptime.
fn keep(checks: &mut Vec<HealthResult>, check: HealthResult) {
    let is_of_start = |check: &HealthResult| !check.ok && check.health == Health::Unknown;
    checks.pop_if(|last| is_of_start(last));
    if checks.len() >= CHECKS {
        checks.remove(0);
    }
    checks.push(check);
}

fn requests(at: Timestamp, change: &Change, seconds: f64) -> Requests {
    let time = |millis: Option<f64>| millis.map(|millis| Whole::scaled(millis, TIME_SCALE));
    Requests {
        at: at.seconds().try_into().unwrap_or(u32::MAX),
        span: (seconds.round() as u32).max(1),
        count: change.requests as u32,
        failed: change.failed.map(|failed| Whole::new(failed as u32)),
        mean: time(change.mean),
        p50: time(change.p50),
        p95: time(change.p95),
        p99: time(change.p99),
    }
}
