//! The health of Pilothouse itself.

use serde::{Deserialize, Serialize};

use crate::{Health, Timestamp};

/// Pilothouse as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemReport {
    /// The worst of its parts.
    pub health: Health,
    /// The version of the program.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// Services by what they do.
    pub counts: ServiceCounts,
    /// Its parts.
    pub parts: Vec<SystemPart>,
}

/// How many services are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceCounts {
    /// All of them.
    pub total: u32,
    /// Those that run.
    pub running: u32,
    /// Those that are stopped.
    pub stopped: u32,
    /// Those that are starting or stopping.
    pub moving: u32,
    /// Those in error.
    pub error: u32,
    /// Those that run and are degraded or unhealthy.
    pub unwell: u32,
}

/// One part of Pilothouse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemPart {
    /// Its name: `database`, `telemetry`, `process runtime`, `disk`, `feeds`.
    pub name: String,
    /// Whether it works.
    pub health: Health,
    /// What it says: the version, the failure and what to do.
    pub message: String,
    /// Milliseconds its last check took.
    pub latency_ms: Option<f64>,
}
