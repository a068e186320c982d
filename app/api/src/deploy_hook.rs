//! Webhooks: where a Git server, or a program, says that there is something new to deploy.

use serde::{Deserialize, Serialize};

use crate::{DeployHookId, DeploymentId, Detail, Secret, ServiceId, Timestamp};

/// A webhook of a service: who calls it with its secret deploys the service, in place of deployments of it that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeployHook {
    /// Its id.
    pub id: DeployHookId,
    /// The service.
    pub service_id: ServiceId,
    /// Its name; what it deploys is made by `webhook NAME`.
    pub name: String,
    /// The branch whose pushes deploy; none is every branch.
    pub branch: Option<String>,
    /// Where it is called: below the `public_url` of Pilothouse, or the address that it listens on.
    pub address: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of who made it.
    pub created_by: String,
    /// When it was called last by somebody who has its secret, and what came of it.
    pub last_call: Option<HookCalled>,
    /// When it was called last by somebody who hasn't; noted at most once a minute.
    pub refused_at: Option<Timestamp>,
}

impl DeployHook {
    /// The most webhooks of a service.
    pub const MOST: usize = 10;
    /// The most characters of a name.
    pub const NAME: usize = 80;
    /// The most bytes of a branch.
    pub const BRANCH: usize = 255;
    /// The most bytes of the body of a call: 8 MiB.
    pub const BODY: usize = 8 << 20;
}

/// A call of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HookCalled {
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: HookOutcome,
    /// What was pushed, or why it wasn't deployed.
    pub message: String,
    /// The deployment that it made, or had made already.
    pub deployment_id: Option<DeploymentId>,
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HookOutcome {
    /// It made a deployment.
    Deploying,
    /// It was a delivery that had made one already.
    Repeated,
    /// It was about something else than a push to a branch that deploys.
    Ignored,
    /// The service couldn't be deployed, or the call couldn't be read.
    Refused,
}

crate::read_as_word!(HookOutcome);

impl HookOutcome {
    /// Every one.
    pub const ALL: &[HookOutcome] = &[HookOutcome::Deploying, HookOutcome::Repeated, HookOutcome::Ignored, HookOutcome::Refused];

    /// The text on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            HookOutcome::Deploying => "deploying",
            HookOutcome::Repeated => "repeated",
            HookOutcome::Ignored => "ignored",
            HookOutcome::Refused => "refused",
        }
    }

    /// The words that people see.
    pub const fn label(self) -> &'static str {
        match self {
            HookOutcome::Deploying => "Deployed",
            HookOutcome::Repeated => "Came twice",
            HookOutcome::Ignored => "Ignored",
            HookOutcome::Refused => "Refused",
        }
    }

    /// The one of that text.
    pub fn named(text: &str) -> Option<Self> {
        HookOutcome::ALL.iter().copied().find(|one| one.as_str() == text)
    }
}

/// A webhook to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewDeployHook {
    /// What it is called, 1 to 80 characters: another one than those of the service have.
    pub name: String,
    /// The branch whose pushes deploy, as Git names it (`main`); none is every branch.
    #[serde(default)]
    pub branch: Option<String>,
}

impl NewDeployHook {
    /// What is wrong with it, field by field.
    pub fn faults(&self) -> Vec<Detail> {
        let mut faults = Vec::new();
        let mut check = |field: &str, is_right: bool, message: String| {
            if !is_right {
                faults.push(Detail { field: field.into(), message });
            }
        };
        let is_name = (1..=DeployHook::NAME).contains(&self.name.trim().chars().count()) && !self.name.chars().any(char::is_control);
        check("/name", is_name, format!("the name of a webhook has 1 to {} characters and no line break", DeployHook::NAME));
        let is_branch = self.branch.as_deref().is_none_or(|branch| {
            (1..=DeployHook::BRANCH).contains(&branch.len())
                && !branch.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c))
                && !branch.starts_with("refs/")
        });
        check(
            "/branch",
            is_branch,
            "a branch is named as Git names it, such as main or release/2: not as refs/heads/main, no pattern".into(),
        );
        faults
    }
}

/// A webhook that was made, with what its caller needs; the secret is told here and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MadeDeployHook {
    /// The webhook, with the address to call.
    pub hook: DeployHook,
    /// What calls are signed with: 64 hexadecimal digits, to be used as the text that they are.
    pub secret: Secret,
}

/// A call as it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookCall {
    /// The headers, by their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, to the byte.
    pub body: Vec<u8>,
}

/// What a call is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum HookAnswer {
    /// A deployment was taken on.
    Deploying {
        /// Its id.
        deployment_id: DeploymentId,
    },
    /// That delivery has made a deployment already.
    Repeated {
        /// Its id.
        deployment_id: DeploymentId,
    },
    /// There is nothing to deploy in it.
    Ignored {
        /// Why.
        reason: String,
    },
}

impl HookAnswer {
    /// The HTTP status that goes with it.
    pub const fn status(&self) -> u16 {
        match self {
            HookAnswer::Deploying { .. } => 202,
            HookAnswer::Repeated { .. } | HookAnswer::Ignored { .. } => 200,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NewDeployHook;

    #[test]
    fn names_and_branches_are_checked_at_their_fields() {
        let fields = |name: &str, branch: Option<&str>| {
            let new = NewDeployHook { name: name.into(), branch: branch.map(str::to_owned) };
            new.faults().into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        for (name, branch) in [("GitHub", None), ("é", Some("main")), ("a", Some("release/2.x"))] {
            assert_eq!(fields(name, branch), Vec::<String>::new(), "{name} {branch:?}");
        }
        for branch in ["", "refs/heads/main", "a b", "release/*", "a\n", &"x".repeat(256)] {
            assert_eq!(fields("a", Some(branch)), ["/branch"], "{branch}");
        }
        for name in ["", "  ", "a\nb", &"x".repeat(81)] {
            assert_eq!(fields(name, None), ["/name"], "{name}");
        }
    }
}
