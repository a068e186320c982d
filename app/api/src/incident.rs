//! Runs that ended by themselves, with what was known then.

use serde::{Deserialize, Serialize};

use crate::{Diagnosis, IncidentId, MetricsPoint, ServiceId, Timestamp};

/// A run that ended by itself, or a start that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentSummary {
    /// Its id.
    pub id: IncidentId,
    /// The service.
    pub service_id: ServiceId,
    /// When it ended.
    pub at: Timestamp,
    /// The exit code, when it ended by itself and was seen.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether the kernel killed it for want of memory.
    pub oom: bool,
    /// How it ended, in words.
    pub reason: String,
    /// The likeliest cause.
    pub cause: Option<String>,
}

/// A run that ended by itself, with what was known then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Incident {
    /// What lists show.
    #[serde(flatten)]
    pub summary: IncidentSummary,
    /// When the run began; none when it never did.
    pub started_at: Option<Timestamp>,
    /// Its causes, with the last change of its settings when that was shortly before.
    pub diagnosis: Vec<Diagnosis>,
    /// The last lines that it wrote, oldest first: at most 500, and of these at most 256 KiB.
    pub lines: Vec<String>,
    /// Its figures of the last ten minutes, oldest first.
    pub figures: Vec<MetricsPoint>,
}
