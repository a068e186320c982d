//! One service of a Compose file while it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use api::ComposeNote;
use serde_json::{Map, Value};

use super::value::shown;

/// Answers the variables of a file named relative to the Compose file, or why it isn't read.
pub type EnvFile<'a> = &'a dyn Fn(&str) -> Result<Vec<(String, String)>, String>;

/// What services of a file have in common.
pub(super) struct Surroundings<'a> {
    /// What the project is called.
    pub project: &'a str,
    /// What variables without a value are taken from.
    pub variables: &'a BTreeMap<String, String>,
    /// The folder that the file is in, when it wasn't given as text.
    pub folder: Option<&'a Path>,
    /// Reads files with variables.
    pub env_file: EnvFile<'a>,
    /// The volumes that the file declares.
    pub volumes: BTreeSet<String>,
    /// The networks that the file declares.
    pub networks: BTreeSet<String>,
}

/// One service of a file: its fields, and what is to be said of them.
pub(super) struct Scope<'a> {
    /// What it is called in the file.
    pub key: &'a str,
    fields: &'a Map<String, Value>,
    /// What of it isn't taken as it is written.
    pub notes: Vec<ComposeNote>,
}

impl<'a> Scope<'a> {
    /// The service `key` with these fields.
    pub fn new(key: &'a str, fields: &'a Map<String, Value>) -> Self {
        Self { key, fields, notes: Vec::new() }
    }

    /// A field that is there and isn't empty like `ports:` with nothing after it.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// The names of all its fields with their values.
    pub fn fields(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.fields.iter()
    }

    /// Notes what becomes of a field; `deploy.mode` is one inside another.
    pub fn note(&mut self, field: &str, message: impl Into<String>) {
        self.notes.push(ComposeNote { at: format!("services.{}.{field}", shown(self.key)), message: message.into() });
    }
}
