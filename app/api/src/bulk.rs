//! One action on many services.

use serde::{Deserialize, Serialize};

use crate::{Action, Health, Service, ServiceId, ServiceQuery, Status, Timestamp};

/// Services that one request may move.
pub const BULK_MOST: usize = 1_000;

/// What is to be done, and with which services: either those named, or all that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What is to be done.
    pub action: Action,
    /// The services with these ids; at most 1,000. One that isn't there fails by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<ServiceId>,
    /// In place of ids, all that match this; `{}` means every service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<BulkFilter>,
    /// Also what has to be moved with them: for a start all that they need and that doesn't run, for a stop all that runs and needs them. A
    /// restart moves nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub with_dependencies: bool,
    /// Only say what would become of each, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Services that have all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BulkFilter {
    /// This status.
    pub status: Option<Status>,
    /// This health.
    pub health: Option<Health>,
    /// This label: `team=shop`, or `team` with any value.
    pub label: Option<String>,
    /// This in their name or description, in any case; at most 200 characters.
    pub q: Option<String>,
}

/// What becomes of each service, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkReport {
    /// What was asked for.
    pub action: Action,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The services.
    pub items: Vec<BulkItem>,
}

/// What becomes of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkItem {
    /// Which.
    pub service_id: ServiceId,
    /// Its name; its id when there is no such service.
    pub name: String,
    /// What it is doing now; `unknown` when there is no such service.
    pub status: Status,
    /// Why it is doing that, when it isn't evident.
    pub status_reason: Option<String>,
    /// Since when it runs, when it does.
    pub started_at: Option<Timestamp>,
    /// What becomes of it.
    pub outcome: BulkOutcome,
    /// Why it is skipped, or has failed.
    pub message: Option<String>,
    /// The step that it is moved in, from 1: what others need is started and restarted before them, and stopped after them.
    pub step: u32,
    /// What depends on it and isn't moved with it, when it is to be stopped or restarted.
    pub warning: Option<String>,
}

/// What becomes of one service among many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BulkOutcome {
    /// The action would be asked for.
    Planned,
    /// The action has been asked for and is under way.
    Accepted,
    /// There is nothing to do, or it can't be done now.
    Skipped,
    /// It didn't work.
    Failed,
}

pub(crate) const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl BulkItem {
    /// What becomes of a service that is there, and why.
    pub fn new(service: &Service, outcome: BulkOutcome, message: Option<String>) -> Self {
        Self {
            service_id: service.id,
            name: service.name.clone(),
            status: service.status,
            status_reason: service.status_reason.clone(),
            started_at: service.started_at,
            outcome,
            message,
            step: 1,
            warning: None,
        }
    }
}

impl From<BulkFilter> for ServiceQuery {
    fn from(filter: BulkFilter) -> Self {
        let BulkFilter { status, health, label, q } = filter;
        Self { status, health, label, q, ..Self::default() }
    }
}
