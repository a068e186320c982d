//! What runs services: one trait, one folder per driver.
//!
//! Methods are idempotent: starting what runs and stopping what doesn't succeed. What a driver can't do is in its
//! [`Capabilities`], never an error found by clicking.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use api::{ResourceUsage, Result, RuntimeKind, ServiceId, Timestamp};
use async_trait::async_trait;
use tokio::sync::mpsc;

#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod conformance;
#[cfg(any(test, feature = "testing"))]
mod fake;
pub mod process;

#[cfg(any(test, feature = "testing"))]
pub use fake::FakeRuntime;

/// One way of running services.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> RuntimeKind;

    /// What it can do here.
    fn capabilities(&self) -> Capabilities;

    /// Whether it works: a sentence with its version, or why not and what to do.
    async fn probe(&self) -> Result<String>;

    /// Starts a service and answers once it is under way, before it is prepared. Does nothing when it runs.
    async fn start(&self, id: ServiceId, launch: Launch) -> Result<()>;

    /// Asks a service to end, waits `grace`, then kills it with all its descendants. Answers when nothing of it runs.
    async fn stop(&self, id: ServiceId, grace: Duration) -> Result<()>;

    /// Removes all traces of a stopped service: run folder and logs.
    async fn remove(&self, id: ServiceId) -> Result<()>;

    /// What a service is doing.
    async fn observe(&self, id: ServiceId) -> Result<Observation>;

    /// What every service that this runtime knows is doing; finds again what runs after a restart of Pilothouse.
    async fn observe_all(&self) -> Result<Vec<(ServiceId, Observation)>>;

    /// What a running service uses, with its processes and ports; none when it doesn't run. `cpu_percent` is over the time since the last call.
    async fn stats(&self, id: ServiceId) -> Result<Option<Stats>>;

    /// Changes as they happen. Can be taken once; the receiver must be read.
    fn take_events(&self) -> Option<mpsc::UnboundedReceiver<(ServiceId, Observation)>>;
}

/// What a runtime can do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether services live on when Pilothouse ends.
    pub outlives_pilothouse: bool,
    /// Why not, or what else is limited, for people.
    pub notes: Vec<String>,
}

/// All that is needed to run a service as a process. Built by the services manager from specification and folder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Launch {
    /// The service's name, for its log.
    pub name: String,
    /// What must be made before, once for all services that share it.
    pub prepare: Option<Prepare>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Absolute path.
    pub working_dir: PathBuf,
    /// The whole environment: allow-list of Pilothouse's own, `.env`, the service's, `PORT`.
    pub environment: BTreeMap<String, String>,
}

/// A virtual environment to be made. The supervisor locks `lock`, skips all when `marker` exists, else runs `steps` one after the
/// other with their output in the service's log as stream `prepare`, and writes `marker`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Prepare {
    /// Locked while it is being made; its folder is created.
    pub lock: PathBuf,
    /// Exists when it is complete.
    pub marker: PathBuf,
    /// What is done, each with words for people ("installing 12 requirements"). Run in the service's folder.
    pub steps: Vec<PrepareStep>,
    /// The whole environment of the steps. It may hold passwords of package indexes, which the service itself doesn't get.
    pub environment: BTreeMap<String, String>,
}

/// One step of a preparation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PrepareStep {
    /// What it does, for people.
    pub label: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// What a service is doing, as its runtime sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The runtime knows nothing of it.
    Absent,
    /// It is being prepared: the label of the step, its number from 1, and of how many.
    Preparing {
        /// What is done now.
        label: String,
        /// Number of the step, from 1.
        step: u32,
        /// How many steps there are.
        steps: u32,
    },
    /// It runs.
    Running {
        /// The root of its process tree.
        pid: u32,
        /// When it was started.
        started_at: Timestamp,
    },
    /// It ran and ended, or could not be started.
    Ended(Ended),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether the kernel killed it for want of memory.
    pub oom: bool,
    /// When.
    pub at: Timestamp,
    /// Whether it ended because `stop` was called.
    pub was_asked: bool,
    /// Why it never ran: the failing step of the preparation, a missing program. None when it ran.
    pub start_failure: Option<String>,
}

/// What a running service uses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Figures for the whole process tree.
    pub usage: ResourceUsage,
    /// The process ids of the tree; the first is its root.
    pub pids: Vec<u32>,
    /// Every TCP port that the tree listens on.
    pub listening_ports: Vec<u16>,
}
