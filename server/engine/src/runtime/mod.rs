//! What runs services: one trait, one folder per driver.
//!
//! Methods are idempotent: starting what runs and stopping what doesn't succeed. What a driver can't do is in its
//! [`Capabilities`], never an error found by clicking.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use api::{
    Container, ContainerOptions, ImageBuild, ImagePush, Limits, RegistryAccount, ReleaseId, ResourceUsage, Result, RuntimeKind, ServiceId,
    ServiceSpec, Timestamp,
};
use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::references::Reference;

#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod conformance;
pub mod docker;
#[cfg(any(test, feature = "testing"))]
mod fake;
pub mod process;
mod router;
mod telling;

#[cfg(any(test, feature = "testing"))]
pub use fake::FakeRuntime;
pub use router::Runtimes;
pub use telling::{Said, Tell};

/// One way of running services.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> RuntimeKind;

    /// What it can do here.
    fn capabilities(&self) -> Capabilities;

    /// Whether there is reason to speak of it: it is here, somebody has said where it is, or a service needs it.
    fn is_used(&self) -> bool {
        true
    }

    /// Begins its work in the background, until shutdown.
    fn spawn(&self) {}

    /// Learns which service an id is of, before it is asked anything else of it, and whenever that has changed.
    fn adopt(&self, _id: ServiceId, _spec: &ServiceSpec) {}

    /// What runs, or could, without being of a service that it has adopted; none while it doesn't know.
    fn discover(&self) -> Option<Vec<Found>> {
        Some(Vec::new())
    }

    /// Waits until [`Runtime::discover`] may answer something else.
    async fn discovered(&self) {
        std::future::pending().await
    }

    /// The container of a service, when there is one.
    fn container(&self, _id: ServiceId) -> Option<Container> {
        None
    }

    /// What the container of a service says of others, when there is one.
    fn wiring(&self, _id: ServiceId) -> Option<Wiring> {
        None
    }

    /// The TCP connections that these processes have opened and that are open now; each is of the service beside it.
    async fn connections(&self, _trees: Vec<(ServiceId, Vec<u32>)>) -> Result<Vec<Connection>> {
        Ok(Vec::new())
    }

    /// Whether it works: a sentence with its version, or why not and what to do.
    async fn probe(&self) -> Result<String>;

    /// What a start would do before the service runs, in words and in order. Fails with what would be in its way.
    async fn preparation(&self, _id: ServiceId, _launch: &Launch) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Makes sure that the image of a container is there, as new as its registry has it, without starting anything, and keeps it for that release;
    /// answers what it is pinned by. None where nothing is made of images.
    async fn release_image(&self, _id: ServiceId, _new: &NewContainer, _release: ReleaseId, _tell: &Tell) -> Result<Option<String>> {
        Ok(None)
    }

    /// Pushes the image of a release by that tag, and answers what pins it in its registry: `name@sha256:..`. None where nothing is made of images.
    async fn push_image(&self, _id: ServiceId, _release: ReleaseId, _push: &ImagePush, _tag: &str, _tell: &Tell) -> Result<Option<String>> {
        Ok(None)
    }

    /// Takes the name that a push needs here off the image of a release.
    async fn forget_pushed(&self, _id: ServiceId, _release: ReleaseId, _name: &str) {}

    /// Lets the image of a release go.
    async fn forget_image(&self, _id: ServiceId, _release: ReleaseId) {}

    /// Starts a service and answers once it is under way, before it is prepared. Does nothing when it runs.
    async fn start(&self, id: ServiceId, launch: Launch) -> Result<()>;

    /// Asks a service to end, waits `grace`, then kills it with all its descendants. Answers when nothing of it runs.
    async fn stop(&self, id: ServiceId, grace: Duration) -> Result<()>;

    /// The listening socket that what runs was handed, when it can be handed on to a second copy.
    fn socket(&self, _id: ServiceId) -> Option<HandedSocket> {
        None
    }

    /// Starts a second copy of a running service with the listening socket of the first, and ends the first when the second listens. Answers
    /// when that is over; `told` hears in words what is being done.
    async fn hand_over(&self, _id: ServiceId, _order: HandOver, _told: &(dyn Fn(String) + Send + Sync)) -> Result<HandedOver> {
        Ok(HandedOver::Impossible)
    }

    /// Removes all traces of a stopped service: run folder and logs.
    async fn remove(&self, id: ServiceId) -> Result<()>;

    /// What a service is doing.
    async fn observe(&self, id: ServiceId) -> Result<Observation>;

    /// What every service that this runtime knows is doing; finds again what runs after a restart of Pilothouse.
    async fn observe_all(&self) -> Result<Vec<(ServiceId, Observation)>>;

    /// Waits until all that a run wrote which has ended is in its log, for at most two seconds.
    async fn drain(&self, _id: ServiceId) {}

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

/// What is there without being a service of Pilothouse yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it would be called.
    pub name: String,
    /// How it is found again.
    pub source: api::Source,
    /// Whether it runs now.
    pub is_running: bool,
    /// When it ran last, when it doesn't run; 1970 when it never did.
    pub ended_at: Timestamp,
    /// The port of this machine that leads to it.
    pub port: Option<u16>,
    /// Labels that it shall have at first.
    pub labels: BTreeMap<String, String>,
}

/// What a container says of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    /// Its name, which is also the name of a host for others of its network.
    pub name: String,
    /// The Compose project that it belongs to, and what it is called there.
    pub compose: Option<(String, String)>,
    /// What it needs of that project, each with the condition: `service_started`, `service_healthy`, ...
    pub depends_on: Vec<(String, String)>,
    /// The places that its variables name.
    pub references: Vec<Reference>,
    /// The TCP ports of the machine that lead to it.
    pub ports: Vec<u16>,
    /// Its addresses in the networks that it is in, while it runs.
    pub addresses: Vec<IpAddr>,
    /// What those networks call the machine that it runs on.
    pub gateways: Vec<IpAddr>,
}

/// A TCP connection from a process of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The service that has opened it.
    pub from: ServiceId,
    /// Where it leads.
    pub to: SocketAddr,
    /// Whether that is this machine itself, and no container on it.
    pub is_here: bool,
}

/// All that is needed to run a service, in the terms of its runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is never kept in a list")]
pub enum Launch {
    /// As a process.
    Process(ProcessLaunch),
    /// In a container that is made for it.
    NewContainer(Box<NewContainer>),
    /// In the container that it was found as.
    Container,
}

/// A container to be made. It has what is here and nothing else: no privileges, namespaces, devices or folders of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct NewContainer {
    /// The service's name, for a label.
    pub name: String,
    /// The image, pulled when it isn't there. Empty when it is built.
    pub image: String,
    /// Who pulls it, when not everybody may. No container differs by that.
    #[serde(skip)]
    pub registry: Option<RegistryAccount>,
    /// The release that it is of, when it is of one. Its image is kept here under a name of its own.
    #[serde(skip)]
    pub release: Option<ReleaseId>,
    /// What the image is built of, when it isn't one that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<ImageBuild>,
    /// In place of what the image runs; empty runs that.
    pub command: Vec<String>,
    /// Variables over those of the image.
    pub environment: BTreeMap<String, String>,
    /// The port of this machine's loopback address that leads to it.
    pub port: Option<u16>,
    /// The port that it listens on inside; none takes the one that the image exposes.
    pub container_port: Option<u16>,
    /// What it may use at most.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// How it is run otherwise than the image says.
    #[serde(skip_serializing_if = "ContainerOptions::is_empty")]
    pub options: ContainerOptions,
}

/// All that is needed to run a service as a process. Built by the services manager from specification and folder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessLaunch {
    /// The service's name, for its log.
    pub name: String,
    /// The user of the system that it and its preparation run as; none is the one that Pilothouse runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What must be made before, once for all services that share it.
    pub prepare: Option<Prepare>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Absolute path.
    pub working_dir: PathBuf,
    /// The whole environment: allow-list of Pilothouse's own, `.env`, the service's, `PORT`.
    pub environment: BTreeMap<String, String>,
    /// What it may use at most.
    #[serde(default)]
    pub limits: Limits,
    /// The port of 127.0.0.1 whose listening socket the supervisor opens and hands to it; none lets it open its port itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<u16>,
}

/// What a restart without a break is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Names it: asked for again with the same number, also by another Pilothouse, it is the same one.
    pub number: i64,
    /// What the new copy is; none when this was asked for before and is only waited for.
    pub launch: Option<ProcessLaunch>,
    /// How long the copy before has to end by itself.
    pub grace: Duration,
}

/// The listening socket that what runs was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedSocket {
    /// Its port.
    pub port: u16,
    /// The number of the last restart without a break, which may be under way.
    pub last: Option<i64>,
}

/// What became of a restart without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandedOver {
    /// The new copy runs, and nothing is left of the one before.
    Done,
    /// The new copy couldn't take over, and why; the one before runs on as if nothing had been.
    Failed(String),
    /// It takes a restart with a break: what runs has no socket that could be handed on, has other limits or another user, or has ended.
    Impossible,
}

/// A virtual environment to be made. The supervisor locks `lock`, skips all when `marker` exists, else runs `steps` one after the
/// other with their output in the service's log as stream `prepare`, and writes `marker`, all as the user that the service runs as.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Observation {
    /// The runtime doesn't answer: why, and what to do.
    Unknown(String),
    /// The runtime knows nothing of it.
    #[default]
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
    /// When it began, when that is known without having been seen.
    pub began: Option<Timestamp>,
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
