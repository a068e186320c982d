//! A runtime without processes, for tests of what stands on the runtimes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{ImagePush, ReleaseId, Result, RuntimeKind, ServiceId};
use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{
    Capabilities, Connection, Ended, Found, HandOver, HandedOver, HandedSocket, Launch, NewContainer, Observation, ProcessLaunch, Runtime,
    Stats, Tell, Wiring,
};
use crate::Clock;

/// Keeps in memory what a runtime would run. Starts and stops succeed at once, unless a test says otherwise.
pub struct FakeRuntime {
    kind: RuntimeKind,
    clock: Clock,
    state: Mutex<State>,
    next_pid: AtomicU32,
    events: mpsc::UnboundedSender<(ServiceId, Observation)>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>>>,
}

#[derive(Default)]
struct State {
    observations: HashMap<ServiceId, Observation>,
    launches: HashMap<ServiceId, Vec<ProcessLaunch>>,
    stats: HashMap<ServiceId, Stats>,
    refusals: HashMap<ServiceId, String>,
    found: Vec<Found>,
    wirings: HashMap<ServiceId, Wiring>,
    connections: Vec<Connection>,
    refuses_stops: bool,
    holds_handovers: bool,
    holds_starts: bool,
    sockets: HashMap<ServiceId, HandedSocket>,
    pushed: Vec<String>,
}

impl FakeRuntime {
    /// One for processes that runs nothing.
    pub fn new(clock: Clock) -> Self {
        Self::of_kind(RuntimeKind::Process, clock)
    }

    /// One that runs nothing.
    pub fn of_kind(kind: RuntimeKind, clock: Clock) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        Self { kind, clock, state: Mutex::default(), next_pid: AtomicU32::new(1000), events, receiver: Mutex::new(Some(receiver)) }
    }

    /// Every launch of a service as a process, oldest first.
    pub fn launches(&self, id: ServiceId) -> Vec<ProcessLaunch> {
        self.lock().launches.get(&id).cloned().unwrap_or_default()
    }

    /// The names that images were pushed to, oldest first.
    pub fn pushed(&self) -> Vec<String> {
        self.lock().pushed.clone()
    }

    /// Says what a service is doing, as if it had changed by itself.
    pub fn set(&self, id: ServiceId, observation: Observation) {
        self.lock().observations.insert(id, observation.clone());
        let _ = self.events.send((id, observation));
    }

    /// Ends a running service by itself, with this exit code.
    pub fn crash(&self, id: ServiceId, code: i32) {
        self.set(id, Observation::Ended(Ended { code: Some(code), ..self.ended() }));
    }

    /// Lets the next starts of a service end with this `start_failure`; none lets them succeed again.
    pub fn refuse_starts(&self, id: ServiceId, failure: Option<&str>) {
        match failure {
            Some(failure) => self.lock().refusals.insert(id, failure.into()),
            None => self.lock().refusals.remove(&id),
        };
    }

    /// Says what is there without being a service.
    pub fn set_found(&self, found: Vec<Found>) {
        self.lock().found = found;
    }

    /// Says what the container of a service says of others.
    pub fn set_wiring(&self, id: ServiceId, wiring: Wiring) {
        self.lock().wirings.insert(id, wiring);
    }

    /// Says which connections are open.
    pub fn set_connections(&self, open: Vec<Connection>) {
        self.lock().connections = open;
    }

    /// Lets stops fail; what runs goes on running.
    pub fn refuse_stops(&self, refuses: bool) {
        self.lock().refuses_stops = refuses;
    }

    /// Lets starts wait until this is taken back; they are among the launches.
    pub fn hold_starts(&self, holds: bool) {
        self.lock().holds_starts = holds;
    }

    /// Lets restarts without a break wait until this is taken back.
    pub fn hold_handovers(&self, holds: bool) {
        self.lock().holds_handovers = holds;
    }

    /// Says which socket what runs was handed, by a runtime before this one.
    pub fn set_socket(&self, id: ServiceId, socket: HandedSocket) {
        self.lock().sockets.insert(id, socket);
    }

    /// Says what a service uses while it runs.
    pub fn set_stats(&self, id: ServiceId, stats: Stats) {
        self.lock().stats.insert(id, stats);
    }

    fn ended(&self) -> Ended {
        Ended { code: None, signal: None, oom: false, began: None, at: self.clock.now(), was_asked: false, start_failure: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Runtime for FakeRuntime {
    fn kind(&self) -> RuntimeKind {
        self.kind
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { outlives_pilothouse: false, notes: vec!["it is a fake, for tests".into()] }
    }

    fn discover(&self) -> Option<Vec<Found>> {
        Some(self.lock().found.clone())
    }

    fn wiring(&self, id: ServiceId) -> Option<Wiring> {
        self.lock().wirings.get(&id).cloned()
    }

    async fn connections(&self, trees: Vec<(ServiceId, Vec<u32>)>) -> Result<Vec<Connection>> {
        let open = self.lock().connections.clone();
        Ok(open.into_iter().filter(|one| trees.iter().any(|(id, _)| *id == one.from)).collect())
    }

    async fn probe(&self) -> Result<String> {
        Ok("a fake, for tests".into())
    }

    async fn release_image(&self, _id: ServiceId, new: &NewContainer, release: ReleaseId, _tell: &Tell) -> Result<Option<String>> {
        let id = format!("sha256:{:0>64}", release.0.simple());
        Ok((self.kind == RuntimeKind::Docker).then(|| if new.build.is_some() { id } else { new.image.clone() }))
    }

    async fn push_image(&self, _id: ServiceId, release: ReleaseId, push: &ImagePush, tag: &str, _tell: &Tell) -> Result<Option<String>> {
        self.lock().pushed.push(format!("{}:{tag}", push.image));
        Ok(Some(format!("{}@sha256:{:1>64}", push.image, release.0.simple())))
    }

    async fn start(&self, id: ServiceId, launch: Launch) -> Result<()> {
        if matches!(self.observe(id).await?, Observation::Running { .. } | Observation::Preparing { .. }) {
            return Ok(());
        }
        if let Launch::Process(launch) = launch {
            self.lock().launches.entry(id).or_default().push(launch);
        }
        while self.lock().holds_starts {
            tokio::task::yield_now().await;
        }
        // Whoever holds starts may still say what becomes of them.
        let refusal = self.lock().refusals.get(&id).cloned();
        self.set(
            id,
            match refusal {
                Some(failure) => Observation::Ended(Ended { start_failure: Some(failure), ..self.ended() }),
                None => {
                    let pid = self.next_pid.fetch_add(1, Ordering::Relaxed);
                    Observation::Running { pid, started_at: self.clock.now() }
                }
            },
        );
        Ok(())
    }

    async fn stop(&self, id: ServiceId, _grace: Duration) -> Result<()> {
        if self.lock().refuses_stops {
            return Err(api::Error::unavailable("a test said no"));
        }
        if matches!(self.observe(id).await?, Observation::Running { .. } | Observation::Preparing { .. }) {
            self.set(id, Observation::Ended(Ended { signal: Some(15), was_asked: true, ..self.ended() }));
        }
        Ok(())
    }

    fn socket(&self, id: ServiceId) -> Option<HandedSocket> {
        let state = self.lock();
        let of_launch = || Some(HandedSocket { port: state.launches.get(&id)?.last()?.socket?, last: None });
        let is_running = matches!(state.observations.get(&id), Some(Observation::Running { .. }));
        state.sockets.get(&id).copied().or_else(of_launch).filter(|_| is_running)
    }

    async fn hand_over(&self, id: ServiceId, order: HandOver, told: &(dyn Fn(String) + Send + Sync)) -> Result<HandedOver> {
        let Some(socket) = self.socket(id) else { return Ok(HandedOver::Impossible) };
        let is_known = socket.last == Some(order.number);
        if !is_known && order.launch.as_ref().is_none_or(|launch| launch.socket.is_none()) {
            return Ok(HandedOver::Impossible);
        }
        told("a new copy is started".into());
        if let Some(failure) = self.lock().refusals.get(&id).cloned() {
            return Ok(HandedOver::Failed(failure));
        }
        while self.lock().holds_handovers {
            tokio::task::yield_now().await;
        }
        self.lock().launches.entry(id).or_default().extend(order.launch);
        let pid = self.next_pid.fetch_add(1, Ordering::Relaxed);
        self.set(id, Observation::Running { pid, started_at: self.clock.now() });
        Ok(HandedOver::Done)
    }

    async fn remove(&self, id: ServiceId) -> Result<()> {
        if matches!(self.observe(id).await?, Observation::Running { .. } | Observation::Preparing { .. }) {
            return Err(api::Error::conflict("it runs; stop it first"));
        }
        let mut state = self.lock();
        state.observations.remove(&id);
        state.stats.remove(&id);
        Ok(())
    }

    async fn observe(&self, id: ServiceId) -> Result<Observation> {
        Ok(self.lock().observations.get(&id).cloned().unwrap_or(Observation::Absent))
    }

    async fn observe_all(&self) -> Result<Vec<(ServiceId, Observation)>> {
        Ok(self.lock().observations.iter().map(|(id, observation)| (*id, observation.clone())).collect())
    }

    async fn stats(&self, id: ServiceId) -> Result<Option<Stats>> {
        let Observation::Running { pid, .. } = self.observe(id).await? else { return Ok(None) };
        let known = self.lock().stats.get(&id).cloned();
        Ok(Some(known.unwrap_or_else(|| Stats { pids: vec![pid], ..Stats::default() })))
    }

    fn take_events(&self) -> Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    crate::conformance!(|_folder| (crate::runtime::FakeRuntime::new(crate::Clock::System), ()), crate::runtime::conformance::process);
}
