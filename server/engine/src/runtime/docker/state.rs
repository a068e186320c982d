//! What is known of the containers: told by the engine, looked at, and told on when it is new.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::ServiceId;
use bollard::Docker;

use super::seen::Known;
use super::{Ended, LIMIT, Link, Observation, Shared, State, WHO, is_absent, words};

/// How long a container that was asked to end counts as asked.
const ASKED: Duration = Duration::from_secs(900);

impl State {
    pub(super) fn of(&self, id: ServiceId) -> Option<&Known> {
        self.known.get(self.names.get(self.services.get(&id)?)?)
    }

    /// Whether a container was made for that network.
    pub(super) fn is_used(&self, network: &str) -> bool {
        self.known.values().any(|known| known.network.as_deref() == Some(network))
    }

    pub(super) fn is_making(&self, id: ServiceId) -> bool {
        matches!(self.making.get(&id), Some((Observation::Preparing { .. }, _)))
    }

    pub(super) fn observe(&self, id: ServiceId) -> Observation {
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

    /// The service whose container has that name.
    pub(super) fn service(&self, name: &str) -> Option<ServiceId> {
        self.services.iter().find(|(_, one)| *one == name).map(|(id, _)| *id)
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_docker(&self, docker: Docker) {
        self.lock().docker = Some(docker);
    }

    /// The engine answers, and all its containers are known.
    pub(super) fn found(self: &Arc<Self>, link: Link) {
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
    pub(super) fn lost(&self, reason: &str) {
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
    pub(super) fn asked(&self, container: &str) {
        let mut state = self.lock();
        state.asked.retain(|_, at| at.elapsed() < ASKED);
        state.asked.insert(container.to_owned(), Instant::now());
    }

    /// Forgets the containers that aren't among these.
    pub(super) fn retain(&self, ids: &[String]) {
        let gone: Vec<String> = self.lock().known.keys().filter(|id| !ids.contains(id)).cloned().collect();
        for id in gone {
            self.gone(&id);
        }
    }

    /// A container isn't there any more.
    pub(super) fn gone(&self, container: &str) {
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
    pub(super) async fn look(self: &Arc<Self>, docker: &Docker, container: &str) {
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
    pub(super) async fn look_once(self: &Arc<Self>, docker: &Docker, container: &str, is_late: bool) -> bool {
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
    pub(super) fn tell(&self, id: ServiceId) {
        let mut state = self.lock();
        let now = (state.observe(id), state.of(id).and_then(|known| known.container.own_health.clone()));
        if state.told.get(&id) == Some(&now) || now.0 == Observation::Absent && !state.told.contains_key(&id) {
            return;
        }
        state.told.insert(id, now.clone());
        // In order: told while the state is locked.
        let _ = self.events.send((id, now.0));
    }

    pub(super) fn forget(&self, id: ServiceId) {
        let mut state = self.lock();
        state.services.remove(&id);
        state.making.remove(&id);
        state.cpu.remove(&id);
        state.told.remove(&id);
    }

    pub(super) fn ended(&self) -> Ended {
        Ended { code: None, signal: None, oom: false, began: None, at: self.core.clock.now(), was_asked: false, start_failure: None }
    }
}
