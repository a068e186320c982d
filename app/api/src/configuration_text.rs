//! Configurations as text that people write, keep and carry elsewhere: JSON, YAML, TOML and `.env`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ConfigurationChange, Detail, Error, ServiceId};

/// How values are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationFormat {
    /// JSON. It has no comments.
    #[default]
    Json,
    /// YAML 1.2, one document without tags of its own.
    Yaml,
    /// TOML 1.1. It has no `null`: what is `null` is left out.
    Toml,
    /// `NAME=value` lines as `.env` files have them. Lists and objects are JSON there, what is `null` is left out, and the schema says of which
    /// type a text is.
    Env,
}

impl ConfigurationFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Json, Self::Yaml, Self::Toml, Self::Env];

    /// The text on the wire and in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Env => "env",
        }
    }

    /// The name that people see.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
            Self::Env => ".env",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Toml => "application/toml",
            Self::Env => "text/plain; charset=utf-8",
        }
    }
}

impl fmt::Display for ConfigurationFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ConfigurationFormat {
    type Err = Error;

    /// Fails with `validation_failed` at `/format`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| Error::invalid("/format", "the format is json, yaml, toml or env"))
    }
}

/// Values as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationText {
    /// How it is written.
    pub format: ConfigurationFormat,
    /// The text, at most 1 MiB. Secrets are [`MASK`](crate::MASK).
    pub text: String,
}

/// Which text is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ConfigurationTextQuery {
    /// How it is written; JSON when absent.
    pub format: ConfigurationFormat,
    /// The version; the newest when absent.
    pub version: Option<u64>,
}

/// What a text says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationReading {
    /// The values; none when the text can't be read.
    pub values: Option<Value>,
    /// What is wrong: at `/text` what keeps it from being read, else what the schema refuses, at most 100.
    pub details: Vec<Detail>,
    /// The lines, from 1, of what is wrong, by the fields of `details`. What has none isn't in the text.
    pub lines: BTreeMap<String, u64>,
}

/// Values that aren't saved, to be written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationDraft {
    /// How they are to be written.
    pub format: ConfigurationFormat,
    /// The values, an object.
    pub values: Value,
    /// A text in that format whose comments are kept; without it those of the newest version.
    pub text: Option<String>,
}

/// What becomes of values that an imported text doesn't have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// They are taken out: the text is all that there is then.
    #[default]
    Replace,
    /// They stay.
    Merge,
}

/// A text to be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationImport {
    /// How it is written.
    pub format: ConfigurationFormat,
    /// The text, at most 1 MiB. [`MASK`](crate::MASK) keeps the secret that is there. Comments are kept, where the format has them.
    pub text: String,
    /// What becomes of values that it doesn't have.
    #[serde(default)]
    pub mode: ImportMode,
    /// The version that it was made from: when it isn't the newest, nothing is saved (`conflict`). None takes any.
    #[serde(default)]
    pub version: Option<u64>,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub message: String,
    /// Whether a running service is restarted with it at once. Needs `services:operate`.
    #[serde(default)]
    pub restart: bool,
    /// As in [`NewConfiguration`](crate::NewConfiguration).
    #[serde(default)]
    pub watch_seconds: Option<u32>,
    /// Only says what would change, and saves nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl ConfigurationImport {
    /// All of a text, in place of what there is.
    pub fn of(format: ConfigurationFormat, text: String) -> Self {
        Self {
            format,
            text,
            mode: ImportMode::Replace,
            version: None,
            message: String::new(),
            restart: false,
            watch_seconds: None,
            dry_run: false,
        }
    }
}

/// What an import did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationImported {
    /// The service.
    pub service_id: ServiceId,
    /// Its name.
    pub service_name: String,
    /// The newest version now.
    pub version: u64,
    /// Whether a version was saved. None is where nothing is different, or it was only asked what would be.
    pub saved: bool,
    /// What is different from the version before.
    pub changes: Vec<ConfigurationChange>,
    /// Why the service wasn't restarted although it was asked for: it is saved all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_restarted: Option<String>,
    /// What else is to be known: that comments couldn't be kept.
    pub notes: Vec<String>,
    /// What keeps it from being saved, where many are looked at and nothing is saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Detail>,
}

/// The configurations of many services, to be saved.
///
/// The text is a mapping: `services` has for each service, by name, its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationsImport {
    /// How it is written: JSON, YAML or TOML.
    pub format: ConfigurationFormat,
    /// The text, at most 1 MiB. [`MASK`](crate::MASK) keeps the secret that is there.
    pub text: String,
    /// What becomes of values of a service that the text doesn't have. Services that it doesn't have stay as they are.
    #[serde(default)]
    pub mode: ImportMode,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub message: String,
    /// Only says what would change, and saves nothing.
    #[serde(default)]
    pub dry_run: bool,
}
