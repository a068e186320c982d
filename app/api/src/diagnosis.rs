//! Why a service isn't well, and what mends it.

use serde::{Deserialize, Serialize};

use crate::{ServiceId, Timestamp};

/// One cause of why a service isn't well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// The rule that found it: an id in kebab case that stays the same, such as `port-taken` or `module-missing`.
    #[serde(default)]
    pub rule: String,
    /// The cause in plain words.
    pub cause: String,
    /// What shows it: lines of its log, each of at most 300 characters.
    pub evidence: Vec<String>,
    /// What mends it, in words.
    pub actions: Vec<String>,
    /// What mends it or leads to where it is mended, the likeliest first.
    #[serde(default)]
    pub fixes: Vec<Fix>,
}

/// Something that mends a cause, or the place where it is mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fix {
    /// Read the log of a service.
    Logs {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
        /// Up to then; none for the newest lines.
        at: Option<Timestamp>,
    },
    /// Change the settings of a service: its port, variables, health check.
    Settings {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// Change how the health of a service is found out, or test it.
    HealthCheck {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// Change what a service may use at most.
    Limits {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// See what happened to a service, changes of its settings included.
    Activity {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// Look at another service.
    Service {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// Start a service.
    Start {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// Stop a service.
    Stop {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
    /// Stop and start a service.
    Restart {
        /// What it does, for people.
        label: String,
        /// The service.
        service_id: ServiceId,
    },
}
