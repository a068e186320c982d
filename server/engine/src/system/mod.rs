//! The health of Pilothouse itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Caller, Error, Health, Permission, Result, ServiceCounts, Status, SystemPart, SystemReport, Timestamp};
use async_trait::async_trait;
use futures::future::join_all;

use crate::monitoring::host;
use crate::runtime::{Runtime, Runtimes};
use crate::store::Database;
use crate::{Core, Entry};

/// How long a part may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// The share of the disk above which it is said to be nearly full.
const DISK_NEARLY_FULL: f64 = 0.95;

/// Bytes that must be free for the disk to count as usable.
const DISK_LEAST_FREE: u64 = 64 << 20;

/// Answers how Pilothouse is.
pub struct Manager {
    core: Arc<Core>,
    runtimes: Arc<Runtimes>,
    started_at: Timestamp,
}

impl Manager {
    /// Of an engine that starts now.
    pub fn new(core: Arc<Core>, runtimes: Arc<Runtimes>) -> Arc<Self> {
        let started_at = core.clock.now();
        Arc::new(Self { core, runtimes, started_at })
    }

    async fn runtime(runtime: &dyn Runtime) -> SystemPart {
        let asked = Instant::now();
        let answer = tokio::time::timeout(LIMIT, runtime.probe()).await;
        let (health, message) = match answer {
            Ok(Ok(message)) => (Health::Healthy, message),
            Ok(Err(error)) => (Health::Unhealthy, error.message),
            Err(_) => (Health::Unhealthy, format!("it hasn't answered within {} s", LIMIT.as_secs())),
        };
        let name = format!("{} runtime", runtime.kind());
        SystemPart { name, health, message, latency_ms: Some(millis(asked)) }
    }

    fn disk(&self) -> SystemPart {
        let folder = &self.core.config.data_dir;
        let (health, message) = match host::disk(folder) {
            None => (Health::Unhealthy, format!("the data folder {} can't be looked at; is it still there?", folder.display())),
            Some((total, used)) => {
                let (free, share) = (total.saturating_sub(used), used as f64 / total.max(1) as f64);
                let gigabytes = |bytes: u64| bytes as f64 / 1e9;
                let message = format!("{:.1} of {:.1} GB free in {}", gigabytes(free), gigabytes(total), folder.display());
                match free {
                    ..DISK_LEAST_FREE => (Health::Unhealthy, format!("{message}: logs and figures can't be kept; make room")),
                    _ if share > DISK_NEARLY_FULL => (Health::Degraded, format!("{message}: nearly full; make room soon")),
                    _ => (Health::Healthy, message),
                }
            }
        };
        SystemPart { name: "disk".into(), health, message, latency_ms: None }
    }

    fn feeds(&self) -> SystemPart {
        let message = match self.core.bus.readers() {
            0 => "nobody is watching".into(),
            1 => "1 subscription".into(),
            readers => format!("{readers} subscriptions"),
        };
        SystemPart { name: "feeds".into(), health: Health::Healthy, message, latency_ms: None }
    }
}

#[async_trait]
impl api::ports::System for Manager {
    async fn report(&self, caller: &Caller) -> Result<SystemReport> {
        caller.require(Permission::SystemRead)?;
        let store = &self.core.store;
        let (main, telemetry) = (database("database", &store.main), database("telemetry", &store.telemetry));
        let runtimes = join_all(self.runtimes.used().map(|runtime| Self::runtime(runtime.as_ref())));
        let (main, telemetry, runtimes) = futures::join!(main, telemetry, runtimes);
        let parts: Vec<_> = [main, telemetry].into_iter().chain(runtimes).chain([self.disk(), self.feeds()]).collect();
        let health = parts.iter().map(|part| part.health).max_by_key(|health| severity(*health)).unwrap_or(Health::Unknown);
        let counts = counts(&self.core.catalog.all());
        Ok(SystemReport { health, version: env!("CARGO_PKG_VERSION").into(), started_at: self.started_at, counts, parts })
    }

    async fn ready(&self) -> Result<()> {
        match tokio::time::timeout(LIMIT, self.core.store.main.ping()).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::unavailable(format!("the database hasn't answered within {} s", LIMIT.as_secs())).retry_after(5)),
        }
    }
}

async fn database(name: &str, database: &Database) -> SystemPart {
    let (health, message, latency_ms) = match tokio::time::timeout(LIMIT, database.ping()).await {
        Ok(Ok((version, took))) => (Health::Healthy, version, Some(took.as_secs_f64() * 1e3)),
        Ok(Err(error)) => (Health::Unhealthy, error.message, None),
        Err(_) => (Health::Unhealthy, format!("it hasn't answered within {} s", LIMIT.as_secs()), None),
    };
    SystemPart { name: name.into(), health, message, latency_ms }
}

/// How many services are in which state.
pub(crate) fn counts(entries: &[Arc<Entry>]) -> ServiceCounts {
    let mut counts = ServiceCounts::default();
    for service in entries.iter().map(|entry| &entry.service) {
        counts.total += 1;
        match service.status {
            Status::Running => counts.running += 1,
            Status::Stopped => counts.stopped += 1,
            Status::Starting | Status::Stopping => counts.moving += 1,
            Status::Error => counts.error += 1,
            Status::Unknown => {}
        }
        let is_unwell = matches!(service.health_status, Health::Degraded | Health::Unhealthy);
        counts.unwell += u32::from(service.status == Status::Running && is_unwell);
    }
    counts
}

fn severity(health: Health) -> u8 {
    match health {
        Health::Healthy => 0,
        Health::Unknown => 1,
        Health::Degraded => 2,
        Health::Unhealthy => 3,
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
