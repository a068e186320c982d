//! The runtime of containers on a Docker Engine.
//!
//! The engine holds the containers; Pilothouse keeps in memory what it says of them ([`watch`]), so that questions cost it
//! nothing, and asks anew after each break. Logs are taken into the logs of the services ([`logs`]), so that they are searched like
//! all others and outlive the containers.

mod body;
mod host;
mod logs;
mod make;
mod seen;
mod stats;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{Container, Error, OwnHealth, Result, RuntimeKind, ServiceId, ServiceSpec, Source, Timestamp};
use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::{RemoveContainerOptions, StatsOptions, StopContainerOptions};
use futures::StreamExt;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use self::host::Host;
use self::seen::{Known, project};
use self::stats::Cpu;
use super::process::{log_folder, run_folder};
use super::{Capabilities, Ended, Found, Launch, NewContainer, Observation, Runtime, Stats, Wiring};
use crate::Core;

/// How long it is waited for who has killed a container.
const WHO: Duration = Duration::from_secs(1);
/// How long a container that was asked to end counts as asked.
const ASKED: Duration = Duration::from_secs(900);
/// How much longer than its grace a stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of a log is waited for.
const DRAIN: Duration = Duration::from_secs(2);
/// How often it is looked at then, and how long the end of a container may be told after that of its log.
const LOOK: Duration = Duration::from_millis(20);
/// How long an answer about one container may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Between tries to read a log that breaks off; doubled before each up to the longest.
const LOG_PAUSE: Duration = Duration::from_millis(500);
/// The longest of them.
const LONGEST_LOG_PAUSE: Duration = Duration::from_secs(60);

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
        self.shared.lock().of(id).map(|known| known.container.clone())
    }

    fn wiring(&self, id: ServiceId) -> Option<Wiring> {
        self.shared.lock().of(id).map(|known| known.wiring.clone())
    }

    async fn probe(&self) -> Result<String> {
        let state = self.shared.lock();
        match &state.link {
            Link::Up(what) => Ok(what.clone()),
            Link::Down(reason) => Err(Error::unavailable(reason.clone())),
            Link::Asking => Err(Error::unavailable("Docker hasn't answered yet")),
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

impl State {
    fn of(&self, id: ServiceId) -> Option<&Known> {
        self.known.get(self.names.get(self.services.get(&id)?)?)
    }

    /// Whether a container was made for that network.
    fn is_used(&self, network: &str) -> bool {
        self.known.values().any(|known| known.network.as_deref() == Some(network))
    }

    fn is_making(&self, id: ServiceId) -> bool {
        matches!(self.making.get(&id), Some((Observation::Preparing { .. }, _)))
    }

    fn observe(&self, id: ServiceId) -> Observation {
        let Some(name) = self.services.get(&id) else { return Observation::Absent };
        match &self.link {
            Link::Down(reason) => return Observation::Unknown(reason.clone()),
            Link::Asking => return Observation::Unknown("Docker is being asked".into()),
            Link::Up(_) => {}
        }
        let seen = self.names.get(name).and_then(|container| self.known.get(container)).map(|known| known.observation.clone());
        match (self.making.get(&id), seen) {
            (_, Some(running @ Observation::Running { .. })) => running,
            (Some((making, _)), _) => making.clone(),
            (None, seen) => seen.unwrap_or(Observation::Absent),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_docker(&self, docker: Docker) {
        self.lock().docker = Some(docker);
    }

    /// The engine answers, and all its containers are known.
    fn found(self: &Arc<Self>, link: Link) {
        let mut state = self.lock();
        state.link = link;
        let services: Vec<_> = state.services.keys().copied().collect();
        drop(state);
        self.answered.notify_waiters();
        for id in services {
            self.tell(id);
            self.take_log(id);
        }
        self.discovered.notify_one();
    }

    /// The engine doesn't answer.
    fn lost(&self, reason: &str) {
        let mut state = self.lock();
        state.link = Link::Down(reason.to_owned());
        let services: Vec<_> = state.services.keys().copied().collect();
        drop(state);
        self.answered.notify_waiters();
        for id in services {
            self.tell(id);
        }
    }

    /// Remembers that somebody wants a container to end.
    fn asked(&self, container: &str) {
        let mut state = self.lock();
        state.asked.retain(|_, at| at.elapsed() < ASKED);
        state.asked.insert(container.to_owned(), Instant::now());
    }

    /// Forgets the containers that aren't among these.
    fn retain(&self, ids: &[String]) {
        let gone: Vec<String> = self.lock().known.keys().filter(|id| !ids.contains(id)).cloned().collect();
        for id in gone {
            self.gone(&id);
        }
    }

    /// A container isn't there any more.
    fn gone(&self, container: &str) {
        let mut state = self.lock();
        let Some(known) = state.known.remove(container) else { return };
        let name = known.container.name;
        if state.names.get(&name).is_some_and(|id| id == container) {
            state.names.remove(&name);
        }
        let service = state.service(&name);
        drop(state);
        if let Some(id) = service {
            self.tell(id);
        }
        self.discovered.notify_one();
    }

    /// Looks at one container, and tells what is new. Who has killed it is often told only after that it has died: then it is looked
    /// at once more a moment later.
    async fn look(self: &Arc<Self>, docker: &Docker, container: &str) {
        if self.look_once(docker, container, false).await {
            return;
        }
        let (shared, docker, container) = (self.clone(), docker.clone(), container.to_owned());
        self.core.tasks.spawn(async move {
            tokio::time::sleep(WHO).await;
            shared.look_once(&docker, &container, true).await;
        });
    }

    /// Answers false when it was killed, nobody is known to have wanted that, and it is not `late`.
    async fn look_once(self: &Arc<Self>, docker: &Docker, container: &str, is_late: bool) -> bool {
        let _alone = self.looking.lock().await;
        let inspected = match tokio::time::timeout(LIMIT, docker.inspect_container(container, None)).await {
            Ok(Ok(inspected)) => inspected,
            Ok(Err(error)) => {
                match is_absent(&error) {
                    true => self.gone(container),
                    false => tracing::warn!(error = words(&error), container, "container_not_inspected"),
                }
                return true;
            }
            Err(_) => {
                tracing::warn!(container, "container_not_inspected_in_time");
                return true;
            }
        };
        // It may have been asked for by its name.
        let container = inspected.id.clone().unwrap_or_else(|| container.to_owned());
        let container = container.as_str();
        let mut state = self.lock();
        let before = state.known.get(container).cloned();
        let is_watched = matches!(state.link, Link::Up(_));
        let was_asked = |ended: &Ended| match before.as_ref().map(|known| &known.observation) {
            _ if state.asked.contains_key(container) => true,
            // Said of this end already.
            Some(Observation::Ended(known)) if known.at == ended.at => known.was_asked,
            // Nobody has seen it end: by these signals people end what runs.
            _ if !is_watched => matches!(ended.signal, Some(9 | 15)) && !ended.oom,
            _ => false,
        };
        let Some(mut known) = Known::read(inspected, was_asked) else { return true };
        if !self.host.is_local() {
            known.wiring.ports.clear();
        }
        let is_killed = matches!(&known.observation, Observation::Ended(Ended { signal: Some(9 | 15), oom: false, was_asked: false, .. }));
        let is_news = before.as_ref().is_none_or(|before| before.observation != known.observation);
        if is_killed && is_news && !is_late {
            return false;
        }
        if is_news && matches!(known.observation, Observation::Running { .. }) {
            state.asked.remove(container);
        }
        if before.as_ref() == Some(&known) {
            return true;
        }
        let name = known.container.name.clone();
        if let Some(old) = before.map(|known| known.container.name).filter(|old| *old != name) {
            state.names.remove(&old);
        }
        state.names.insert(name.clone(), container.to_owned());
        state.known.insert(container.to_owned(), known);
        let service = state.service(&name);
        drop(state);
        match service {
            Some(id) => {
                self.take_log(id);
                self.tell(id);
            }
            None => self.discovered.notify_one(),
        }
        true
    }

    /// Tells what a service does, when that is new.
    fn tell(&self, id: ServiceId) {
        let mut state = self.lock();
        let now = (state.observe(id), state.of(id).and_then(|known| known.container.own_health.clone()));
        if state.told.get(&id) == Some(&now) || now.0 == Observation::Absent && !state.told.contains_key(&id) {
            return;
        }
        state.told.insert(id, now.clone());
        // In order: told while the state is locked.
        let _ = self.events.send((id, now.0));
    }

    /// Starts a container that is there.
    async fn run(self: &Arc<Self>, docker: &Docker, container: &str) -> Result<()> {
        let started = docker.start_container(container, None).await;
        self.look(docker, container).await;
        started.map_err(|error| failed("it can't be started", &error))
    }

    /// Makes a container and starts it, in a task of its own.
    fn make(self: &Arc<Self>, docker: Docker, id: ServiceId, new: NewContainer) {
        self.lock().services.entry(id).or_insert_with(|| make::name(id));
        let image = new.image.clone();
        let (shared, shutdown) = (self.clone(), self.core.shutdown.clone());
        let (allowed, go) = tokio::sync::oneshot::channel::<()>();
        let task = self.core.tasks.spawn(async move {
            let making = async {
                // What it tells comes after what is told here.
                if go.await.is_err() {
                    return;
                }
                let made = async {
                    make::make(&docker, id, &new, &|label| shared.prepare(id, label, 1)).await?;
                    shared.look_by_name(&docker, id).await;
                    shared.prepare(id, "starting the container".into(), 2);
                    shared.run(&docker, &make::name(id)).await
                };
                let done = made.await;
                shared.made(id, done);
            };
            shutdown.run_until_cancelled(making).await;
        });
        let first = Observation::Preparing { label: format!("looking for the image {image}"), step: 1, steps: 2 };
        self.lock().making.insert(id, (first, task.abort_handle()));
        self.tell(id);
        let _ = allowed.send(());
    }

    /// Says what is being done to make the container of a service.
    fn prepare(&self, id: ServiceId, label: String, step: u32) {
        if let Some((making @ Observation::Preparing { .. }, _)) = self.lock().making.get_mut(&id) {
            *making = Observation::Preparing { label, step, steps: 2 };
        }
        self.tell(id);
    }

    fn made(self: &Arc<Self>, id: ServiceId, done: Result<()>) {
        let mut state = self.lock();
        match done {
            Ok(()) => drop(state.making.remove(&id)),
            Err(error) => {
                let failed = Ended { start_failure: Some(error.message), ..self.ended() };
                if let Some((making, _)) = state.making.get_mut(&id) {
                    *making = Observation::Ended(failed);
                }
            }
        }
        drop(state);
        self.tell(id);
        self.take_log(id);
    }

    /// Ends the making of a container. Answers whether it was being made.
    fn stop_making(&self, id: ServiceId) -> bool {
        let mut state = self.lock();
        let Some((making @ Observation::Preparing { .. }, task)) = state.making.get_mut(&id) else { return false };
        task.abort();
        *making = Observation::Ended(Ended { was_asked: true, ..self.ended() });
        drop(state);
        self.tell(id);
        true
    }

    fn forget(&self, id: ServiceId) {
        let mut state = self.lock();
        state.services.remove(&id);
        state.making.remove(&id);
        state.cpu.remove(&id);
        state.told.remove(&id);
    }

    fn ended(&self) -> Ended {
        Ended { code: None, signal: None, oom: false, began: None, at: self.core.clock.now(), was_asked: false, start_failure: None }
    }

    /// Looks at the container that Pilothouse has made for a service, of which no event may have come yet.
    async fn look_by_name(self: &Arc<Self>, docker: &Docker, id: ServiceId) {
        let there = tokio::time::timeout(LIMIT, docker.inspect_container(&make::name(id), None)).await;
        if let Ok(Ok(there)) = there
            && let Some(container) = there.id
        {
            self.look(docker, &container).await;
        }
    }

    /// Takes the log of a service's container into its own until the container ends; once more, when that is being done.
    fn take_log(self: &Arc<Self>, id: ServiceId) {
        let mut state = self.lock();
        if !state.of(id).is_some_and(|known| known.has_run) {
            return;
        }
        if let Some(again) = state.taking.get_mut(&id) {
            *again = true;
            return;
        }
        state.taking.insert(id, false);
        drop(state);
        let (shared, shutdown) = (self.clone(), self.core.shutdown.clone());
        self.core.tasks.spawn(async move { shutdown.run_until_cancelled(shared.keep_taking_log(id)).await });
    }

    async fn keep_taking_log(&self, id: ServiceId) {
        let mut pause = LOG_PAUSE;
        loop {
            let place = {
                let state = self.lock();
                let is_up = matches!(state.link, Link::Up(_));
                state.docker.clone().zip(state.of(id).map(|known| known.container.id.clone())).filter(|_| is_up)
            };
            let taken = match place {
                Some((docker, container)) => logs::follow(&docker, &container, log_folder(&self.core, id)).await,
                None => Ok(()),
            };
            match taken {
                // It has ended, and its end is told in a moment.
                Ok(()) => {
                    let told = async {
                        while matches!(self.lock().observe(id), Observation::Running { .. }) {
                            tokio::time::sleep(LOOK).await;
                        }
                    };
                    // Else the log was broken off.
                    let _ = tokio::time::timeout(WHO, told).await;
                }
                Err(error) => {
                    tracing::warn!(error, service = %id, "container_log_broken_off");
                    pause = (pause * 2).min(LONGEST_LOG_PAUSE);
                    tokio::time::sleep(pause).await;
                }
            }
            let mut state = self.lock();
            let is_running = matches!(state.observe(id), Observation::Running { .. });
            let again = state.taking.get_mut(&id).is_some_and(std::mem::take);
            if !again && !is_running {
                state.taking.remove(&id);
                return;
            }
        }
    }
}

impl State {
    /// The service whose container has that name.
    fn service(&self, name: &str) -> Option<ServiceId> {
        self.services.iter().find(|(_, one)| *one == name).map(|(id, _)| *id)
    }
}

/// What Docker said, without its status.
fn words(error: &DockerError) -> String {
    match error {
        DockerError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
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
