//! What would become of a service that isn't made yet.

use serde::{Deserialize, Serialize};

use crate::RuntimeKind;

/// What the first start of a new service would do. Nothing is made, started or pulled for it, and nothing is held: a port that is free now
/// may be taken later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServicePlan {
    /// What it would be called.
    pub name: String,
    /// What runs it.
    pub runtime: RuntimeKind,
    /// Program and arguments; of a container, what is run in place of what its image says. Empty when the image decides, or when it can't be
    /// told (see `obstacle`).
    pub command: Vec<String>,
    /// The folder of this machine that a process runs in.
    pub working_dir: Option<String>,
    /// The user of the system that a process runs as; none is the one that Pilothouse runs as.
    pub user: Option<String>,
    /// The port of this machine that would lead to it; none when that can't be told.
    pub port: Option<u16>,
    /// The files that would be made, for a service of a template: paths. Empty for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// What the first start does before it runs, in order: `install 3 requirements`, `pull the image redis:7`. Empty when nothing is to be done.
    pub preparation: Vec<String>,
    /// The names of the variables that its `.env`, its files with variables and its settings give it, without their values.
    pub variables: Vec<String>,
    /// How its health would be asked: `GET /health`, `TCP port 5432`.
    pub health: String,
    /// What else is to be known: why it wouldn't have the port that it says, for example.
    pub notes: Vec<String>,
    /// What would keep it from starting now, and what to do. It can be made all the same.
    pub obstacle: Option<String>,
}
