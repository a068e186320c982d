//! The runtime of processes on this machine, each with a supervisor of its own.
//!
//! Services live in `run/{id}` of the data folder: see [`supervisor`] for what is there and who writes it. Pilothouse itself
//! holds nothing that a restart would lose: it reads the run folders and connects to the supervisors.

mod aside;
mod cgroup;
mod folder;
mod fork_server;
mod handover;
pub mod prepared;
mod procfs;
pub(super) mod sockets;
mod state;
mod stats;
pub mod supervisor;
mod unit;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{Error, Result, RuntimeKind, ServiceId};
use async_trait::async_trait;
use tokio::sync::mpsc;

pub use self::aside::{Aside, How, Ran};
use self::cgroup::Controller;
use self::folder::RunFolder;
use self::procfs::{Kin, boot_id};
use self::state::{Phase, State};
use self::stats::Sampler;
use self::unit::{Shared, Unit, starting};
use super::{Capabilities, Connection, HandOver, HandedOver, HandedSocket, Launch, Observation, ProcessLaunch, Runtime, Stats};
use crate::Core;

/// How much longer than its grace a stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(45);

/// Runs services as processes.
pub struct ProcessRuntime {
    shared: Arc<Shared>,
    units: Mutex<HashMap<ServiceId, Arc<Unit>>>,
    sampler: Arc<Sampler>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>>>,
}

/// The folder with the logs of a service; it may not be there.
pub fn log_folder(core: &Core, id: ServiceId) -> PathBuf {
    run_folder(core, id).log()
}

pub(super) fn run_folder(core: &Core, id: ServiceId) -> RunFolder {
    RunFolder::new(runs(core).join(id.to_string()))
}

fn runs(core: &Core) -> PathBuf {
    core.config.data_dir.join("run")
}

impl ProcessRuntime {
    /// One that knows nothing yet; `observe_all` finds what there is.
    pub fn new(core: Arc<Core>) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        Self { shared: Shared::new(core, events), units: Mutex::default(), sampler: Arc::default(), receiver: Mutex::new(Some(receiver)) }
    }

    /// The service of that id, looked for in its run folder when it isn't known.
    async fn unit(&self, id: ServiceId) -> Result<Arc<Unit>> {
        if let Some(unit) = self.lock().get(&id) {
            return Ok(unit.clone());
        }
        let folder = run_folder(&self.shared.core, id);
        let looked_at = folder.clone();
        let state = blocking(move || find(&looked_at)).await?;
        Ok(self.insert(id, folder, state))
    }

    fn insert(&self, id: ServiceId, folder: RunFolder, state: Option<State>) -> Arc<Unit> {
        let mut units = self.lock();
        if let Some(unit) = units.get(&id) {
            return unit.clone();
        }
        let unit = Unit::new(id, folder, state);
        units.insert(id, unit.clone());
        drop(units);
        if unit.is_live() {
            unit.clone().follow(self.shared.clone());
        }
        unit
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServiceId, Arc<Unit>>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    fn kind(&self) -> RuntimeKind {
        RuntimeKind::Process
    }

    fn capabilities(&self) -> Capabilities {
        // In a container Pilothouse is the first process, and all others end with it.
        let is_first = std::process::id() == 1;
        let notes = if is_first { vec!["services end with the container that Pilothouse runs in".into()] } else { Vec::new() };
        Capabilities { outlives_pilothouse: !is_first, notes }
    }

    fn spawn(&self) {
        if let Err(error) = cgroup::make_room() {
            tracing::info!(%error, "control_groups_not_used");
        }
    }

    async fn probe(&self) -> Result<String> {
        let program = self.shared.core.config.program.clone();
        blocking(move || {
            boot_id().map_err(|error| io::Error::other(format!("/proc can't be read ({error}); mount it")))?;
            let is_there = std::fs::metadata(&program).is_ok_and(|meta| meta.is_file());
            if !is_there {
                return Err(io::Error::other(format!("the supervisor {} is gone; restart Pilothouse", program.display())));
            }
            let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
            Ok(format!("processes of this machine, Linux {}; {}", release.trim(), limits()))
        })
        .await
    }

    async fn preparation(&self, _id: ServiceId, launch: &Launch) -> Result<Vec<String>> {
        let Launch::Process(ProcessLaunch { prepare: Some(prepare), .. }) = launch else { return Ok(Vec::new()) };
        let (marker, steps) = (prepare.marker.clone(), prepare.steps.iter().map(|step| step.label.clone()).collect());
        blocking(move || Ok(if marker.exists() { Vec::new() } else { steps })).await
    }

    async fn start(&self, id: ServiceId, launch: Launch) -> Result<()> {
        let Launch::Process(launch) = launch else { return Err(not_a_process()) };
        let unit = self.unit(id).await?;
        let _change = unit.change.lock().await;
        if unit.is_live() {
            return Ok(());
        }
        unit.forget_asks().await;
        let folder = unit.folder.clone();
        let boot_id = blocking(move || {
            folder.create()?;
            folder.set_launch(&launch)?;
            boot_id()
        })
        .await?;
        if let Err(error) = unit.supervise(&self.shared).await {
            let folder = unit.folder.clone();
            blocking(move || folder.clear_launch()).await?;
            return Err(error);
        }
        self.sampler.forget(id);
        unit.tell(Some(starting(boot_id)), &self.shared);
        unit.clone().follow(self.shared.clone());
        Ok(())
    }

    async fn stop(&self, id: ServiceId, grace: Duration) -> Result<()> {
        let unit = self.unit(id).await?;
        if !unit.is_live() {
            return Ok(());
        }
        match tokio::time::timeout(grace.saturating_add(STOP_PATIENCE), unit.stop(grace)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::service("it doesn't end although it was killed; look at its processes and at its log")),
        }
    }

    fn socket(&self, id: ServiceId) -> Option<HandedSocket> {
        self.lock().get(&id)?.state.borrow().as_ref()?.handed()
    }

    async fn hand_over(&self, id: ServiceId, order: HandOver, told: &(dyn Fn(String) + Send + Sync)) -> Result<HandedOver> {
        let unit = self.unit(id).await?;
        let _change = unit.change.lock().await;
        let outcome = unit.hand_over(order, told).await?;
        self.sampler.forget(id);
        Ok(outcome)
    }

    async fn remove(&self, id: ServiceId) -> Result<()> {
        let unit = self.unit(id).await?;
        let _change = unit.change.lock().await;
        if unit.is_live() {
            return Err(Error::conflict("it runs; stop it first"));
        }
        let folder = unit.folder.clone();
        blocking(move || match std::fs::remove_dir_all(folder.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await?;
        self.lock().remove(&id);
        self.sampler.forget(id);
        Ok(())
    }

    async fn observe(&self, id: ServiceId) -> Result<Observation> {
        Ok(self.unit(id).await?.observation())
    }

    async fn observe_all(&self) -> Result<Vec<(ServiceId, Observation)>> {
        let runs = runs(&self.shared.core);
        for (id, folder, state) in blocking(move || find_all(&runs)).await? {
            self.insert(id, folder, state);
        }
        let units = self.lock();
        let observations = units.values().map(|unit| (unit.id, unit.observation()));
        Ok(observations.filter(|(_, observation)| *observation != Observation::Absent).collect())
    }

    async fn stats(&self, id: ServiceId) -> Result<Option<Stats>> {
        let unit = self.unit(id).await?;
        let kin = match unit.state.borrow().as_ref() {
            Some(State { phase: Phase::Running { root, .. }, sessions, .. }) => {
                Kin { root: Some(*root), supervisors: sessions.clone(), ..Kin::default() }
            }
            _ => return Ok(None),
        };
        self.sampler.stats(id, kin).await
    }

    async fn connections(&self, trees: Vec<(ServiceId, Vec<u32>)>) -> Result<Vec<Connection>> {
        blocking(move || {
            let opened = sockets::opened();
            let of_tree = |from: ServiceId, pids: Vec<u32>| {
                // A process shares its sockets with those that it has forked: each counts once.
                let own: HashMap<u64, sockets::Open> = pids.into_iter().flat_map(|pid| sockets::of_process(pid, &opened)).collect();
                own.into_values().map(move |open| Connection { from, to: open.remote, is_here: open.is_here() }).collect::<Vec<_>>()
            };
            let has_any = !opened.is_empty();
            Ok(trees.into_iter().filter(|_| has_any).flat_map(|(from, pids)| of_tree(from, pids)).collect())
        })
        .await
    }

    fn take_events(&self) -> Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Which limits hold here, in words.
fn limits() -> String {
    let held = cgroup::available();
    let words = [(Controller::Memory, "memory"), (Controller::Cpu, "CPU"), (Controller::Pids, "processes")];
    let named = |is_held: bool| {
        let some = words.iter().filter(|(controller, _)| held.contains(controller) == is_held).map(|(_, word)| *word);
        some.collect::<Vec<_>>().join(", ")
    };
    match (held.len(), named(false)) {
        (3, _) => "limits of memory, CPU and processes are held by control groups".into(),
        (0, _) => {
            "without control groups that it may make, limits of CPU aren't held, and those of memory and processes only roughly".into()
        }
        (_, missing) => format!("control groups hold limits of {}, and none of {missing}", named(true)),
    }
}

fn not_a_process() -> Error {
    tracing::error!("container_given_to_the_process_runtime");
    Error::internal()
}

/// Every run folder with what it says.
fn find_all(runs: &std::path::Path) -> io::Result<Vec<(ServiceId, RunFolder, Option<State>)>> {
    let entries = match std::fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<ServiceId>().ok()) else { continue };
        let folder = RunFolder::new(entry.path());
        match find(&folder) {
            Ok(state) => found.push((id, folder, state)),
            Err(error) => tracing::error!(%error, service = %id, "run_folder_not_read"),
        }
    }
    Ok(found)
}

/// What a run folder says, with what a restart of the machine has ended.
fn find(folder: &RunFolder) -> io::Result<Option<State>> {
    let Some(mut state) = folder.state()? else {
        // Ordered, and the supervisor had no time to say so.
        return folder.launch()?.map(|_| boot_id().map(starting)).transpose();
    };
    if !state.is_ended() && state.boot_id != boot_id()? {
        let at = crate::Clock::System.now();
        state.phase = Phase::Ended { code: None, signal: None, oom: false, at, start_failure: None };
        folder.set_state(&state)?;
    }
    Ok(Some(state))
}

/// Does file work off the async threads. A failure is logged here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::error!(%error, "process_runtime_failed");
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return Err(Error::storage_full("the disk of the data folder"));
            }
            Err(Error::service(format!("the process runtime has failed: {error}")))
        }
        Err(error) => {
            tracing::error!(%error, "process_runtime_failed");
            Err(Error::internal())
        }
    }
}
