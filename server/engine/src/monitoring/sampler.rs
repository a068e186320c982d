//! The task that asks the runtime every 5 s what the services use, and reads what the machine uses.

use std::sync::Arc;
use std::time::Duration;

use api::{ServiceId, Status, Timestamp, Topic};
use tokio::time::{Instant, MissedTickBehavior};

use super::Manager;
use super::query::{self, Steps};
use super::series::{CPU_SCALE, Usage, Whole, short};
use crate::Entry;
use crate::runtime::Stats;

/// Between looks at services that have just been started.
const TICK: Duration = Duration::from_secs(1);

/// How many ticks pass between looks at the others.
const TICKS: u64 = 5;

/// Seconds between looks at the others.
const SECONDS: u32 = TICKS as u32;

/// Seconds for which a service has just been started.
const NEW_SECONDS: f64 = 15.0;

/// How many samples make one step of the trend.
const SAMPLES: u64 = 3;

/// The steps of the trend.
const TREND: usize = 40;

impl Manager {
    /// Samples until shutdown.
    pub(super) async fn sample(self: Arc<Self>) {
        // The first look comes when a start is over: what it costs isn't in the way of the first answer.
        let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            tokio::select! {
                () = self.core.shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let kind = match tick {
                tick if !tick.is_multiple_of(TICKS) => Look::New,
                tick if tick.is_multiple_of(TICKS * SAMPLES) => Look::AllWithTrend,
                _ => Look::All,
            };
            self.sample_services(kind).await;
            if kind != Look::New {
                self.sample_host();
            }
        }
    }

    async fn sample_services(&self, kind: Look) {
        let now = self.core.clock.now();
        for entry in self.core.catalog.all() {
            let service = &entry.service;
            if kind != Look::New {
                self.uptimes.note(&entry, SECONDS, now);
            }
            if service.status != Status::Running {
                if kind == Look::AllWithTrend && !service.trend.cpu_percent.is_empty() {
                    self.core.catalog.update(service.id, |entry| pass_trend(&mut entry.service.trend));
                }
                continue;
            }
            if kind == Look::AllWithTrend && service.trend.cpu_percent.is_empty() {
                self.restore_trend(service.id).await;
            }
            let is_new = service.started_at.is_some_and(|started| now.seconds_since(started) < NEW_SECONDS);
            if kind == Look::New && !is_new {
                continue;
            }
            match self.runtimes.stats(service.id).await {
                Ok(Some(stats)) => self.take_stats(&entry, stats, kind),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, service = %service.id, "stats_failed"),
            }
            // Hundreds of services must not keep this thread from others.
            tokio::task::consume_budget().await;
        }
    }

    /// Makes the trend of a service that was seen before Pilothouse started.
    async fn restore_trend(&self, id: ServiceId) {
        let steps = Steps::last(TREND as u32, (TICKS * SAMPLES) as u32, self.core.clock.now());
        let (from, to) = steps.bounds();
        let samples = match self.samples(id, from, to).await {
            Ok(samples) => samples,
            Err(error) => return tracing::debug!(%error, service = %id, "trend_not_restored"),
        };
        let points = query::points(id, &steps, &samples);
        if points.is_empty() {
            return;
        }
        let mut trend = api::Trend { cpu_percent: vec![None; TREND], request_rate: vec![None; TREND] };
        for point in points {
            let index = steps.index(point.timestamp.seconds()).unwrap_or(0).min(TREND - 1);
            trend.cpu_percent[index] = point.cpu_usage.map(|cpu| cpu as f32);
            trend.request_rate[index] = point.request_rate.map(|rate| rate as f32);
        }
        self.core.catalog.update(id, |entry| entry.service.trend = trend);
    }

    fn take_stats(&self, entry: &Entry, stats: Stats, kind: Look) {
        let (id, run) = (entry.service.id, entry.service.started_at);
        let now = self.core.clock.now();
        if kind != Look::New {
            self.record(id, now, &stats);
        }
        let trend = (kind == Look::AllWithTrend).then(|| self.figures.mean_cpu(id, SAMPLES as usize));
        self.core.catalog.update(id, |entry| {
            let service = &mut entry.service;
            if service.status != Status::Running || service.started_at != run {
                return;
            }
            let disk_bytes = stats.usage.disk_bytes.or(service.resource_usage.disk_bytes);
            service.resource_usage = api::ResourceUsage { cpu_percent: stats.usage.cpu_percent.map(short), disk_bytes, ..stats.usage };
            let listens = |port: &u16| stats.listening_ports.contains(port);
            service.port = service.port.filter(listens).or(stats.listening_ports.iter().min().copied()).or(service.port);
            if let Some(cpu) = trend {
                push_trend(&mut service.trend.cpu_percent, cpu);
                push_trend(&mut service.trend.request_rate, service.traffic.map(|traffic| traffic.request_rate as f32));
            }
            if !stats.listening_ports.is_empty() {
                entry.service.url = entry.address();
            }
            entry.pids = stats.pids;
            entry.listening_ports = stats.listening_ports;
        });
    }

    fn record(&self, id: ServiceId, now: Timestamp, stats: &Stats) {
        let usage = Usage {
            at: now.seconds().try_into().unwrap_or(u32::MAX),
            cpu: stats.usage.cpu_percent.map(|cpu| Whole::scaled(cpu, CPU_SCALE)),
            memory: stats.usage.memory_bytes.map(|bytes| Whole::scaled(bytes as f64, 1.0 / 1024.0)),
        };
        self.figures.push_usage(id, usage);
        self.core.bus.publish_with(Topic::Metrics, "point", Some(id), || self.figures.latest(id, now));
    }
}

/// Which services are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Those that have just been started.
    New,
    /// All.
    All,
    /// All, and the trend moves on.
    AllWithTrend,
}

fn push_trend(trend: &mut Vec<Option<f32>>, value: Option<f32>) {
    if trend.len() >= TREND {
        trend.remove(0);
    }
    trend.push(value);
}

/// Moves the trend of a service that doesn't run; it is forgotten when nothing measured is left.
fn pass_trend(trend: &mut api::Trend) {
    push_trend(&mut trend.cpu_percent, None);
    push_trend(&mut trend.request_rate, None);
    if trend.cpu_percent.iter().chain(&trend.request_rate).all(Option::is_none) {
        *trend = api::Trend::default();
    }
}
