//! Services: found in folders or made by people, started, watched and stopped.
//!
//! What is wanted of a service and what it is are in the store; what it does now is in the [`crate::Catalog`]. An operation
//! records what is wanted with an event in one commit and answers; the reconciler acts on it, one task for each service that is
//! moving, so that services at rest cost nothing.

mod bulk;
mod change;
mod check;
mod compose;
mod composed;
mod containers;
mod counted;
mod deleted;
mod demonstration;
mod dependencies;
mod diagnosis;
pub mod discovery;
mod draft;
mod entry;
mod failure;
mod handover;
mod image;
mod incident;
mod launch;
mod life;
mod list;
mod outcome;
mod parts;
mod pinned;
mod plan;
mod reconciler;
mod replicas;
mod restart;
mod rights;
mod sync;
mod tail;
mod targets;
mod templated;
mod told;
mod turn;
mod validate;
pub(crate) mod variables;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use api::{
    Action, BulkReport, BulkRequest, Caller, ComposeReport, ComposeRequest, DeletedService, DependencyGraph, DependencyQuery,
    DiscoveryReport, Error, HealthCheck, HealthReport, HealthTest, Incident, IncidentId, IncidentSummary, NewService, NewSource, Page,
    Permission, Restoration, Result, Service, ServiceDetail, ServiceId, ServicePatch, ServicePlan, ServiceQuery, Timestamp, Uptime, uptime,
};
use async_trait::async_trait;

use crate::Core;
use crate::runtime::Runtimes;
use crate::secrets::Vault;
use crate::store::services::ServiceRow;
use crate::store::uptime::uptime_list;
pub(crate) use diagnosis::unhealthy;
use discovery::Discovery;
pub use launch::Inherited;
use launch::Planner;
pub(crate) use launch::{blocking, blocking_as};
pub(crate) use pinned::{Pinned, Switch, Switched};
use reconciler::Agent;
pub use tail::last_lines;
pub(crate) use told::{Told, Unreadable};

/// Reads the last lines of a service's log since a time: at most so many, oldest first. May block.
pub type LastLines = Arc<dyn Fn(ServiceId, Timestamp, usize) -> Vec<String> + Send + Sync>;

type OnDelete = Box<dyn Fn(ServiceId) + Send + Sync>;

/// All services of this Pilothouse.
pub struct Services {
    me: Weak<Self>,
    core: Arc<Core>,
    runtimes: Arc<Runtimes>,
    last_lines: LastLines,
    planner: Planner,
    /// The services folder, without links on the way to it.
    root: Option<PathBuf>,
    boot_id: Option<String>,
    /// What the store has, so that nothing waits for it to be read.
    rows: Mutex<HashMap<ServiceId, ServiceRow>>,
    /// One operation at a time on each service.
    gates: Mutex<HashMap<ServiceId, Arc<tokio::sync::Mutex<()>>>>,
    /// Services that are being started or stopped.
    agents: Mutex<HashMap<ServiceId, Agent>>,
    /// Told when one of them has come to rest.
    rested: tokio::sync::Notify,
    /// What people are told of a running service: why it hasn't the port that it says, what it was started without.
    notes: Mutex<HashMap<ServiceId, String>>,
    /// What services are told whose configuration has been saved.
    told: Mutex<HashMap<ServiceId, Result<Arc<Told>, Unreadable>>>,
    /// What services run that have been deployed.
    pinned: Mutex<HashMap<ServiceId, Result<Arc<Pinned>, Unreadable>>>,
    /// Told of each service that is deleted.
    on_delete: OnceLock<OnDelete>,
    /// Where incidents have their figures from.
    figures: OnceLock<incident::ReadFigures>,
    /// Held while a port is chosen, so that two services don't choose the same.
    choosing: tokio::sync::Mutex<()>,
    discovery: tokio::sync::Mutex<Discovery>,
    /// Checks that people try out.
    tests: tokio::sync::Semaphore,
    wires: dependencies::Wires,
    /// Services whose turn comes when others have been moved.
    turns: turn::Turns,
    fronts: parts::Fronts,
}

impl Services {
    /// Reads all services from the store into the catalog. What they do is not known before [`Services::spawn`].
    pub async fn open(core: Arc<Core>, runtimes: Arc<Runtimes>, inherited: Inherited, last_lines: LastLines) -> Result<Arc<Self>> {
        let data_dir = std::path::absolute(&core.config.data_dir).unwrap_or_else(|_| core.config.data_dir.clone());
        let planner = Planner::new(inherited, &data_dir, &core.config.program).with_secrets(Vault::of(&core)).with_mask(core.mask.clone());
        let root = core.config.services_dir.as_ref().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone()));
        variables::seal_clear(&core).await?;
        let rows = variables::read(&core).await?;
        let pinned = crate::deployments::placed(&core).await?;
        for row in rows.iter().filter(|row| !row.is_deleted || row.deletion.is_some()) {
            // What can be put back keeps its container, which nobody else shall find.
            runtimes.adopt(row.id, &row.spec);
            if !row.is_deleted {
                core.catalog.insert(entry::entry(row));
            }
        }
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned());
        let services = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            core,
            runtimes,
            last_lines,
            planner,
            root,
            boot_id,
            rows: Mutex::new(rows.into_iter().map(|row| (row.id, row)).collect()),
            gates: Mutex::default(),
            agents: Mutex::default(),
            rested: tokio::sync::Notify::new(),
            notes: Mutex::default(),
            told: Mutex::default(),
            pinned: Mutex::new(pinned),
            on_delete: OnceLock::new(),
            figures: OnceLock::new(),
            choosing: tokio::sync::Mutex::default(),
            discovery: tokio::sync::Mutex::default(),
            tests: tokio::sync::Semaphore::new(check::TESTS),
            wires: dependencies::Wires::default(),
            turns: turn::Turns::default(),
            fronts: parts::Fronts::default(),
        });
        Ok(services)
    }

    /// Lets `told` forget what it keeps of services that are deleted. Can be said once.
    pub fn on_delete(&self, told: impl Fn(ServiceId) + Send + Sync + 'static) {
        if self.on_delete.set(Box::new(told)).is_err() {
            tracing::error!("second_listener_of_deletions_ignored");
        }
    }

    /// Finds again what runs, follows its changes, looks for services, and acts on what is wanted, until shutdown.
    pub fn spawn(self: &Arc<Self>) {
        let shutdown = self.core.shutdown.clone();
        let (following, finding, fronting) = (self.clone(), self.clone(), self.clone());
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(following.follow()).await });
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(finding.keep_looking()).await });
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(fronting.keep_fronts()).await });
    }

    /// The row of a service that isn't deleted.
    fn row(&self, id: ServiceId) -> Result<ServiceRow> {
        lock(&self.rows).get(&id).filter(|row| !row.is_deleted).cloned().ok_or_else(|| Error::not_found("service", id))
    }

    fn set_row(&self, id: ServiceId, change: impl FnOnce(&mut ServiceRow)) {
        if let Some(row) = lock(&self.rows).get_mut(&id) {
            change(row);
        }
    }

    /// Whether some service that isn't deleted, and isn't `except`, has that name in any case.
    fn is_name_taken(&self, name: &str, except: Option<ServiceId>) -> bool {
        let rows = lock(&self.rows);
        rows.values().any(|row| !row.is_deleted && Some(row.id) != except && row.name.eq_ignore_ascii_case(name))
    }

    /// Waits for its turn to change one service.
    async fn gate(&self, id: ServiceId) -> tokio::sync::OwnedMutexGuard<()> {
        let gate = lock(&self.gates).entry(id).or_default().clone();
        gate.lock_owned().await
    }

    /// Fails with `unavailable` unless this instance may act.
    fn may_act(&self) -> Result<()> {
        if self.core.store.lease.is_held() {
            return Ok(());
        }
        let message = "another Pilothouse acts on these services now; use that one, or wait until it has ended";
        Err(Error::unavailable(message).retry_after(5))
    }
}

#[async_trait]
impl api::ports::Services for Services {
    async fn list(&self, caller: &Caller, query: ServiceQuery) -> Result<Page<Service>> {
        caller.require(Permission::ServicesRead)?;
        list::page(&self.core.catalog, &query)
    }

    async fn list_json(&self, caller: &Caller, query: ServiceQuery) -> Result<String> {
        caller.require(Permission::ServicesRead)?;
        list::page_json(&self.core.catalog, &query)
    }

    async fn get(&self, caller: &Caller, id: ServiceId) -> Result<ServiceDetail> {
        caller.require_on(Permission::ServicesRead, id)?;
        self.with_dependencies(self.core.catalog.get(id)?.detail()).await
    }

    async fn create(&self, caller: &Caller, new: NewService) -> Result<ServiceDetail> {
        caller.require(Permission::ServicesCreate)?;
        self.with_dependencies(self.create_service(caller, new).await?).await
    }

    async fn plan(&self, caller: &Caller, new: NewService) -> Result<ServicePlan> {
        caller.require(Permission::ServicesCreate)?;
        self.plan_service(caller, new).await
    }

    async fn create_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServiceDetail> {
        caller.require(Permission::ServicesCreate)?;
        self.with_dependencies(self.create_service_from(caller, new).await?).await
    }

    async fn plan_from(&self, caller: &Caller, new: NewService<NewSource>) -> Result<ServicePlan> {
        caller.require(Permission::ServicesCreate)?;
        self.plan_service_from(caller, new).await
    }

    async fn compose(&self, caller: &Caller, request: ComposeRequest) -> Result<ComposeReport> {
        caller.require(Permission::ServicesCreate)?;
        self.compose_services(caller, request).await
    }

    async fn change(&self, caller: &Caller, id: ServiceId, patch: ServicePatch) -> Result<ServiceDetail> {
        caller.require_on(Permission::ServicesChange, id)?;
        self.with_dependencies(self.change_service(caller, id, patch).await?).await
    }

    async fn delete(&self, caller: &Caller, id: ServiceId) -> Result<()> {
        caller.require_on(Permission::ServicesDelete, id)?;
        self.delete_service(caller, id).await
    }

    async fn deleted(&self, caller: &Caller) -> Result<Page<DeletedService>> {
        caller.require(Permission::ServicesDelete)?;
        Ok(self.list_deleted())
    }

    async fn restore(&self, caller: &Caller, id: ServiceId, how: Restoration) -> Result<ServiceDetail> {
        caller.require_on(Permission::ServicesDelete, id)?;
        self.restore_service(caller, id, how).await
    }

    async fn purge(&self, caller: &Caller, id: ServiceId) -> Result<()> {
        caller.require_on(Permission::ServicesDelete, id)?;
        self.purge_service(caller, id).await
    }

    async fn start(&self, caller: &Caller, id: ServiceId) -> Result<Service> {
        self.ask(caller, id, Action::Start).await
    }

    async fn stop(&self, caller: &Caller, id: ServiceId) -> Result<Service> {
        self.ask(caller, id, Action::Stop).await
    }

    async fn restart(&self, caller: &Caller, id: ServiceId) -> Result<Service> {
        self.ask(caller, id, Action::Restart).await
    }

    async fn act(&self, caller: &Caller, request: BulkRequest) -> Result<BulkReport> {
        self.act_on_many(caller, request).await
    }

    async fn dependencies(&self, caller: &Caller, query: DependencyQuery) -> Result<DependencyGraph> {
        self.list_dependencies(caller, query).await
    }

    async fn health(&self, caller: &Caller, id: ServiceId) -> Result<HealthReport> {
        caller.require_on(Permission::ServicesRead, id)?;
        let entry = self.core.catalog.get(id)?;
        let history: Vec<_> = entry.checks.iter().rev().cloned().collect();
        let good = history.iter().filter(|check| check.ok).count();
        let uptime_percent = (!history.is_empty()).then(|| 100.0 * good as f64 / history.len() as f64);
        let (health_status, check) = (entry.service.health_status, entry.spec.health.clone());
        let now = self.core.clock.now();
        let mut db = self.core.store.telemetry.read().await?;
        let hours = uptime_list(&mut db, id, uptime::hour(now) - Uptime::HOURS).await?;
        Ok(HealthReport { service_id: id, health_status, check, history, uptime_percent, uptime: Uptime::of(&hours, now) })
    }

    async fn test_health(&self, caller: &Caller, id: ServiceId, check: HealthCheck) -> Result<HealthTest> {
        caller.require_on(Permission::ServicesChange, id)?;
        self.test_check(caller, id, check).await
    }

    async fn incidents(&self, caller: &Caller, id: ServiceId) -> Result<Page<IncidentSummary>> {
        caller.require_on(Permission::ServicesRead, id)?;
        self.list_incidents(id).await
    }

    async fn incident(&self, caller: &Caller, id: IncidentId) -> Result<Incident> {
        caller.require(Permission::LogsRead)?;
        let incident = self.get_incident(id).await?;
        caller.require_on(Permission::LogsRead, incident.summary.service_id)?;
        Ok(incident)
    }

    async fn discover(&self, caller: &Caller) -> Result<DiscoveryReport> {
        caller.require(Permission::ServicesCreate)?;
        self.may_act()?;
        self.look_through(Some(caller)).await
    }
}

fn taken(name: &str) -> Error {
    Error::conflict(format!("there is a service '{name}' already; choose another name"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod backup_tests;
#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod bulk_tests;
#[cfg(test)]
mod configuration_many_tests;
#[cfg(test)]
mod configuration_tests;
#[cfg(test)]
mod configuration_text_tests;
#[cfg(test)]
mod deleted_tests;
#[cfg(test)]
mod dependency_tests;
#[cfg(test)]
mod handover_tests;
#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod list_tests;
#[cfg(test)]
mod others_tests;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod variables_tests;
