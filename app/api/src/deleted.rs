//! Deleted services, which can be put back for a while.

use serde::{Deserialize, Serialize};

use crate::{RuntimeKind, ServiceId, Timestamp};

/// A deleted service that can be put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletedService {
    /// Its id, which it keeps.
    pub id: ServiceId,
    /// Its name, which another service may have by now.
    pub name: String,
    /// What ran it.
    pub runtime: RuntimeKind,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// Who did it.
    pub deleted_by: String,
    /// When it is removed for good, with its logs, figures and settings.
    pub kept_until: Timestamp,
}

impl DeletedService {
    /// Days that a deleted service can be put back.
    pub const DAYS: i64 = 7;

    /// When what was deleted at that time is removed for good.
    pub const fn kept_until(deleted_at: Timestamp) -> Timestamp {
        deleted_at.plus_seconds(Self::DAYS * 86_400)
    }
}

/// How a deleted service is put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Restoration {
    /// A name for it, in place of the one that it had: 1 to 63 of `a-z A-Z 0-9 . _ -`.
    pub name: Option<String>,
}
