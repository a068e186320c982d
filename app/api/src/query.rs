//! Which services a list has, and in which order.

use serde::{Deserialize, Serialize};

use crate::{Health, Limit, Service, Status, has_label};

/// Which services to list, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ServiceQuery {
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those with this health.
    pub health: Option<Health>,
    /// Only those with this label: `team=shop`, or `team` with any value.
    pub label: Option<String>,
    /// Only those whose name or description contains this, in any case; at most 200 characters.
    pub q: Option<String>,
    /// In this order.
    pub sort: ServiceSort,
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 1000))]
    pub limit: Limit,
    /// From here on.
    pub cursor: Option<String>,
    /// From this place in the order on, counted from 0; none when there are fewer. Not together with `cursor`, which goes on rightly also
    /// when services come and go meanwhile.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 0))]
    pub offset: Option<u32>,
}

impl ServiceQuery {
    /// What is searched for, as [`ServiceQuery::matches`] takes it; none when nothing is.
    pub fn search(&self) -> Option<String> {
        self.q.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase)
    }

    /// Whether the list has this service; `search` is what [`ServiceQuery::search`] says.
    pub fn matches(&self, service: &Service, search: Option<&str>) -> bool {
        self.status.is_none_or(|status| service.status == status)
            && self.health.is_none_or(|health| service.health_status == health)
            && self.label.as_deref().is_none_or(|label| has_label(&service.labels, label))
            && search.is_none_or(|search| {
                let has = |text: &str| text.to_lowercase().contains(search);
                has(&service.name) || service.description.as_deref().is_some_and(has)
            })
    }

    /// Whether the list is without some services.
    pub fn is_filtered(&self) -> bool {
        self.status.is_some() || self.health.is_some() || self.label.is_some() || self.q.is_some()
    }
}

/// The order of a list of services; ties by name. `-` before a field turns it round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ServiceSort {
    /// By name, A to Z.
    #[default]
    #[serde(rename = "name")]
    Name,
    /// By name, Z to A.
    #[serde(rename = "-name")]
    NameDown,
    /// What needs attention first.
    #[serde(rename = "status")]
    Status,
    /// What needs attention last.
    #[serde(rename = "-status")]
    StatusDown,
    /// The least CPU first.
    #[serde(rename = "cpu")]
    Cpu,
    /// The most CPU first.
    #[serde(rename = "-cpu")]
    CpuDown,
    /// The least memory first.
    #[serde(rename = "memory")]
    Memory,
    /// The most memory first.
    #[serde(rename = "-memory")]
    MemoryDown,
    /// The oldest first.
    #[serde(rename = "created_at")]
    Created,
    /// The newest first.
    #[serde(rename = "-created_at")]
    CreatedDown,
    /// What changed longest ago first.
    #[serde(rename = "last_updated")]
    Updated,
    /// What changed last first.
    #[serde(rename = "-last_updated")]
    UpdatedDown,
}
