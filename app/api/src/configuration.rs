//! The configuration of a service: what it is told, by whom, since when, and what it may be told.
//!
//! A configuration is a JSON object. The names at its top are those of environment variables; text, numbers and booleans are given as they
//! are written, lists and objects as JSON text, and what is `null` isn't given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ConfigurationFormat, ConfigurationInheritance, Detail, Error, ErrorCode, Inherited, OriginChange, Origins, Result, Secret, ServiceId,
    Timestamp, is_variable_name,
};

/// What stands in place of a secret that isn't shown. In values that are saved it stands for what is kept already.
pub const MASK: &str = "********";

/// What a service is told, and what it may be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Configuration {
    /// The service.
    pub service_id: ServiceId,
    /// The newest version; 1 is what was first found in its `.env`, its files with variables and its settings.
    pub version: u64,
    /// The version that it was started with last; none when it never was. What runs is told what that says.
    pub applied_version: Option<u64>,
    /// Whether it runs and was started with another version.
    pub restart_needed: bool,
    /// The JSON Schema (2020-12) of its values.
    pub schema: Value,
    /// Where that comes from.
    pub schema_source: SchemaSource,
    /// The environment in which an inherited schema was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_environment: Option<String>,
    /// The values, an object. Secrets are [`MASK`]; references such as `${secret:name}` are shown.
    pub values: Value,
    /// JSON Pointers of the values that are secret.
    pub secrets: Vec<String>,
    /// What is wrong with the values as they are, by the schema.
    pub faults: Vec<Detail>,
    /// What else is to be known: that a file isn't read any more, why a schema wasn't taken.
    pub notes: Vec<String>,
    /// Why the service wasn't restarted although it was asked for: it is saved all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_restarted: Option<String>,
    /// How the newest version was written, when it was saved as a text with comments; they are kept for that format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ConfigurationFormat>,
    /// While the newest version is watched: until when, and what is gone back to if the service isn't well with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<ConfigurationWatch>,
    /// Where each value comes from, by name; also of those that were taken out here, or have a default and aren't set.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, crate::ValueOrigin>))]
    pub origins: Origins,
    /// Of a service in an environment, what it has of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inheritance: Option<ConfigurationInheritance>,
    /// When the newest version was saved; none for what was found.
    pub updated_at: Option<Timestamp>,
    /// Who saved it.
    pub updated_by: Option<String>,
}

/// How a version is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationWatch {
    /// Until when.
    pub until: Timestamp,
    /// The version whose values are saved again, and the service restarted with, when it crashes, its health check fails, or none has succeeded
    /// until then.
    pub back_to: u64,
}

/// Where the schema of a configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SchemaSource {
    /// Somebody has set it here.
    Set,
    /// Of a service in an environment: somebody has set it for the same one in an environment before.
    Inherited,
    /// The file `schema.json` in the service's folder.
    File,
    /// The one of the template that the service was made of.
    Template,
    /// Read from its settings classes, `.env.example` and `.env`, without running anything.
    Inferred,
    /// There is nothing to read it from: any variable may be set.
    None,
}

impl SchemaSource {
    /// The words that people see, to be read after "The schema is".
    pub const fn label(self) -> &'static str {
        match self {
            SchemaSource::Set => "set here",
            SchemaSource::Inherited => "set in an environment before",
            SchemaSource::File => "schema.json of its folder",
            SchemaSource::Template => "the one of its template",
            SchemaSource::Inferred => "read from its code and .env files",
            SchemaSource::None => "empty: any variable may be set",
        }
    }
}

/// Values to be saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewConfiguration {
    /// All values, an object of at most 1 MiB, 32 levels and 10,000 values. [`MASK`] keeps the secret that is there.
    pub values: Value,
    /// The version that they were made from. When it isn't the newest, nothing is saved (`conflict`).
    pub version: u64,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub message: String,
    /// Whether a running service is restarted with them at once. Needs `services:operate`.
    #[serde(default)]
    pub restart: bool,
    /// For how many seconds the restarted service is watched, 10 to 3,600: when it isn't well by then, what was before is saved again and the
    /// service restarted with that. Only with `restart`, and with a service that runs. None doesn't watch.
    #[serde(default)]
    pub watch_seconds: Option<u32>,
    /// Of a service in an environment, by name, whether a value is inherited from the environment before (`true`: it is what that has, whatever is in
    /// `values`) or its own from now on. Of other names, what is inherited stays so until its value is changed here.
    #[serde(default)]
    pub inherit: BTreeMap<String, bool>,
}

impl NewConfiguration {
    /// For how many seconds the pages have a service watched.
    pub const WATCH_SECONDS: u32 = 60;
}

/// Which secret of a configuration is to be shown, to who says their password again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationReveal {
    /// The caller's own password.
    pub password: Secret,
    /// Where it is: a JSON Pointer into the values, such as `/DATABASE_PASSWORD` or `/DATABASE/password`.
    pub field: String,
    /// The version to look into; none is the newest.
    #[serde(default)]
    pub version: Option<u64>,
}

/// Values to be looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationCheck {
    /// All values, an object; [`MASK`] stands for the secret that is there.
    pub values: Value,
}

/// What is wrong with values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationVerdict {
    /// Whether they could be saved.
    pub valid: bool,
    /// What is wrong, at most 100; empty when they are valid.
    pub details: Vec<Detail>,
}

/// A version that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationVersion {
    /// Its number, from 1.
    pub version: u64,
    /// How it came to be.
    pub kind: VersionKind,
    /// When; for version 1, when it was kept.
    pub created_at: Timestamp,
    /// Who saved it; none for what was found.
    pub created_by: Option<String>,
    /// Why, as they said.
    pub message: String,
    /// Whether it is the newest.
    pub is_current: bool,
    /// Whether the service was started with it last.
    pub is_applied: bool,
}

/// How a version came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VersionKind {
    /// It was there before anything was saved.
    Found,
    /// Somebody saved it.
    Saved,
    /// An earlier version was restored.
    Restored,
    /// Values were reset to their defaults.
    Reset,
    /// Pilothouse went back to an earlier version, because the service wasn't well with the one before.
    Reverted,
}

impl VersionKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Found, Self::Saved, Self::Restored, Self::Reset, Self::Reverted];

    /// The text on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Saved => "saved",
            Self::Restored => "restored",
            Self::Reset => "reset",
            Self::Reverted => "reverted",
        }
    }

    /// The word that people see.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Found => "Found",
            Self::Saved => "Saved",
            Self::Restored => "Restored",
            Self::Reset => "Reset",
            Self::Reverted => "Taken back",
        }
    }
}

/// One version whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationSnapshot {
    /// Which.
    #[serde(flatten)]
    pub version: ConfigurationVersion,
    /// Its values; secrets are [`MASK`].
    pub values: Value,
    /// From where those were taken over that it inherited, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inherited: BTreeMap<String, Inherited>,
}

/// Which two versions to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct DifferenceQuery {
    /// The one to compare from; without it, the one before `to`.
    pub from: Option<u64>,
    /// The one to compare to; without it, the newest.
    pub to: Option<u64>,
}

/// What is different between two versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationDifference {
    /// The version that is compared from.
    pub from: u64,
    /// The version that is compared to.
    pub to: u64,
    /// What is different, by name; of objects their parts, of lists the whole. Empty when nothing is.
    pub changes: Vec<ConfigurationChange>,
    /// Of which values it is different where they come from, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub origins: BTreeMap<String, OriginChange>,
}

/// One value that is different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigurationChange {
    /// JSON Pointer of the value.
    pub field: String,
    /// What it was; left out when it wasn't there. [`MASK`] for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; left out when it isn't there any more. [`MASK`] for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A version to go back to. Its values are saved as a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationRestore {
    /// Which.
    pub version: u64,
    /// The newest version that the caller has seen; when there is a newer one, nothing is restored (`conflict`). None takes any.
    #[serde(default)]
    pub current_version: Option<u64>,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub message: String,
    /// Whether a running service is restarted with it at once. Needs `services:operate`.
    #[serde(default)]
    pub restart: bool,
}

/// Values that go back to their defaults. What has none is taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigurationReset {
    /// The version that this was decided on; when it isn't the newest, nothing is reset (`conflict`).
    pub version: u64,
    /// The names of the variables; none for all.
    #[serde(default)]
    pub names: Vec<String>,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub message: String,
}

/// A schema to be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSchema {
    /// A JSON Schema (2020-12) of an object, at most 256 KiB and 64 levels, with `$ref` only into itself; `null` goes back to the one that is found.
    pub schema: Value,
}

/// The variables that values come to, by name. Fails with each name that can't name a variable, and each text that can't be given to a
/// process.
pub fn variables_of(values: &Map<String, Value>) -> Result<BTreeMap<String, String>> {
    let (mut variables, mut faults) = (BTreeMap::new(), Vec::new());
    for (name, value) in values {
        let field = format!("/{}", pointer_part(name));
        if !is_variable_name(name) {
            let message = "names a variable: letters, digits and _, not beginning with a digit or PILOTHOUSE_".to_owned();
            faults.push(Detail { field, message });
            continue;
        }
        let Some(text) = variable_text(value) else { continue };
        if text.contains('\0') {
            faults.push(Detail { field, message: "can't hold a NUL character".into() });
            continue;
        }
        variables.insert(name.clone(), text);
    }
    Error::invalid_fields(faults)?;
    Ok(variables)
}

/// What a value is given as; none isn't given.
pub fn variable_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A name as a part of a JSON Pointer.
pub fn pointer_part(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The error of who saves what somebody else has changed in between.
pub fn changed_since(made_from: u64, newest: u64) -> Error {
    let message = format!(
        "these values were made from version {made_from}, and version {newest} has been saved since; read that, bring both together, and save again"
    );
    Error {
        details: vec![Detail { field: "/version".into(), message: format!("the newest version is {newest}") }],
        ..Error::new(ErrorCode::Conflict, message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::variables_of;

    #[test]
    fn values_become_the_text_that_a_service_reads() {
        let values = json!({"A": "x", "B": 1, "C": 1.5, "D": true, "E": null, "F": ["a"], "G": {"b": 1}});
        let Value::Object(values) = values else { panic!("an object") };
        let read = variables_of(&values).unwrap();
        let expected = [("A", "x"), ("B", "1"), ("C", "1.5"), ("D", "true"), ("F", "[\"a\"]"), ("G", "{\"b\":1}")];
        assert_eq!(read, expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    }

    #[test]
    fn names_and_texts_that_no_process_can_have_are_refused_at_their_place() {
        let values = json!({"a-b": 1, "PILOTHOUSE_X": "1", "1A": 1, "x/y~": 1, "OK": "a\u{0}b"});
        let Value::Object(values) = values else { panic!("an object") };
        let fields: Vec<_> = variables_of(&values).unwrap_err().details.into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["/1A", "/OK", "/PILOTHOUSE_X", "/a-b", "/x~1y~0"]);
    }
}
