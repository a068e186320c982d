//! The configurations of many services: what is wrong with them, what isn't applied yet, and one change to many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{BulkReport, ConfigurationImported, Detail, Limit, SchemaSource, ServiceId, Timestamp};

/// Which configurations to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ConfigurationsQuery {
    /// Only those of which this is so.
    pub show: Option<ConfigurationsShow>,
    /// Only those of services whose name or description contains this, in any case; at most 200 characters.
    pub q: Option<String>,
    /// Whether the values are checked against their schemas, which reads the folder of each service. Always, for those with faults.
    pub check: bool,
    /// At most this many.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 1000))]
    pub limit: Limit,
    /// From here on.
    pub cursor: Option<String>,
}

/// What is so of the configurations to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationsShow {
    /// The service runs with another version than the newest.
    NotApplied,
    /// The schema refuses the values as they are, or they can't be read.
    Faulty,
    /// Inherited values have changed in the environment before.
    InheritedChanged,
}

/// The configuration of one service among many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationSummary {
    /// The service.
    pub service_id: ServiceId,
    /// Its name.
    pub service_name: String,
    /// The newest version; 1 is what was found, and none what can't be read.
    pub version: Option<u64>,
    /// The version that it was started with last; none when it never was.
    pub applied_version: Option<u64>,
    /// Whether it runs and was started with another version.
    pub restart_needed: bool,
    /// Where its schema comes from; none unless that is set here or in an environment before, or the values were checked.
    pub schema_source: Option<SchemaSource>,
    /// How many values its schema refuses, at most 100; none when they weren't checked.
    pub fault_count: Option<u32>,
    /// The first of what is wrong, at most [`ConfigurationSummary::FAULTS`].
    pub faults: Vec<Detail>,
    /// Why it can't be read, when it can't.
    pub problem: Option<String>,
    /// How many inherited values have changed in the environment before; none when it inherits nothing, or that wasn't looked at: unless the values are
    /// checked it is only when those of the base were saved here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_changes: Option<u32>,
    /// When the newest version was saved; none for what was found.
    pub updated_at: Option<Timestamp>,
    /// Who saved it.
    pub updated_by: Option<String>,
}

impl ConfigurationSummary {
    /// Faults of one service that a list has.
    pub const FAULTS: usize = 3;

    /// Whether it can't be read, or something was found to be wrong with it.
    pub fn is_faulty(&self) -> bool {
        self.problem.is_some() || self.fault_count.is_some_and(|count| count > 0)
    }
}

/// One change to the configurations of many services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationsChange {
    /// The services, at most 1,000.
    pub services: Vec<ServiceId>,
    /// Values that each of them gets, by name; [`MASK`](crate::MASK) keeps the secret that is there.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub set: Map<String, Value>,
    /// Values as `.env` files have them, by name: the schema of each service says of which type a text is.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
    /// The names of values that are taken out; that one has no such value is no fault. At most 1,000.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub message: String,
    /// Only says what would change, and what is wrong with that.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether those that run with another version than the newest then are restarted, in the order of their dependencies. Needs `services:operate`.
    #[serde(default)]
    pub restart: bool,
}

/// What one change to many configurations did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationsChanged {
    /// The services by name.
    pub items: Vec<ConfigurationImported>,
    /// What becomes of those that are restarted; none when that isn't wanted.
    pub restart: Option<BulkReport>,
}

/// Which services are given their newest configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ConfigurationsApply {
    /// These, at most 1,000; all when absent. Those that don't run, or run with the newest, are left as they are.
    pub services: Option<Vec<ServiceId>>,
    /// Only says which would be restarted, and in which order.
    pub dry_run: bool,
}
