//! Every runtime of this Pilothouse: what is asked of a service goes to the one that it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{Container, Error, ImagePush, ReleaseId, Result, RuntimeKind, ServiceId, ServiceSpec};
use futures::future::{join_all, select_all};
use tokio::sync::mpsc;

use super::{Connection, Found, HandOver, HandedOver, HandedSocket, Launch, NewContainer, Observation, Runtime, Stats, Tell, Wiring};

/// The runtimes, and which of them each service has.
pub struct Runtimes {
    all: Vec<Arc<dyn Runtime>>,
    kinds: Mutex<HashMap<ServiceId, RuntimeKind>>,
}

impl Runtimes {
    /// Of one for each kind.
    pub fn new(all: Vec<Arc<dyn Runtime>>) -> Arc<Self> {
        Arc::new(Self { all, kinds: Mutex::default() })
    }

    /// Each of them that there is reason to speak of.
    pub fn used(&self) -> impl Iterator<Item = &Arc<dyn Runtime>> {
        self.all.iter().filter(|runtime| runtime.is_used())
    }

    /// Begins their work in the background.
    pub fn spawn(&self) {
        for runtime in &self.all {
            runtime.spawn();
        }
    }

    /// Learns which service an id is of; see [`Runtime::adopt`].
    pub fn adopt(&self, id: ServiceId, spec: &ServiceSpec) {
        self.kinds().insert(id, spec.runtime);
        if let Ok(runtime) = self.of(id) {
            runtime.adopt(id, spec);
        }
    }

    /// See [`Runtime::start`].
    pub async fn start(&self, id: ServiceId, launch: Launch) -> Result<()> {
        self.of(id)?.start(id, launch).await
    }

    /// See [`Runtime::stop`].
    pub async fn stop(&self, id: ServiceId, grace: Duration) -> Result<()> {
        self.of(id)?.stop(id, grace).await
    }

    /// See [`Runtime::socket`].
    pub fn socket(&self, id: ServiceId) -> Option<HandedSocket> {
        self.of(id).ok()?.socket(id)
    }

    /// See [`Runtime::hand_over`].
    pub async fn hand_over(&self, id: ServiceId, order: HandOver, told: &(dyn Fn(String) + Send + Sync)) -> Result<HandedOver> {
        self.of(id)?.hand_over(id, order, told).await
    }

    /// See [`Runtime::remove`]. The service is forgotten.
    pub async fn remove(&self, id: ServiceId) -> Result<()> {
        self.of(id)?.remove(id).await?;
        self.kinds().remove(&id);
        Ok(())
    }

    /// See [`Runtime::observe`].
    pub async fn observe(&self, id: ServiceId) -> Result<Observation> {
        self.of(id)?.observe(id).await
    }

    /// What all services do that any runtime knows of. One that can't say is left out and logged.
    pub async fn observe_all(&self) -> HashMap<ServiceId, Observation> {
        let asked = join_all(self.all.iter().map(|runtime| async move { (runtime.kind(), runtime.observe_all().await) })).await;
        let mut known = HashMap::new();
        for (kind, answer) in asked {
            match answer {
                Ok(all) => known.extend(all),
                Err(error) => {
                    tracing::error!(%error, runtime = %kind, "runtime_not_observed");
                    let of_kind: Vec<_> = self.kinds().iter().filter(|(_, one)| **one == kind).map(|(id, _)| *id).collect();
                    known.extend(of_kind.into_iter().map(|id| (id, Observation::Unknown(error.message.clone()))));
                }
            }
        }
        known
    }

    /// See [`Runtime::drain`].
    pub async fn drain(&self, id: ServiceId) {
        if let Ok(runtime) = self.of(id) {
            runtime.drain(id).await;
        }
    }

    /// See [`Runtime::stats`].
    pub async fn stats(&self, id: ServiceId) -> Result<Option<Stats>> {
        self.of(id)?.stats(id).await
    }

    /// See [`Runtime::container`].
    pub fn container(&self, id: ServiceId) -> Option<Container> {
        self.of(id).ok()?.container(id)
    }

    /// See [`Runtime::wiring`].
    pub fn wiring(&self, id: ServiceId) -> Option<Wiring> {
        self.of(id).ok()?.wiring(id)
    }

    /// See [`Runtime::preparation`], of a service that no runtime knows yet.
    pub async fn preparation(&self, id: ServiceId, kind: RuntimeKind, launch: &Launch) -> Result<Vec<String>> {
        match self.all.iter().find(|runtime| runtime.kind() == kind) {
            Some(runtime) => runtime.preparation(id, launch).await,
            None => Ok(Vec::new()),
        }
    }

    /// See [`Runtime::release_image`].
    pub async fn release_image(&self, id: ServiceId, new: &NewContainer, release: ReleaseId, tell: &Tell) -> Result<Option<String>> {
        self.of(id)?.release_image(id, new, release, tell).await
    }

    /// See [`Runtime::push_image`].
    pub async fn push_image(&self, id: ServiceId, release: ReleaseId, push: &ImagePush, tag: &str, tell: &Tell) -> Result<Option<String>> {
        self.of(id)?.push_image(id, release, push, tag, tell).await
    }

    /// See [`Runtime::forget_pushed`].
    pub async fn forget_pushed(&self, id: ServiceId, release: ReleaseId, name: &str) {
        for runtime in &self.all {
            runtime.forget_pushed(id, release, name).await;
        }
    }

    /// See [`Runtime::forget_image`]. Also of a service that is forgotten: every runtime is asked.
    pub async fn forget_image(&self, id: ServiceId, release: ReleaseId) {
        for runtime in &self.all {
            runtime.forget_image(id, release).await;
        }
    }

    /// See [`Runtime::connections`]. What a runtime can't say now is left out and logged.
    pub async fn connections(&self, trees: Vec<(ServiceId, Vec<u32>)>) -> Vec<Connection> {
        let mut by_kind: HashMap<RuntimeKind, Vec<(ServiceId, Vec<u32>)>> = HashMap::new();
        for (id, pids) in trees {
            if let Ok(runtime) = self.of(id) {
                by_kind.entry(runtime.kind()).or_default().push((id, pids));
            }
        }
        let mut all = Vec::new();
        for (kind, trees) in by_kind {
            let Some(runtime) = self.all.iter().find(|runtime| runtime.kind() == kind) else { continue };
            match runtime.connections(trees).await {
                Ok(open) => all.extend(open),
                Err(error) => tracing::warn!(%error, runtime = %kind, "connections_not_looked_at"),
            }
        }
        all
    }

    /// What each of them has found; none of those that don't know.
    pub fn discover(&self) -> Vec<(RuntimeKind, Vec<Found>)> {
        self.all.iter().filter_map(|runtime| Some((runtime.kind(), runtime.discover()?))).collect()
    }

    /// Waits until [`Runtimes::discover`] may answer something else.
    pub async fn discovered(&self) {
        if !self.all.is_empty() {
            select_all(self.all.iter().map(|runtime| runtime.discovered())).await;
        }
    }

    /// Changes of all of them as they happen. Each runtime gives its own only once.
    pub fn take_events(&self) -> mpsc::UnboundedReceiver<(ServiceId, Observation)> {
        let (all, receiver) = mpsc::unbounded_channel();
        for mut events in self.all.iter().filter_map(|runtime| runtime.take_events()) {
            let all = all.clone();
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    if all.send(event).is_err() {
                        return;
                    }
                }
            });
        }
        receiver
    }

    /// The runtime of a service; that of processes when nobody has said which.
    fn of(&self, id: ServiceId) -> Result<&Arc<dyn Runtime>> {
        let kind = self.kinds().get(&id).copied().unwrap_or(RuntimeKind::Process);
        let runtime = self.all.iter().find(|runtime| runtime.kind() == kind);
        runtime.ok_or_else(|| Error::unavailable(format!("the runtime {} isn't there", kind.label())))
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<ServiceId, RuntimeKind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
