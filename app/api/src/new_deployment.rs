//! Deployments and rollbacks that are asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Canary, DeploymentId, Detail, Limits, Queueing, ReleaseId, RuntimeKind, ServiceId, Strategy, is_environment_name, is_image_name,
    is_reference,
};

/// The environment that is there from the start: the service itself, as it runs here.
pub const DEVELOPMENT: &str = "development";

/// A deployment to be made: a release of what the service is now, with what is given here, taken to an environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewDeployment {
    /// The service, for those who say it here too: the one of the address.
    pub service_id: Option<ServiceId>,
    /// Where to: an environment that the service is set up in; `development` is the service as it runs by itself. None is where the service of the
    /// address is.
    pub target_environment: Option<String>,
    /// The release whose files or image are deployed, of the same service, in this environment or another one; settings and configuration are those of
    /// where it goes to. None makes a release of what the source is now.
    pub release_id: Option<ReleaseId>,
    /// How: `recreate`, `rolling`, `blue_green` or `canary`. The name of the service's runtime (`process`, `docker`), or none, takes what goes without
    /// a break if that is possible.
    pub deployment_type: Option<String>,
    /// How a canary deployment goes; none takes 5, 25 and 50 of 100 requests for a minute each. Only with `canary`.
    pub canary: Option<Canary>,
    /// What is to be different from what the service is told now; empty changes nothing.
    pub configuration: DeploymentConfiguration,
    /// Limits in place of those of its settings; empty changes nothing.
    pub resources: Limits,
    /// Why, at most 500 characters.
    pub message: String,
    /// For how many seconds it is watched when it is healthy: when it isn't well within them, or fails more or is slower than the release before where
    /// requests are counted, what was before is gone back to. 0 to 3,600; none is 0.
    pub watch_seconds: Option<u32>,
    /// How many seconds it has to become healthy, 5 to 3,600; none is 120.
    pub health_seconds: Option<u32>,
    /// Why it can't wait, at most 500 characters: it begins outside of the windows, in a freeze and without approval then. Needs `deployments:rules`.
    pub urgent: Option<String>,
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
    /// Another branch, tag or whole commit id, of a service that is made of a Git repository.
    pub reference: Option<String>,
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
        let is_named = self.target_environment.as_deref().is_none_or(is_environment_name);
        check("/target_environment", is_named, "an environment is named by 1 to 24 of a-z 0-9 -, and begins with a letter".into());
        let is_one = self.release_id.is_none() || self.configuration.image.is_none() && self.configuration.reference.is_none();
        check("/release_id", is_one, "a release has its image or its commit; leave 'image' and 'reference' out".into());
        if let Some(text) = self.deployment_type.as_deref() {
            let is_known = Strategy::named(text).is_some() || RuntimeKind::ALL.iter().any(|runtime| runtime.as_str() == text);
            let message = "a deployment is 'recreate', 'rolling', 'blue_green' or 'canary'; the name of the service's runtime takes what is best for it";
            check("/deployment_type", is_known || text.is_empty(), message.into());
        }
        let is_canary = self.canary.is_none() || self.strategy() == Some(Strategy::Canary);
        check("/canary", is_canary, "only a deployment of the type 'canary' goes by steps; leave this out".into());
        let message = format!("the reason is at most {} characters long, without a zero byte", Self::MESSAGE);
        check("/message", self.message.chars().count() <= Self::MESSAGE && !self.message.contains('\0'), message);
        let is_said = |reason: &str| !reason.trim().is_empty() && reason.chars().count() <= Self::MESSAGE && !reason.contains('\0');
        let said = "say why it can't wait, in at most 500 characters, or leave it out";
        check("/urgent", self.urgent.as_deref().is_none_or(is_said), said.into());
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
        let is_named = self.configuration.reference.as_deref().is_none_or(|name| is_reference(name.trim()));
        let named = "a branch or a tag is named as Git names it, and a commit by all of its 40 digits";
        check("/configuration/reference", is_named, named.into());
        faults.extend(self.canary.iter().flat_map(|canary| canary.faults("/canary")));
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
    /// Whether secrets keep their present values, such as when the earlier ones aren't taken any more. Otherwise they are those that were in force when
    /// the release was made, as far as they are kept.
    pub present_secrets: bool,
}
