//! The runtime of containers on a Docker Engine.
//!
//! The engine holds the containers; Pilothouse keeps in memory what it says of them ([`watch`]), so that questions cost it
//! nothing, and asks anew after each break. Logs are taken into the logs of the services ([`logs`]), so that they are searched like
//! all others and outlive the containers.

mod body;
mod build;
mod connections;
mod host;
mod logs;
mod make;
mod making;
mod pull;
mod registry;
mod released;
mod seen;
mod state;
mod stats;
mod taking;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::{Container, Error, ImagePush, OwnHealth, ReleaseId, Result, RuntimeKind, ServiceId, ServiceSpec, Source, Timestamp};
use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::{RemoveContainerOptions, StatsOptions, StopContainerOptions};
use futures::StreamExt;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use self::connections::Running;
use self::host::Host;
use self::seen::{Known, project};
use self::stats::Cpu;
use super::process::{log_folder, run_folder};
use super::{Capabilities, Connection, Ended, Found, Launch, NewContainer, Observation, Runtime, Stats, Tell, Wiring};
use crate::Core;

/// How long it is waited for who has killed a container.
const WHO: Duration = Duration::from_secs(1);
/// How much longer than its grace a stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of a log is waited for.
const DRAIN: Duration = Duration::from_secs(2);
/// How often it is looked at then, and how long the end of a container may be told after that of its log.
const LOOK: Duration = Duration::from_millis(20);
/// How long an answer about one container may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs services as containers.
pub struct DockerRuntime {
    shared: Arc<Shared>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>>>,
}

struct Shared {
    core: Arc<Core>,
    host: Host,
    state: Mutex<State>,
    /// One look at a container at a time, so that an old answer never comes after a newer one.
    looking: tokio::sync::Mutex<()>,
    discovered: Notify,
    /// Told when the engine has answered, or is known not to.
    answered: Notify,
    events: mpsc::UnboundedSender<(ServiceId, Observation)>,
}

#[derive(Default)]
struct State {
    link: Link,
    docker: Option<Docker>,
    /// Every container of the engine, by its id.
    known: HashMap<String, Known>,
    /// The ids by name.
    names: HashMap<String, String>,
    /// The name of the container of each service.
    services: HashMap<ServiceId, String>,
    /// Services whose container is being made, or couldn't be.
    making: HashMap<ServiceId, (Observation, AbortHandle)>,
    /// Containers that somebody has asked to end, by id.
    asked: HashMap<String, Instant>,
    cpu: HashMap<ServiceId, Cpu>,
    /// Services whose log is being taken, and whether it shall be taken once more then.
    taking: HashMap<ServiceId, bool>,
    /// What was told of each service last.
    told: HashMap<ServiceId, (Observation, Option<OwnHealth>)>,
}

/// Whether the engine answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Link {
    /// It has been asked, or will be.
    #[default]
    Asking,
    /// It does: what it is.
    Up(String),
    /// It doesn't: why, and what to do.
    Down(String),
}

impl DockerRuntime {
    /// Of the engine that the configuration says, or the usual one; nothing is asked before [`Runtime::spawn`].
    pub fn new(core: Arc<Core>) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let host = Host::new(&core.config.docker);
        let (state, looking) = (Mutex::default(), tokio::sync::Mutex::default());
        let shared = Shared { core, host, state, looking, discovered: Notify::new(), answered: Notify::new(), events };
        Self { shared: Arc::new(shared), receiver: Mutex::new(Some(receiver)) }
    }

    /// Waits a moment for an engine that has just been asked.
    async fn answered(&self) {
        let answered = async {
            loop {
                let mut answered = std::pin::pin!(self.shared.answered.notified());
                answered.as_mut().enable();
                if self.shared.lock().link != Link::Asking {
                    return;
                }
                answered.await;
            }
        };
        // What hasn't come then is an error of who asks.
        let _ = tokio::time::timeout(LIMIT, answered).await;
    }

    /// The connection, and the container of a service.
    fn container_of(&self, id: ServiceId) -> Result<(Docker, Option<Known>)> {
        let state = self.shared.lock();
        match (&state.link, &state.docker) {
            (Link::Down(reason), _) => Err(Error::unavailable(reason.clone()).retry_after(5)),
            (Link::Up(_), Some(docker)) => Ok((docker.clone(), state.of(id).cloned())),
            _ => Err(Error::unavailable("Docker hasn't answered yet; try again in a moment").retry_after(2)),
        }
    }
}

#[async_trait]
impl Runtime for DockerRuntime {
    fn kind(&self) -> RuntimeKind {
        RuntimeKind::Docker
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { outlives_pilothouse: true, notes: Vec::new() }
    }

    fn is_used(&self) -> bool {
        self.shared.host.is_used() || !self.shared.lock().services.is_empty()
    }

    fn spawn(&self) {
        if self.shared.host.is_off() {
            return self.shared.lost("Docker is turned off in the configuration of Pilothouse (docker_host)");
        }
        let (shared, shutdown) = (self.shared.clone(), self.shared.core.shutdown.clone());
        self.shared.core.tasks.spawn(async move { shutdown.run_until_cancelled(watch::follow(shared)).await });
    }

    fn adopt(&self, id: ServiceId, spec: &ServiceSpec) {
        let name = match &spec.source {
            Source::Container { container } => container.clone(),
            _ => make::name(id),
        };
        self.shared.lock().services.insert(id, name);
        self.shared.take_log(id);
    }

    fn discover(&self) -> Option<Vec<Found>> {
        let state = self.shared.lock();
        let Link::Up(_) = state.link else { return None };
        let free = state.known.values().filter(|known| known.is_free);
        let found = free.map(|known| Found {
            name: known.container.name.clone(),
            source: Source::Container { container: known.container.name.clone() },
            is_running: matches!(known.observation, Observation::Running { .. }),
            ended_at: match &known.observation {
                Observation::Ended(ended) => ended.at,
                _ => Timestamp::default(),
            },
            port: known.wiring.ports.first().copied(),
            // What Compose made together is found together.
            labels: known.container.compose.as_deref().and_then(project).into_iter().collect(),
        });
        Some(found.collect())
    }

    async fn discovered(&self) {
        self.shared.discovered.notified().await;
    }

    fn container(&self, id: ServiceId) -> Option<Container> {
        let mut container = self.shared.lock().of(id)?.container.clone();
        if let Some(own) = &mut container.own_health {
            own.message = self.shared.core.mask.hide_text(std::mem::take(&mut own.message));
        }
        Some(container)
    }

    fn wiring(&self, id: ServiceId) -> Option<Wiring> {
        self.shared.lock().of(id).map(|known| known.wiring.clone())
    }

    async fn connections(&self, trees: Vec<(ServiceId, Vec<u32>)>) -> Result<Vec<Connection>> {
        let running: Vec<Running> = {
            let state = self.shared.lock();
            trees.into_iter().filter_map(|(service, _)| Running::read(service, state.of(service)?)).collect()
        };
        crate::services::blocking(move || connections::connections(&running)).await
    }

    async fn probe(&self) -> Result<String> {
        let state = self.shared.lock();
        match &state.link {
            Link::Up(what) => Ok(what.clone()),
            Link::Down(reason) => Err(Error::unavailable(reason.clone())),
            Link::Asking => Err(Error::unavailable("Docker hasn't answered yet")),
        }
    }

    async fn preparation(&self, id: ServiceId, launch: &Launch) -> Result<Vec<String>> {
        let Launch::NewContainer(new) = launch else { return Ok(Vec::new()) };
        self.answered().await;
        let (docker, _) = self.container_of(id)?;
        make::preparation(&docker, id, new).await
    }

    async fn release_image(&self, id: ServiceId, new: &NewContainer, release: ReleaseId, tell: &Tell) -> Result<Option<String>> {
        self.answered().await;
        let (docker, _) = self.container_of(id)?;
        released::image(&self.shared.core, &docker, id, new, release, tell).await.map(Some)
    }

    async fn push_image(&self, id: ServiceId, release: ReleaseId, push: &ImagePush, tag: &str, tell: &Tell) -> Result<Option<String>> {
        self.answered().await;
        let (docker, _) = self.container_of(id)?;
        released::push(&self.shared.core, &docker, (id, release), push, tag, tell).await.map(Some)
    }

    async fn forget_pushed(&self, id: ServiceId, release: ReleaseId, name: &str) {
        if let Ok((docker, _)) = self.container_of(id) {
            released::forget_pushed(&docker, id, release, name).await;
        }
    }

    async fn forget_image(&self, id: ServiceId, release: ReleaseId) {
        if let Ok((docker, _)) = self.container_of(id) {
            released::forget(&docker, id, release).await;
        }
    }

    async fn start(&self, id: ServiceId, launch: Launch) -> Result<()> {
        self.answered().await;
        let (docker, known) = self.container_of(id)?;
        if matches!(known.as_ref().map(|known| &known.observation), Some(Observation::Running { .. })) || self.shared.lock().is_making(id) {
            return Ok(());
        }
        match launch {
            Launch::Process(_) => {
                tracing::error!("process_given_to_the_docker_runtime");
                Err(Error::internal())
            }
            Launch::NewContainer(new) => {
                self.shared.make(docker, id, *new);
                Ok(())
            }
            Launch::Container => {
                let name = self.shared.lock().services.get(&id).cloned().unwrap_or_default();
                let Some(known) = known else {
                    let message =
                        format!("there is no container '{name}'; make it as it was made before (docker compose up), or delete the service");
                    return Err(Error::service(message));
                };
                self.shared.run(&docker, &known.container.id).await
            }
        }
    }

    async fn stop(&self, id: ServiceId, grace: Duration) -> Result<()> {
        let was_made = self.shared.stop_making(id);
        self.answered().await;
        let (docker, mut known) = match self.container_of(id) {
            Err(_) if !self.shared.lock().services.contains_key(&id) => return Ok(()),
            found => found?,
        };
        if was_made {
            self.shared.look_by_name(&docker, id).await;
            known = self.shared.lock().of(id).cloned();
        }
        let Some(Known { container, observation: Observation::Running { .. }, .. }) = known else { return Ok(()) };
        self.shared.asked(&container.id);
        let options =
            StopContainerOptions { t: Some(i32::try_from(grace.as_secs()).unwrap_or(i32::MAX)), ..StopContainerOptions::default() };
        let patience = grace.saturating_add(STOP_PATIENCE);
        let stopped = docker.clone().with_timeout(patience).stop_container(&container.id, Some(options)).await;
        self.shared.look(&docker, &container.id).await;
        match stopped {
            Err(error) if !is_absent(&error) => Err(failed("it can't be stopped", &error)),
            _ => Ok(()),
        }
    }

    async fn remove(&self, id: ServiceId) -> Result<()> {
        self.shared.stop_making(id);
        self.answered().await;
        let (docker, known) = self.container_of(id)?;
        if let Some(known) = known {
            if matches!(known.observation, Observation::Running { .. }) {
                return Err(Error::conflict("it runs; stop it first"));
            }
            let options = RemoveContainerOptions { v: false, ..RemoveContainerOptions::default() };
            match docker.remove_container(&known.container.id, Some(options)).await {
                Err(error) if !is_absent(&error) => return Err(failed("its container can't be removed", &error)),
                _ => self.shared.gone(&known.container.id),
            }
            if let Some(network) = known.network.filter(|network| !self.shared.lock().is_used(network)) {
                make::remove_network(&docker, &network).await;
            }
        }
        build::remove(&docker, &build::name(id)).await;
        self.shared.forget(id);
        let folder = run_folder(&self.shared.core, id);
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder.path())).await;
        match removed {
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(%error, service = %id, "log_not_removed");
                Err(Error::service(format!("its log can't be removed: {error}")))
            }
            _ => Ok(()),
        }
    }

    async fn observe(&self, id: ServiceId) -> Result<Observation> {
        Ok(self.shared.lock().observe(id))
    }

    async fn observe_all(&self) -> Result<Vec<(ServiceId, Observation)>> {
        let state = self.shared.lock();
        Ok(state.services.keys().map(|id| (*id, state.observe(*id))).collect())
    }

    async fn drain(&self, id: ServiceId) {
        let drained = async {
            while self.shared.lock().taking.contains_key(&id) {
                tokio::time::sleep(LOOK).await;
            }
        };
        // What comes later is in the log all the same.
        let _ = tokio::time::timeout(DRAIN, drained).await;
    }

    async fn stats(&self, id: ServiceId) -> Result<Option<Stats>> {
        let (docker, known) = match self.container_of(id) {
            Err(_) if !self.shared.lock().services.contains_key(&id) => return Ok(None),
            found => found?,
        };
        let Some(Known { container, observation: Observation::Running { pid, .. }, wiring, .. }) = known else { return Ok(None) };
        let options = StatsOptions { stream: false, one_shot: true };
        let answer = tokio::time::timeout(LIMIT, docker.stats(&container.id, Some(options)).next()).await;
        let stats = match answer {
            Ok(Some(Ok(stats))) => stats,
            Ok(Some(Err(error))) if is_absent(&error) => return Ok(None),
            Ok(Some(Err(error))) => return Err(failed("its figures can't be read", &error)),
            Ok(None) => return Ok(None),
            Err(_) => return Err(Error::unavailable(format!("Docker hasn't said within {} s what it uses", LIMIT.as_secs()))),
        };
        let mut state = self.shared.lock();
        let (usage, cpu) = stats::usage(&stats, state.cpu.get(&id).copied(), Instant::now());
        state.cpu.extend(cpu.map(|cpu| (id, cpu)));
        Ok(Some(Stats { usage, pids: vec![pid], listening_ports: wiring.ports }))
    }

    fn take_events(&self) -> Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What Docker said, without its status.
fn words(error: &DockerError) -> String {
    match error {
        DockerError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        DockerError::DockerStreamError { error } => error.trim().to_owned(),
        DockerError::RequestTimeoutError => "it took too long".into(),
        other => other.to_string(),
    }
}

fn is_absent(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 404, .. })
}

fn failed(what: &str, error: &DockerError) -> Error {
    Error::service(format!("{what}: {}", words(error)))
}
