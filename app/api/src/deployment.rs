//! Deployments: from a change to a running version, step by step, and back when it isn't well.

use serde::{Deserialize, Serialize};

use crate::{Blocked, DeploymentId, DeploymentWait, Limit, Release, RuntimeKind, ServiceId, ServiceSpec, Timestamp, TrafficStep, words};

words! {
    /// Where a deployment is.
    DeploymentStatus {
        /// It waits for one before it, of the same service.
        Pending = "pending", "Waiting";
        /// It is under way, or being undone.
        Running = "running", "Running";
        /// The service runs the release and is well with it.
        Succeeded = "succeeded", "Succeeded";
        /// It failed; what was before is as it was.
        Failed = "failed", "Failed";
        /// Somebody has cancelled it; what was before is as it was.
        Cancelled = "cancelled", "Cancelled";
        /// The service wasn't well with the release, and runs again what it ran before.
        RolledBack = "rolled_back", "Rolled back";
    }
}

impl DeploymentStatus {
    /// Whether nothing more becomes of it.
    pub const fn is_over(self) -> bool {
        !matches!(self, DeploymentStatus::Pending | DeploymentStatus::Running)
    }
}

words! {
    /// A stage of a deployment.
    Stage {
        /// Whether all that it needs is there.
        Validate = "validate", "Validate";
        /// The release is made: files are kept, settings and configuration are written down.
        Prepare = "prepare", "Prepare";
        /// Its files are unpacked and its environment is made, or its image is built or pulled.
        Build = "build", "Build";
        /// Its image is pushed.
        Push = "push", "Push";
        /// The service is switched over to it.
        Deploy = "deploy", "Deploy";
        /// The service has to become healthy.
        HealthCheck = "health_check", "Health check";
        /// What isn't needed any more is removed.
        Finalise = "finalise", "Finalise";
    }
}

words! {
    /// What became of a stage.
    StageStatus {
        /// It hasn't begun.
        Pending = "pending", "Waiting";
        /// It is under way.
        Running = "running", "Running";
        /// It is done.
        Succeeded = "succeeded", "Done";
        /// There was nothing to do.
        Skipped = "skipped", "Nothing to do";
        /// It failed.
        Failed = "failed", "Failed";
        /// It was cancelled.
        Cancelled = "cancelled", "Cancelled";
        /// It was done, and has been undone.
        Undone = "undone", "Undone";
    }
}

words! {
    /// How the new version takes the place of the old one.
    Strategy {
        /// The old one ends, then the new one starts. Where the service is restarted without a break, so is this.
        Recreate = "recreate", "Recreate";
        /// Copy by copy.
        Rolling = "rolling", "Rolling";
        /// The new one starts beside the old one, and all is switched over at once.
        BlueGreen = "blue_green", "Blue-green";
        /// The new one gets a part of the requests at first.
        Canary = "canary", "Canary";
    }
}

impl Strategy {
    /// Whether a service can be deployed so: by what runs it, whether it is restarted without a break, and what is in front of it.
    pub fn possible(self, spec: &ServiceSpec) -> Result<(), Blocked> {
        match self {
            Strategy::Recreate => Ok(()),
            Strategy::Rolling if spec.replicas > 1 || spec.handover && spec.runtime == RuntimeKind::Process => Ok(()),
            Strategy::Rolling if spec.runtime == RuntimeKind::Process => Err(Blocked(
                "a rolling deployment takes a service that is restarted without a break, or several replicas: set 'handover' or 'replicas' in its \
                 settings, or deploy it as 'recreate'",
            )),
            Strategy::Rolling => Err(Blocked(
                "Docker can't hand a port to a second container, so one container can't be replaced without a break: set 'replicas' in its settings, or \
                 deploy it as 'recreate', or as 'blue_green' with a proxy in front of it",
            )),
            Strategy::BlueGreen | Strategy::Canary if spec.proxy_port.is_some() => Ok(()),
            Strategy::BlueGreen | Strategy::Canary => Err(Blocked(
                "two releases can only run side by side behind a proxy: set 'proxy_port' in its settings, or deploy it as 'recreate', or as 'rolling' \
                 where it is restarted without a break",
            )),
        }
    }

    /// What it does, in a sentence without a point.
    pub const fn words(self) -> &'static str {
        match self {
            Strategy::Recreate => "The old version ends, then the new one starts",
            Strategy::Rolling => "Copy by copy, without a break",
            Strategy::BlueGreen => "Both side by side, all requests switched at once",
            Strategy::Canary => "Step by step, judged by errors and latency",
        }
    }

    /// What goes without a break, when that is possible; of several replicas one after the other, which needs no room for more.
    pub fn best(spec: &ServiceSpec) -> Self {
        let order = match spec.replicas {
            ..=1 => [Strategy::BlueGreen, Strategy::Rolling],
            _ => [Strategy::Rolling, Strategy::BlueGreen],
        };
        order.into_iter().find(|strategy| strategy.possible(spec).is_ok()).unwrap_or(Strategy::Recreate)
    }

    /// How a service is deployed when nothing else is said: as it is set to, where that is possible, and otherwise in the best way.
    pub fn of(spec: &ServiceSpec) -> Self {
        spec.rollout.strategy.filter(|strategy| strategy.possible(spec).is_ok()).unwrap_or_else(|| Self::best(spec))
    }

    /// Whether the new release runs beside the old one for a while, and a proxy sends requests to one or the other.
    pub const fn is_side_by_side(self) -> bool {
        matches!(self, Strategy::BlueGreen | Strategy::Canary)
    }
}

words! {
    /// Why a deployment was made.
    DeploymentKind {
        /// Somebody has asked for a new release.
        Deploy = "deploy", "Deployment";
        /// Somebody went back to an earlier release.
        Rollback = "rollback", "Rollback";
    }
}

words! {
    /// What becomes of deployments of the same service that wait already.
    Queueing {
        /// They come first.
        Wait = "wait", "After those that wait";
        /// They are cancelled.
        Replace = "replace", "In place of those that wait";
    }
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// The service.
    pub service_id: ServiceId,
    /// The service's name.
    pub service_name: String,
    /// Where to.
    pub target_environment: String,
    /// How.
    pub deployment_type: Strategy,
    /// Whether a new release was made, or an earlier one gone back to.
    pub kind: DeploymentKind,
    /// What is deployed; none until it is made.
    pub release: Option<Release>,
    /// The number of the release that the service ran before; none when it was never deployed.
    pub previous_release: Option<u64>,
    /// Where it is.
    pub status: DeploymentStatus,
    /// The stage that it is in, or ended in.
    pub stage: Stage,
    /// How much of it is done, in per cent: by the time that its stages took before when that is known, else by their number.
    pub progress: u32,
    /// All of its stages, in order.
    pub stages: Vec<StageReport>,
    /// How requests were moved to the new release, step by step, when a proxy did that; one step for all of them when it took the place of the one before and
    /// was watched, where a proxy or the service's own metrics count them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<TrafficStep>,
    /// Where the service answers; they do when it has succeeded.
    pub urls: Vec<String>,
    /// Why it isn't what was asked for, when it isn't.
    pub error: Option<String>,
    /// What to do about that.
    pub suggestion: Option<String>,
    /// The last lines that the service wrote before it failed, at most 20, oldest first.
    pub failing_lines: Vec<String>,
    /// Why it waits, while it does, besides for those before it.
    #[serde(default)]
    pub waits_for: Option<DeploymentWait>,
    /// The name of who has agreed to it.
    #[serde(default)]
    pub approved_by: Option<String>,
    /// Why it waits for nothing, when somebody has said that it is urgent.
    #[serde(default)]
    pub urgent: Option<String>,
    /// Whether it is being undone.
    pub is_undoing: bool,
    /// The name of who has cancelled it.
    pub cancelled_by: Option<String>,
    /// The name of who has asked for it.
    pub created_by: String,
    /// When that was.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Seconds that it will take, or would have, by what those before took; none when none has succeeded yet.
    pub expected_seconds: Option<u32>,
    /// Why it was made.
    pub message: String,
    /// Grows by one with each change of it, so that what comes late undoes nothing.
    pub revision: u64,
}

impl Deployment {
    /// Whether it can be cancelled.
    pub const fn can_cancel(&self) -> Result<(), Blocked> {
        match self.status {
            _ if self.status.is_over() => Err(Blocked("it is over")),
            _ if self.cancelled_by.is_some() => Err(Blocked("somebody has cancelled it already")),
            _ if matches!(self.stage, Stage::Finalise) => {
                Err(Blocked("the service runs the release and is well with it; go back to the one before instead"))
            }
            _ if self.is_undoing => Err(Blocked("it is being undone already")),
            _ => Ok(()),
        }
    }

    /// Whether its release can be gone back to.
    pub fn can_roll_back(&self) -> Result<(), Blocked> {
        match (&self.release, self.status) {
            (Some(release), DeploymentStatus::Succeeded) if release.is_current => Err(Blocked("it is what the service runs")),
            (Some(_), DeploymentStatus::Succeeded) => Ok(()),
            (None, DeploymentStatus::Succeeded) => Err(Blocked("its release isn't kept any more")),
            _ => Err(Blocked("the service never was well with its release")),
        }
    }

    /// Seconds that it took, or has taken at `now`.
    pub fn seconds(&self, now: Timestamp) -> Option<f64> {
        self.started_at.map(|start| self.finished_at.unwrap_or(now).seconds_since(start))
    }
}

/// A stage of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageReport {
    /// Which.
    pub name: Stage,
    /// What became of it.
    pub status: StageStatus,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it is at, or came to: `unpacking 12 files`, `nothing to push: it runs on this machine`.
    pub note: Option<String>,
    /// How often it was begun: more than once when Pilothouse was ended in the middle of it.
    pub attempts: u32,
    /// Seconds that it took before; none when that isn't known.
    pub expected_seconds: Option<u32>,
}

/// A line of the log of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentLine {
    /// Its number among what is told of the deployment; grows, with holes.
    pub seq: u64,
    /// When.
    pub ts: Timestamp,
    /// The stage that it belongs to.
    pub stage: Stage,
    /// Whether it says what is wrong.
    pub is_error: bool,
    /// The line, at most 2,000 characters.
    pub message: String,
}

impl DeploymentLine {
    /// The most lines of a deployment that are kept; of what comes after only how many.
    pub const MOST: u64 = 20_000;
}

/// Which lines of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct DeploymentLinesQuery {
    /// Only those after this number; the first without.
    pub after: Option<u64>,
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 10_000))]
    pub limit: Limit<10_000>,
}

/// Which deployments to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct DeploymentQuery {
    /// Only those of this service.
    pub service_id: Option<ServiceId>,
    /// Only those that are so.
    pub status: Option<DeploymentStatus>,
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 1000))]
    pub limit: Limit,
    /// From here on, towards older ones.
    pub cursor: Option<String>,
}

/// What a deployment would do; nothing is done for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentPlan {
    /// How it would be deployed.
    pub deployment_type: Strategy,
    /// What would be done, in order.
    pub steps: Vec<String>,
    /// What would be different from what runs; none when that was never deployed.
    pub difference: Option<crate::ReleaseDifference>,
    /// What may break: a break in the service, services that need it.
    pub warnings: Vec<String>,
    /// What would keep it from succeeding, and what to do; none is known of otherwise.
    pub obstacle: Option<String>,
}

/// The releases of a service, and which one it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Releases {
    /// All that are kept, newest first.
    pub items: Vec<Release>,
    /// Whether it is held at the one that it runs, since it was gone back to: it isn't deployed then until somebody lets it go.
    pub held: Option<Hold>,
    /// Whether settings or configuration were changed since the release that it runs: it doesn't run wholly what that says.
    pub is_changed: bool,
    /// The secrets that it is given in an earlier version since it was taken back, until it is deployed or let go.
    #[serde(default)]
    pub secrets: Vec<crate::EarlierSecret>,
}

/// That a service is held at a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// The number of the release.
    pub release: u64,
    /// Since when.
    pub since: Timestamp,
    /// The name of who went back to it, or none when Pilothouse did.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}
