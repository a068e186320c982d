//! Services made from a Compose file.

use serde::{Deserialize, Serialize};

use crate::{NewService, ServiceId};

/// Bytes of a Compose file, and of the variables beside it.
pub const COMPOSE_BYTES: usize = 512 << 10;
/// Services that a Compose file may have.
pub const COMPOSE_SERVICES: usize = 100;

/// A Compose file, to have its services made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ComposeRequest {
    /// The file itself, YAML of at most 512 KiB. Empty when a folder is given.
    pub compose: String,
    /// In place of the file, the absolute path of the folder that it is in, with the `.env` and the files with variables that it names.
    pub folder: Option<String>,
    /// What `${NAME}` in it is taken from, as an `.env` file has it, over the `.env` of the folder; at most 512 KiB. Pilothouse's own
    /// environment is never taken.
    pub variables: String,
    /// What the project is called, and its volumes and network begin with: 1 to 40 of `a-z 0-9 _ -`. None takes the `name` of the file.
    pub project: Option<String>,
    /// The profiles that count; services of others are left out.
    pub profiles: Vec<String>,
    /// Only say what would become of it, and make nothing.
    pub dry_run: bool,
}

/// What becomes of a Compose file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComposeReport {
    /// What the project is called.
    pub project: String,
    /// Whether nothing was made.
    pub dry_run: bool,
    /// Its services, in the order in which they are made: what others need comes first.
    pub services: Vec<ComposeItem>,
    /// What of the rest of the file can't be honoured.
    pub notes: Vec<ComposeNote>,
}

/// What becomes of one service of a Compose file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComposeItem {
    /// What it is called in the file.
    pub key: String,
    /// What becomes of it.
    pub outcome: ComposeOutcome,
    /// Why, when it isn't made.
    pub message: Option<String>,
    /// The service that is made of it; none when it can't be.
    pub service: Option<NewService>,
    /// Its id, once it is there.
    pub service_id: Option<ServiceId>,
    /// The services of the file that it needs, by their names in it.
    pub needs: Vec<String>,
    /// What of it can't be honoured, or is otherwise than the file says.
    pub notes: Vec<ComposeNote>,
}

/// What becomes of a service of a Compose file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComposeOutcome {
    /// It would be made.
    Planned,
    /// It is made, at rest.
    Made,
    /// It was made of the same project before, and stays as it is.
    Present,
    /// It belongs to profiles that don't count.
    LeftOut,
    /// It can't be made.
    Impossible,
    /// It was planned, but making it has failed.
    Failed,
}

/// A part of a Compose file that isn't taken as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComposeNote {
    /// Where: `services.web.privileged`.
    pub at: String,
    /// What becomes of it.
    pub message: String,
}
