//! Monitoring: health checks, process figures, request figures, and all of these over time.
//!
//! Two tasks work for all services together: [`watcher`] keeps rounds of checks and scrapes going as [`schedule`] says, and
//! [`sampler`] asks the runtime what services use. Both write the present into the catalog and samples into [`figures`], which a
//! third, [`recorder`], brings to the store. A query reads both.

mod answered;
mod chunk;
mod exposed;
mod exposition;
mod families;
mod figures;
mod health;
pub(crate) mod host;
mod http;
mod query;
mod recorder;
mod rollup;
mod round;
mod sampler;
mod schedule;
mod series;
mod uptime;
mod watcher;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use api::{
    Caller, EventKind, Health, HealthCheck, HealthResult, MetricsQuery, MetricsSeries, Permission, Result, ServiceId, SystemPoint,
    SystemSeries, Topic,
};
use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::events::NewEvent;
use crate::runtime::Runtimes;
use crate::runtime::process::Ran;
use crate::{Core, Entry};
pub(crate) use answered::Answered;
use figures::Figures;
use host::Host;
use query::Steps;
pub(crate) use round::Checked;
use uptime::Uptimes;

/// Watches services and keeps their figures.
pub struct Manager {
    core: Arc<Core>,
    runtimes: Arc<Runtimes>,
    figures: Figures,
    uptimes: Uptimes,
    host: Mutex<Host>,
    /// Told of each service whose checks begin to fail, or fail in another way.
    on_unhealthy: OnceLock<OnUnhealthy>,
    /// Runs the commands of checks.
    run_command: OnceLock<RunCommand>,
}

/// The command of a check, with the user that it was allowed for: it is never run as another one that the service has been given meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckCommand {
    /// The service.
    pub id: ServiceId,
    /// The user of the system that the service runs as; none is the one of Pilothouse.
    pub user: Option<String>,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// Runs a command as if it were a part of a service, for at most so long: where and with what is known to who starts services.
pub(crate) type RunCommand = Arc<dyn Fn(CheckCommand, Duration) -> BoxFuture<'static, Ran> + Send + Sync>;

type OnUnhealthy = Box<dyn Fn(ServiceId) + Send + Sync>;

impl Manager {
    /// Without figures; nothing is watched before [`Manager::spawn`].
    pub fn new(core: Arc<Core>, runtimes: Arc<Runtimes>) -> Arc<Self> {
        let host = Mutex::new(Host::new(&core.config.data_dir));
        let (figures, uptimes) = (Figures::default(), Uptimes::default());
        Arc::new(Self { core, runtimes, figures, uptimes, host, on_unhealthy: OnceLock::new(), run_command: OnceLock::new() })
    }

    /// Lets `told` find out more of services whose checks begin to fail, or fail in another way. Can be said once.
    pub fn on_unhealthy(&self, told: impl Fn(ServiceId) + Send + Sync + 'static) {
        if self.on_unhealthy.set(Box::new(told)).is_err() {
            tracing::error!("second_listener_of_failing_checks_ignored");
        }
    }

    /// Lets `run` run the commands of checks. Can be said once.
    pub(crate) fn run_commands(&self, run: RunCommand) {
        if self.run_command.set(run).is_err() {
            tracing::error!("second_runner_of_commands_ignored");
        }
    }

    /// Begins to check, to scrape and to sample, until shutdown.
    pub fn spawn(self: &Arc<Self>) {
        self.core.tasks.spawn(self.clone().watch());
        self.core.tasks.spawn(self.clone().sample());
        self.core.tasks.spawn(self.clone().store_samples());
    }

    /// The newest figures of the machine; none before the first sample.
    pub fn latest_system_point(&self) -> Option<SystemPoint> {
        self.host().latest()
    }

    fn sample_host(&self) {
        let point = self.host().sample(self.core.clock.now());
        self.core.bus.publish_with(Topic::Metrics, "system", None, || &point);
    }

    /// Records a change of health in the background: checks don't wait for the disk.
    fn tell_health(&self, entry: &Entry, before: Health, check: &HealthResult) {
        let (id, name, now) = (entry.service.id, &entry.service.name, check.health);
        let message = format!("{name} is {now} (was {before}): {}", check.message);
        let data = serde_json::json!({ "from": before, "to": now, "check": check.message });
        let event = NewEvent::new(EventKind::HealthChanged, message).on(id, name).with(data);
        let events = self.core.events.clone();
        self.core.tasks.spawn(async move {
            if let Err(error) = events.record(event).await {
                tracing::warn!(%error, service = %id, "health_event_not_recorded");
            }
        });
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks a running service once with these settings; nothing is remembered of it. None when they ask nothing.
pub(crate) async fn check_once(entry: &Entry, check: HealthCheck, commands: &RunCommand) -> Option<Checked> {
    round::run(schedule::test(entry, check), Some(commands)).await.check
}

#[async_trait]
impl api::ports::Monitoring for Manager {
    async fn service(&self, caller: &Caller, id: ServiceId, query: MetricsQuery) -> Result<MetricsSeries> {
        caller.require_on(Permission::MetricsRead, id)?;
        self.core.catalog.get(id)?;
        let steps = Steps::of(&query, self.core.clock.now())?;
        let (from, to) = steps.bounds();
        let points = query::points(id, &steps, &self.samples(id, from, to).await?);
        let (from, to) = steps.ends();
        Ok(MetricsSeries { service_id: id, from, to, step: steps.step, points })
    }

    async fn system(&self, caller: &Caller, query: MetricsQuery) -> Result<SystemSeries> {
        caller.require(Permission::MetricsRead)?;
        let steps = Steps::of(&query, self.core.clock.now())?;
        let (from, to) = steps.ends();
        let points = query::system_points(&steps, &self.host().between(from, to));
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        Ok(SystemSeries { from, to, step: steps.step, cores, points })
    }
}

#[cfg(test)]
pub(crate) mod tests;
