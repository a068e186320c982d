//! Deployments: from a change to a running version, step by step, and back when it isn't well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Blocked, DeploymentId, Detail, Limit, Limits, Release, RuntimeKind, ServiceId, Timestamp, is_image_name};

/// Declares enumerations of one word each: variant, text, and the words that people see.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$of:meta])* $name:ident = $text:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $type {
            $($(#[$of])* #[serde(rename = $text)] $name,)+
        }

        $crate::read_as_word!($type);

        impl $type {
            /// Every one, in order.
            pub const ALL: &[$type] = &[$($type::$name),+];

            /// The text on the wire and in the store.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$name => $text),+ }
            }

            /// The words that people see.
            pub const fn label(self) -> &'static str {
                match self { $($type::$name => $label),+ }
            }

            /// The one of that text.
            pub fn named(text: &str) -> Option<Self> {
                $type::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

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
    /// Whether a service of that runtime can be deployed so.
    pub const fn possible(self, runtime: RuntimeKind, hands_over: bool) -> Result<(), Blocked> {
        match (self, runtime) {
            (Strategy::Recreate, _) => Ok(()),
            (Strategy::Rolling, RuntimeKind::Process) if hands_over => Ok(()),
            (Strategy::Rolling, RuntimeKind::Process) => Err(Blocked(
                "a rolling deployment takes a service that is restarted without a break: set 'handover' in its settings, or deploy it as 'recreate'",
            )),
            (Strategy::Rolling, _) => Err(Blocked(
                "Docker can't hand a port to a second container, so a container can't be replaced copy by copy; deploy it as 'recreate'",
            )),
            (Strategy::BlueGreen | Strategy::Canary, _) => Err(Blocked(
                "there is no proxy yet that could send requests to two versions; deploy it as 'recreate', or as 'rolling' where it is restarted without a break",
            )),
        }
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

/// The environment that is there from the start: the service itself, as it runs here.
pub const DEVELOPMENT: &str = "development";

/// A deployment to be made: a release of what the service is now, with what is given here, taken to an environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewDeployment {
    /// The service, for those who say it here too: the one of the address.
    pub service_id: Option<ServiceId>,
    /// Where to: `development`, which is also meant when it is left out, is the service itself.
    pub target_environment: Option<String>,
    /// How: `recreate`, `rolling`, `blue_green` or `canary`. The name of the service's runtime (`process`, `docker`), or none, takes what goes without
    /// a break if that is possible.
    pub deployment_type: Option<String>,
    /// What is to be different from what the service is told now; empty changes nothing.
    pub configuration: DeploymentConfiguration,
    /// Limits in place of those of its settings; empty changes nothing.
    pub resources: Limits,
    /// Why, at most 500 characters.
    pub message: String,
    /// For how many seconds it is watched when it is healthy: when it isn't well within them, what was before is gone back to. 0 to 3,600; none is 0.
    pub watch_seconds: Option<u32>,
    /// How many seconds it has to become healthy, 5 to 3,600; none is 120.
    pub health_seconds: Option<u32>,
    /// What becomes of deployments of the service that wait already; none lets them come first.
    pub queue: Option<Queueing>,
}

/// What a deployment changes of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DeploymentConfiguration {
    /// Another image, of a service that is made of one.
    pub image: Option<String>,
    /// Values of its configuration by name; `null` takes one out. They are saved as a new version of it, when the release is switched to.
    pub values: BTreeMap<String, Value>,
}

impl NewDeployment {
    /// The most characters of a reason.
    pub const MESSAGE: usize = 500;
    /// Seconds that it has to become healthy unless others are given.
    pub const HEALTH_SECONDS: u32 = 120;

    /// What is wrong with it by itself, field by field.
    pub fn faults(&self) -> Vec<Detail> {
        let mut faults = self.resources.faults("/resources");
        let mut check = |field: &str, is_right: bool, message: String| {
            if !is_right {
                faults.push(Detail { field: field.into(), message });
            }
        };
        let environment = self.target_environment.as_deref().unwrap_or(DEVELOPMENT);
        let cut: String = environment.chars().take(80).collect();
        let message = format!("there is no environment '{cut}'; '{DEVELOPMENT}' is the service as it runs here");
        check("/target_environment", environment == DEVELOPMENT, message);
        if let Some(text) = self.deployment_type.as_deref() {
            let is_known = Strategy::named(text).is_some() || RuntimeKind::ALL.iter().any(|runtime| runtime.as_str() == text);
            let message = "a deployment is 'recreate', 'rolling', 'blue_green' or 'canary'; the name of the service's runtime takes what is best for it";
            check("/deployment_type", is_known || text.is_empty(), message.into());
        }
        let message = format!("the reason is at most {} characters long, without a zero byte", Self::MESSAGE);
        check("/message", self.message.chars().count() <= Self::MESSAGE && !self.message.contains('\0'), message);
        check(
            "/watch_seconds",
            self.watch_seconds.is_none_or(|seconds| seconds <= 3600),
            "a deployment is watched for at most 3,600 seconds".into(),
        );
        let is_time = self.health_seconds.is_none_or(|seconds| (5..=3600).contains(&seconds));
        check("/health_seconds", is_time, "a service has 5 to 3,600 seconds to become healthy".into());
        let is_image = self.configuration.image.as_deref().is_none_or(|image| is_image_name(image.trim()));
        let named = "an image is a name as docker run takes it, like nginx:1.27: letters, digits and . _ - / : @, at most 512";
        check("/configuration/image", is_image, named.into());
        faults
    }

    /// How it is deployed, of a service of that runtime; none when it isn't said how.
    pub fn strategy(&self) -> Option<Strategy> {
        self.deployment_type.as_deref().and_then(Strategy::named)
    }
}

/// A deployment that was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentAccepted {
    /// Its id: what becomes of it is at `/api/deploy/status/{deployment_id}`.
    pub deployment_id: DeploymentId,
}

/// Which deployment is gone back to, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewRollback {
    /// Why, at most 500 characters.
    pub message: String,
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
    /// Where the service answers; they do when it has succeeded.
    pub urls: Vec<String>,
    /// Why it isn't what was asked for, when it isn't.
    pub error: Option<String>,
    /// What to do about that.
    pub suggestion: Option<String>,
    /// The last lines that the service wrote before it failed, at most 20, oldest first.
    pub failing_lines: Vec<String>,
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
