//! Services as lists and pages show them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Dependency, Desired, Diagnosis, Health, HealthCheck, ImagePatch, Limits, PublishedPort, ReplicaState, Repository, RestartPolicy,
    Restarts, RuntimeKind, ServiceId, ServiceSpec, Source, Status, Timestamp, Uptime,
};

/// A service as the list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Service {
    /// Its id, kept for life.
    pub id: ServiceId,
    /// Its name, unique among services.
    pub name: String,
    /// What kind of program it is: `fastapi`, `python`, `command`, `container`, `image` or `demonstration`.
    pub template_type: String,
    /// What runs it.
    pub runtime: RuntimeKind,
    /// What it is doing.
    pub status: Status,
    /// Why it is doing that, when it isn't evident: the real cause of an error, the step of a start.
    pub status_reason: Option<String>,
    /// What is wanted of it.
    pub desired: Desired,
    /// Whether it answers its health check.
    pub health_status: Health,
    /// The port that it listens on, or will.
    pub port: Option<u16>,
    /// Where it can be reached from the machine Pilothouse runs on.
    pub url: Option<String>,
    /// What it is for, read from its folder or set.
    pub description: Option<String>,
    /// Its version, read from its folder.
    pub version: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When its specification or state changed last.
    pub last_updated: Timestamp,
    /// When its present run began.
    pub started_at: Option<Timestamp>,
    /// Starts by its restart policy.
    pub restarts: Restarts,
    /// What it uses now; absent figures are not known.
    pub resource_usage: ResourceUsage,
    /// What its own metrics say of its requests; none when it exposes none.
    pub traffic: Option<Traffic>,
    /// The last minutes, for sparklines.
    pub trend: Trend,
    /// What it is grouped by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it is the demonstration that Pilothouse brings along.
    pub is_demonstration: bool,
    /// Grows with every change of what is here, also over restarts: of two answers, the one with the greater number is the newer.
    pub revision: u64,
}

impl Service {
    /// Whether this may take the place of `shown`. Answers and frames of feeds come by different ways, so the older may come last.
    pub fn supersedes(&self, shown: &Service) -> bool {
        self.id == shown.id && self.revision >= shown.revision
    }
}

/// What a service uses now; absent figures are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceUsage {
    /// Per cent of one core, over the last sampling interval, for the whole process tree.
    pub cpu_percent: Option<f64>,
    /// Resident bytes of the whole process tree.
    pub memory_bytes: Option<u64>,
    /// Bytes on disk.
    pub disk_bytes: Option<u64>,
    /// Bytes received since the start.
    pub network_in_bytes: Option<u64>,
    /// Bytes sent since the start.
    pub network_out_bytes: Option<u64>,
}

/// What a service's own metrics say of its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Traffic {
    /// Requests since the service started.
    pub request_count: u64,
    /// Requests a second over the last scrape interval.
    pub request_rate: f64,
    /// Mean milliseconds a response took over the last scrape interval; none without requests.
    pub response_time: Option<f64>,
    /// The share of responses with a 5xx status over the last scrape interval, 0 to 1; none without requests.
    pub error_rate: Option<f64>,
}

/// Figures of the last ten minutes at 15 s steps, oldest first, at most 40 of each; none where nothing was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trend {
    /// Per cent of one core.
    pub cpu_percent: Vec<Option<f32>>,
    /// Requests a second.
    pub request_rate: Vec<Option<f32>>,
}

/// A service with all that its page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub service: Service,
    /// What it is.
    pub spec: ServiceSpec,
    /// The command that runs it, as found or set; none when no way to run it was found.
    pub command: Option<Vec<String>>,
    /// The process ids of its tree.
    pub pids: Vec<u32>,
    /// Every TCP port that its process tree listens on.
    pub listening_ports: Vec<u16>,
    /// The container that it runs in, when it does.
    #[serde(default)]
    pub container: Option<Container>,
    /// How the last run ended.
    pub last_exit: Option<LastExit>,
    /// What the health check found last.
    pub last_check: Option<HealthResult>,
    /// Why it isn't well; empty when it is.
    pub diagnosis: Vec<Diagnosis>,
    /// What it depends on. Left out in frames of feeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Vec<Dependency>>,
    /// What depends on it. Left out in frames of feeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependents: Option<Vec<Dependency>>,
    /// Its replicas, itself among them, when it has several. Left out in frames of feeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Vec<ReplicaState>>,
    /// Where it can be reached.
    pub endpoints: Vec<String>,
    /// Why request figures are missing and how to have them, when they are.
    pub metrics_hint: Option<String>,
    /// Why the variables of its settings can't be read, when they can't: it isn't started without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables_problem: Option<VariablesProblem>,
}

/// Why the variables of a service's settings, which are sealed, can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VariablesProblem {
    /// In words, with what to do.
    pub why: String,
    /// Whether they can be set anew in spite of it: what is set replaces them.
    pub can_be_set: bool,
}

/// What is known of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Container {
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// What that image was then: `sha256:..`.
    pub image_digest: String,
    /// The Compose project it belongs to, and what it is called there.
    pub compose: Option<String>,
    /// When Docker itself starts it again: `no`, `on-failure`, `always` or `unless-stopped`.
    pub restart_policy: Option<String>,
    /// What the check that its image brings along says; none when it brings none.
    pub own_health: Option<OwnHealth>,
    /// Its ports that are published now, each with the address and the port of the machine that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PublishedPort>,
}

/// What the health check of an image says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OwnHealth {
    /// What it counts as: `unknown` while it is starting.
    pub health: Health,
    /// Failures in a row.
    pub failing: u32,
    /// The first line of what the last check wrote, at most 200 characters.
    pub message: String,
}

/// How a run of a service ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastExit {
    /// The exit code, when it ended by itself and was seen.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether the kernel killed it for want of memory.
    pub oom: bool,
    /// When.
    pub at: Timestamp,
    /// The last lines it wrote, at most 20.
    pub last_lines: Vec<String>,
}

/// What one health check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthResult {
    /// When it was made.
    pub at: Timestamp,
    /// Whether it succeeded.
    pub ok: bool,
    /// What the service counts as after it.
    pub health: Health,
    /// Milliseconds it took.
    pub latency_ms: f64,
    /// What was asked and what came back: `GET /health: 200`, `TCP 8001: connection refused`, `Command pg_isready: exit code 2`.
    pub message: String,
    /// The last lines that a command wrote which failed, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
}

/// The health of a service with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthReport {
    /// The service.
    pub service_id: ServiceId,
    /// What it counts as now.
    pub health_status: Health,
    /// How it is checked.
    pub check: HealthCheck,
    /// The last checks, newest first, at most 100.
    pub history: Vec<HealthResult>,
    /// The share of successful checks among `history`, in per cent; none without history.
    pub uptime_percent: Option<f64>,
    /// For how much of the time it was up, over longer spans.
    #[serde(default)]
    pub uptime: Uptime,
}

/// A service to be made. `health` and `environment` go into its specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewService<S = Source> {
    /// Its name: 1 to 63 of `a-z A-Z 0-9 . _ -`.
    pub name: String,
    /// What shall run it; none takes the runtime that its source needs, and no other will do.
    #[serde(default)]
    pub runtime: Option<RuntimeKind>,
    /// Where its code comes from.
    pub source: S,
    /// The user of the system that it runs as; none is the one that Pilothouse runs as. Only with a folder or a command, and only where
    /// Pilothouse runs as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port it shall listen on; none lets Pilothouse choose.
    #[serde(default)]
    pub port: Option<u16>,
    /// The port of 127.0.0.1 that a proxy listens on for it; none has no proxy in front of it. It isn't the port of the service, nor of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_port: Option<u16>,
    /// How many copies of it run behind its proxy, 1 to 20, itself among them; more than one takes a `proxy_port`.
    #[serde(default = "crate::spec::one", skip_serializing_if = "crate::spec::is_one")]
    pub replicas: u8,
    /// How it goes from one release to the next.
    #[serde(default, skip_serializing_if = "crate::Rollout::is_default")]
    pub rollout: crate::Rollout,
    /// Variables set for it, at most 200 of at most 32 KiB each.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Names of files of its folder with more variables, at most 10.
    #[serde(default)]
    pub environment_files: Vec<String>,
    /// Services that it needs, at most 50; they may not need it themselves, directly or by others.
    #[serde(default)]
    pub depends_on: Vec<ServiceId>,
    /// How its health is found out.
    #[serde(default)]
    pub health: HealthCheck,
    /// What it is for, at most 500 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is started again when it ends by itself.
    #[serde(default = "crate::spec::default_restart")]
    pub restart: RestartPolicy,
    /// Whether it is restarted without a break: it has to take its listening socket from Pilothouse then (descriptor 3, as systemd hands it
    /// over). Only with a folder or a command.
    #[serde(default)]
    pub handover: bool,
    /// What it may use at most.
    #[serde(default)]
    pub limits: Limits,
    /// What it is grouped by, at most 20.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A change of a service: what is absent stays. Unless a field says otherwise, it takes effect at the next start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ServicePatch {
    /// For a service of an image: the image, and what its container gets.
    pub source: Option<ImagePatch>,
    /// For a service of a Git repository: the new one, in place of the old; what is deployed from the next deployment on.
    pub repository: Option<Repository>,
    /// The new name.
    pub name: Option<String>,
    /// The new description; empty removes it.
    pub description: Option<String>,
    /// The new user of the system that it runs as; empty takes the one that Pilothouse runs as.
    pub user: Option<String>,
    /// The new port; 0 lets Pilothouse choose again.
    pub port: Option<u16>,
    /// The new port of the proxy in front of it; 0 takes the proxy away. Counts at once.
    pub proxy_port: Option<u16>,
    /// How many copies of it shall run behind its proxy, 1 to 20, itself among them. Counts at once.
    pub replicas: Option<u8>,
    /// How it goes from one release to the next, in place of what was said of that. Counts at once.
    pub rollout: Option<crate::Rollout>,
    /// The new variables, in place of all the old ones.
    pub environment: Option<BTreeMap<String, String>>,
    /// The new files with variables, in place of all the old ones.
    pub environment_files: Option<Vec<String>>,
    /// The services that it needs, in place of all the old ones, at most 50; counts at once. One that has been deleted may only stay.
    pub depends_on: Option<Vec<ServiceId>>,
    /// The new health check.
    pub health: Option<HealthCheck>,
    /// The new metrics path.
    pub metrics_path: Option<String>,
    /// Seconds that `stop` waits before SIGKILL, 0 to 600.
    pub stop_grace_seconds: Option<u32>,
    /// Whether it is started again when it ends by itself; also counts for a start that is waited for.
    pub restart: Option<RestartPolicy>,
    /// Whether it is restarted without a break, with a listening socket that Pilothouse hands over; from its next start on.
    pub handover: Option<bool>,
    /// The new limits, in place of all the old ones.
    pub limits: Option<Limits>,
    /// The new labels, in place of all the old ones; they count at once.
    pub labels: Option<BTreeMap<String, String>>,
}

/// What a look through the services folder found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiscoveryReport {
    /// The folder that was looked through; none when none is configured.
    pub folder: Option<String>,
    /// Services seen for the first time.
    pub added: Vec<String>,
    /// Services whose folder is gone.
    pub missing: Vec<String>,
    /// Folders that were passed over, each with why.
    pub skipped: Vec<SkippedFolder>,
}

/// A folder that discovery passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkippedFolder {
    /// Its path.
    pub folder: String,
    /// Why.
    pub reason: String,
}
