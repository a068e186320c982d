//! What happened: one append-only table that activity, marks on charts and the audit are views of.

use serde::{Deserialize, Serialize};

use crate::{Limit, ServiceId, Timestamp};

/// Declares the kinds of events once: variant, text, and the sentence part that people see.
macro_rules! event_kinds {
    ($($name:ident = $text:literal, $label:literal;)+) => {
        /// What kind of thing happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum EventKind {
            $(#[doc = concat!($label, ".")] #[serde(rename = $text)] $name,)+
        }

        $crate::read_as_word!(EventKind);

        impl EventKind {
            /// Every kind.
            pub const ALL: &[EventKind] = &[$(EventKind::$name),+];

            /// The text on the wire and in the store.
            pub const fn as_str(self) -> &'static str {
                match self { $(EventKind::$name => $text),+ }
            }

            /// The words that people see.
            pub const fn label(self) -> &'static str {
                match self { $(EventKind::$name => $label),+ }
            }

            /// The kind of that text.
            pub fn named(text: &str) -> Option<Self> {
                EventKind::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

event_kinds! {
    ServiceDiscovered = "service.discovered", "Discovered";
    ServiceCreated = "service.created", "Created";
    ServiceChanged = "service.changed", "Changed";
    ServiceDeleted = "service.deleted", "Deleted";
    ServiceRestored = "service.restored", "Put back";
    ServicePurged = "service.purged", "Removed for good";
    ServiceMissing = "service.missing", "Folder missing";
    ServiceStartAsked = "service.start_asked", "Start asked";
    ServiceStopAsked = "service.stop_asked", "Stop asked";
    ServiceRestartAsked = "service.restart_asked", "Restart asked";
    ServiceStarted = "service.started", "Started";
    ServiceStopped = "service.stopped", "Stopped";
    ServiceCrashed = "service.crashed", "Crashed";
    ServiceCrashLoop = "service.crash_loop", "Crash loop";
    ServiceStartFailed = "service.start_failed", "Start failed";
    ConfigSaved = "config.saved", "Configuration saved";
    ConfigRestored = "config.restored", "Configuration restored";
    ConfigReverted = "config.reverted", "Configuration taken back";
    ConfigHeld = "config.held", "Configuration held";
    ConfigWatchEnded = "config.watch_ended", "Configuration no longer watched";
    ConfigSchemaSet = "config.schema_set", "Schema of configuration set";
    ConfigBackedUp = "config.backed_up", "Configurations backed up";
    ConfigBackupRestored = "config.backup_restored", "Backup of configurations restored";
    DeploymentAsked = "deployment.asked", "Deployment asked";
    DeploymentCancelAsked = "deployment.cancel_asked", "Cancel asked";
    DeploymentSucceeded = "deployment.succeeded", "Deployed";
    DeploymentFailed = "deployment.failed", "Deployment failed";
    DeploymentCancelled = "deployment.cancelled", "Deployment cancelled";
    DeploymentRolledBack = "deployment.rolled_back", "Rolled back";
    DeploymentHoldEnded = "deployment.hold_ended", "No longer held";
    DeploymentApproved = "deployment.approved", "Deployment approved";
    DeploymentRulesSet = "deployment.rules_set", "Rules of deployments set";
    DeploymentFreezeSet = "deployment.freeze_set", "Deployments frozen";
    DeploymentFreezeEnded = "deployment.freeze_ended", "Freeze ended";
    EnvironmentMade = "deployment.environment_made", "Environment made";
    EnvironmentChanged = "deployment.environment_changed", "Environment changed";
    EnvironmentRemoved = "deployment.environment_removed", "Environment removed";
    DeployHookMade = "deployment.hook_made", "Webhook made";
    DeployHookRemoved = "deployment.hook_removed", "Webhook removed";
    DeployHookRefused = "deployment.hook_refused", "Webhook refused";
    HealthTested = "service.health_tested", "Health check tried out";
    HealthChanged = "service.health_changed", "Health changed";
    SignedIn = "auth.signed_in", "Signed in";
    SignInFailed = "auth.sign_in_failed", "Sign-in failed";
    SignedOut = "auth.signed_out", "Signed out";
    SessionRevoked = "auth.session_revoked", "Session revoked";
    RefreshReused = "auth.refresh_reused", "Refresh token used twice";
    PasswordChanged = "auth.password_changed", "Password changed";
    TokenMade = "auth.token_made", "API token made";
    TokenRevoked = "auth.token_revoked", "API token revoked";
    UserCreated = "user.created", "User created";
    UserChanged = "user.changed", "User changed";
    UserDeleted = "user.deleted", "User deleted";
    SecretSet = "secret.set", "Secret set";
    SecretDeleted = "secret.deleted", "Secret deleted";
    SecretRevealed = "secret.revealed", "Secret revealed";
    SecretsRotated = "secret.rotated", "Keys of secrets rotated";
    SystemStarted = "system.started", "Pilothouse started";
}

impl EventKind {
    /// Whether it concerns accounts or secrets: only the audit shows it.
    pub fn is_account(self) -> bool {
        ["auth.", "user.", "secret."].iter().any(|start| self.as_str().starts_with(start))
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its number, from 1, growing by one.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The service it happened to.
    pub service_id: Option<ServiceId>,
    /// The service's name at that time.
    pub service_name: Option<String>,
    /// Who did it; none when nobody did.
    pub actor: Option<String>,
    /// A sentence for people.
    pub message: String,
    /// Its particulars.
    #[serde(default)]
    pub data: serde_json::Value,
}

/// Which events to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct EventQuery {
    /// Only those of this service.
    pub service_id: Option<ServiceId>,
    /// Only this kind.
    pub kind: Option<EventKind>,
    /// Only from here on.
    pub from: Option<Timestamp>,
    /// Only before this.
    pub to: Option<Timestamp>,
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 1000))]
    pub limit: Limit,
    /// From here on, towards older ones.
    pub cursor: Option<String>,
}
