//! Every service with its present state, in memory: what lists, feeds and tasks read. The store has what must outlive a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use api::{HealthResult, LastExit, MASK, Service, ServiceDetail, ServiceId, ServiceSpec, Topic, secret_references};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::Clock;
use crate::bus::Bus;
use crate::configuration::schema::looks_secret;

/// One service as the engine knows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What lists show; the source of truth for its present state.
    pub service: Service,
    /// What it is.
    pub spec: ServiceSpec,
    /// The command that runs it, as found or set.
    pub command: Option<Vec<String>>,
    /// The process ids of its tree; the first is its root.
    pub pids: Vec<u32>,
    /// Every TCP port that its process tree listens on.
    pub listening_ports: Vec<u16>,
    /// The container that it runs in, when it does.
    pub container: Option<api::Container>,
    /// How its last run ended.
    pub last_exit: Option<LastExit>,
    /// The last checks, newest last, at most 100. Shared, so that changing figures doesn't copy them.
    pub checks: Arc<Vec<HealthResult>>,
    /// Why request figures are missing and how to have them.
    pub metrics_hint: Option<String>,
    /// Why the variables of its settings can't be read.
    pub variables_problem: Option<api::VariablesProblem>,
    /// Why it isn't well.
    pub diagnosis: Vec<api::Diagnosis>,
    /// What lists show as JSON, once somebody has asked for it.
    pub json: Json,
}

/// JSON that is written when it is first asked for. A copy of an entry, which is made to be changed, has none.
#[derive(Debug, Default)]
pub struct Json(OnceLock<String>);

impl Clone for Json {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A specification as it leaves: variables that look like secrets are [`MASK`].
fn shown(spec: &ServiceSpec) -> ServiceSpec {
    let mut spec = spec.clone();
    for (name, text) in &mut spec.environment {
        if looks_secret(name, text) && !text.is_empty() && secret_references(text).next().is_none() {
            *text = MASK.into();
        }
    }
    spec
}

impl Entry {
    /// Where it answers from the machine that Pilothouse runs on: at its proxy, when it has one.
    pub fn address(&self) -> Option<String> {
        self.spec.proxy_port.or(self.service.port).map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// What lists show, as JSON.
    pub fn json(&self) -> &str {
        self.json.0.get_or_init(|| {
            serde_json::to_string(&self.service).unwrap_or_else(|error| {
                tracing::error!(%error, service = %self.service.id, "service_not_serialised");
                "null".into()
            })
        })
    }

    /// What the service's page shows.
    pub fn detail(&self) -> ServiceDetail {
        ServiceDetail {
            service: self.service.clone(),
            spec: shown(&self.spec),
            command: self.command.clone(),
            pids: self.pids.clone(),
            listening_ports: self.listening_ports.clone(),
            container: self.container.clone(),
            last_exit: self.last_exit.clone(),
            last_check: self.checks.last().cloned(),
            diagnosis: self.diagnosis.clone(),
            dependencies: None,
            dependents: None,
            replicas: None,
            endpoints: self.service.url.iter().cloned().collect(),
            metrics_hint: self.metrics_hint.clone(),
            variables_problem: self.variables_problem.clone(),
        }
    }
}

/// Every service, by id. Entries are shared and replaced whole, so that readers never wait for writers' work.
pub struct Catalog {
    entries: RwLock<HashMap<ServiceId, Arc<Entry>>>,
    by_name: Mutex<Option<Arc<Vec<Arc<Entry>>>>>,
    changed: Notify,
    bus: Arc<Bus>,
    clock: Clock,
}

impl Catalog {
    /// An empty one that tells `bus` of each change.
    pub fn new(bus: Arc<Bus>, clock: Clock) -> Self {
        Self { entries: RwLock::default(), by_name: Mutex::default(), changed: Notify::new(), bus, clock }
    }

    /// The service of that id.
    pub fn find(&self, id: ServiceId) -> Option<Arc<Entry>> {
        self.read().get(&id).cloned()
    }

    /// The service of that id, or `not_found`.
    pub fn get(&self, id: ServiceId) -> api::Result<Arc<Entry>> {
        self.find(id).ok_or_else(|| api::Error::not_found("service", id))
    }

    /// Every service, in no order.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.read().values().cloned().collect()
    }

    /// Every service by name, in any case; made anew only after a change.
    pub fn by_name(&self) -> Arc<Vec<Arc<Entry>>> {
        let mut kept = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sorted) = &*kept {
            return sorted.clone();
        }
        let mut sorted = self.all();
        sorted.sort_by(|a, b| name_order(&a.service.name, &b.service.name));
        kept.insert(Arc::new(sorted)).clone()
    }

    /// Ends with the next change that feeds are told of.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a service in, in place of one of the same id, and tells the feeds.
    pub fn insert(&self, mut entry: Entry) {
        entry.service.revision = self.revision(&entry.service);
        let entry = Arc::new(entry);
        self.write().insert(entry.service.id, entry.clone());
        self.forget_order();
        self.announce(&entry);
    }

    /// Takes a service out and tells the feeds.
    pub fn remove(&self, id: ServiceId) {
        if self.write().remove(&id).is_some() {
            self.forget_order();
            self.changed.notify_waiters();
            let data = serde_json::json!({ "id": id });
            self.bus.publish(Topic::Dashboard, "removed", Some(id), &data);
            self.bus.publish(Topic::Service(id), "removed", None, &data);
        }
    }

    /// Changes a service in place and tells the feeds when anything that they show is different. `last_updated` moves when
    /// status, health, desired state, reason, port or name does; figures alone don't move it. Answers what is there now.
    pub fn update(&self, id: ServiceId, change: impl FnOnce(&mut Entry)) -> Option<Arc<Entry>> {
        let (is_told, after) = {
            let mut entries = self.write();
            let slot = entries.get_mut(&id)?;
            let mut next = Entry::clone(slot);
            change(&mut next);
            if standing(&slot.service) != standing(&next.service) {
                next.service.last_updated = self.clock.now();
            }
            let is_told = slot.service != next.service
                || slot.pids != next.pids
                || slot.last_exit != next.last_exit
                || slot.diagnosis != next.diagnosis
                || slot.listening_ports != next.listening_ports
                || slot.metrics_hint != next.metrics_hint;
            if is_told {
                next.service.revision = self.revision(&slot.service);
            }
            *slot = Arc::new(next);
            (is_told, slot.clone())
        };
        self.forget_order();
        if is_told {
            self.announce(&after);
        }
        Some(after)
    }

    /// The next one of a service: the time in microseconds, so that it grows over restarts too, or one more when the clock hasn't moved on.
    fn revision(&self, before: &Service) -> u64 {
        u64::try_from(self.clock.now().micros()).unwrap_or_default().max(before.revision + 1)
    }

    fn forget_order(&self) {
        *self.by_name.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn announce(&self, entry: &Entry) {
        let id = entry.service.id;
        self.changed.notify_waiters();
        self.bus.publish(Topic::Dashboard, "service", Some(id), &entry.service);
        self.bus.publish_with(Topic::Service(id), "service", None, || entry.detail());
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<ServiceId, Arc<Entry>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<ServiceId, Arc<Entry>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a service changes by an act or an event, not by measuring.
fn standing(service: &Service) -> impl PartialEq + use<'_> {
    (&service.name, service.status, &service.status_reason, service.desired, service.health_status, service.port, &service.description)
}

/// The order of names: in any case first, then exactly.
pub(crate) fn name_order(a: &str, b: &str) -> std::cmp::Ordering {
    let (lower_a, lower_b) = (a.bytes().map(|byte| byte.to_ascii_lowercase()), b.bytes().map(|byte| byte.to_ascii_lowercase()));
    lower_a.cmp(lower_b).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::{ServiceId, Status};

    use super::Catalog;
    use crate::Clock;
    use crate::bus::Bus;
    use crate::monitoring::tests::entry;

    #[test]
    fn each_change_that_is_told_has_a_greater_revision_although_time_stands_still() {
        let clock = Clock::stopped(api::Timestamp::default());
        let catalog = Catalog::new(Arc::new(Bus::new(clock.clone())), clock);
        let id = ServiceId(uuid::Uuid::from_u128(1));
        catalog.insert(entry(id));
        let revision = || catalog.find(id).map(|entry| entry.service.revision);
        let first = revision();
        assert!(first > Some(0));
        catalog.update(id, |_| {});
        assert_eq!(revision(), first, "nothing has changed");
        catalog.update(id, |entry| entry.service.status = Status::Starting);
        assert!(revision() > first);
    }
}
