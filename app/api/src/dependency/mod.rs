//! Which services need which, and how that is known.

mod graph;
mod order;
mod words;

use serde::{Deserialize, Serialize};

use crate::{DependencyHealth, Health, ServiceId, Status, Timestamp};

pub use graph::{DependencyEdge, DependencyGraph, DependencyNode, DependencyQuery};
pub use order::Turn;
pub use words::{depended_on, how_known};

/// Services that one may be declared to depend on.
pub const DEPENDENCIES_MOST: usize = 50;

/// Places outside of Pilothouse that are told of one service because it was seen connected to them: those with the most connections.
pub const PLACES_MOST: usize = 20;

/// Seconds for which a connection that was seen is remembered, in memory.
pub const SEEN_SECONDS: i64 = 86_400;

/// What a service depends on, or what depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dependency {
    /// What it is.
    pub kind: NodeKind,
    /// The service; none for what isn't one.
    pub service_id: Option<ServiceId>,
    /// Its name; `host:port` of what isn't a service.
    pub name: String,
    /// What it is doing, when it is a service.
    pub status: Option<Status>,
    /// Whether it answers its health check, when it is a service.
    pub health_status: Option<Health>,
    /// How what is needed is.
    pub health: DependencyHealth,
    /// What says that the one needs the other: what was meant before what was seen.
    pub sources: Vec<DependencySource>,
}

/// What stands at an end of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A service of this Pilothouse.
    Service,
    /// A service that was declared to be needed and has been deleted since.
    Missing,
    /// Something else at a host and port: a database, a service of another machine.
    External,
}

/// What says that a service needs something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DependencySource {
    /// Somebody has declared it in the settings of the service.
    Declared,
    /// Its Compose file does.
    Compose {
        /// When it may start: `service_started`, `service_healthy` or `service_completed_successfully`.
        condition: String,
    },
    /// One of its variables names the place. What else is in the variable isn't told.
    Environment {
        /// The name of the variable.
        variable: String,
        /// What is spoken there, when it is the address of something: `postgres`, `http`.
        scheme: Option<String>,
    },
    /// TCP connections from its processes were seen. An open connection isn't a call: it may have carried nothing for hours.
    Connections {
        /// How many are open now.
        open: u32,
        /// When one was seen last, since Pilothouse was started.
        last_seen: Timestamp,
    },
}

impl DependencySource {
    /// Whether connections are open now.
    pub const fn is_connected(&self) -> bool {
        matches!(self, Self::Connections { open, .. } if *open > 0)
    }
}
