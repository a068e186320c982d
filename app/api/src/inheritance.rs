//! Where each value of a configuration comes from, and what a service has of the environment before its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ConfigurationChange, ServiceId};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ValueOrigin {
    /// It was set here.
    Own,
    /// It was taken over from the environment before.
    Inherited(Inherited),
    /// It was taken out here, and isn't taken over again by itself.
    Unset,
    /// It is a variable of the service's settings.
    Settings,
    /// Its `.env`, or another of its files with variables, says so.
    File,
    /// It isn't set: the schema names a default.
    Default,
}

/// From where and when a value was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Inherited {
    /// The service in that environment.
    pub service_id: ServiceId,
    /// The environment.
    pub environment: String,
    /// The version of its configuration that had it.
    pub version: u64,
}

/// What a service in an environment has of the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationInheritance {
    /// What is inherited from: the same service in the nearest environment before its own in which it is set up. None when there is none.
    pub base: Option<InheritanceBase>,
    /// The environment that values were inherited from, when the service isn't there any more: they are its own since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// Why the values of the base can't be read, when they can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The names of inherited values that are others there now, of those that are only there and of those that are there no more.
    pub changed: Vec<String>,
    /// What taking them over would change; secrets are [`MASK`](crate::MASK).
    pub changes: Vec<ConfigurationChange>,
    /// The values of the base that aren't inherited, and can be; secrets are [`MASK`](crate::MASK).
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub offers: Map<String, Value>,
}

/// What is inherited from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InheritanceBase {
    /// The service.
    pub service_id: ServiceId,
    /// Its name.
    pub service_name: String,
    /// The environment that it is in.
    pub environment: String,
    /// The newest version of its configuration; none when that can't be read.
    pub version: Option<u64>,
}

/// Values to be taken over from the environment before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationInherit {
    /// The version of this service's configuration that this was decided on; when it isn't the newest, nothing is saved (`conflict`).
    pub version: u64,
    /// The version of the base that the caller has seen; when it isn't the newest, nothing is saved (`conflict`). None takes any.
    #[serde(default)]
    pub base_version: Option<u64>,
    /// The names of the values, inherited by now or not; none for those that have changed. A value that the base doesn't have any more is taken out.
    #[serde(default)]
    pub names: Vec<String>,
    /// Why, at most 400 characters; from where they are stands before it.
    #[serde(default)]
    pub message: String,
    /// Whether a running service is restarted with them at once. Needs `services:operate`.
    #[serde(default)]
    pub restart: bool,
    /// As in [`NewConfiguration`](crate::NewConfiguration).
    #[serde(default)]
    pub watch_seconds: Option<u32>,
}

/// That a value comes from elsewhere in one version than in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OriginChange {
    /// Where it came from; left out when it wasn't there, or was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ValueOrigin>,
    /// Where it comes from; left out when it isn't there any more, or was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ValueOrigin>,
}

/// Where values come from, by name.
pub type Origins = BTreeMap<String, ValueOrigin>;
