//! Values as the text that people write, and back: JSON, YAML, TOML and `.env`.
//!
//! A text is followed when its values change elsewhere: what stays the same stays as it is written, with the comments around it.

mod env;
mod toml;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use api::{ConfigurationFormat, Detail, Error, Result, variables_of};
use serde_json::{Map, Value};

use super::schema::validate::{VALUE_BYTES, VALUE_LEVELS};

/// Bytes of a text.
pub(super) const TEXT_BYTES: usize = VALUE_BYTES;

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Document {
    pub values: Map<String, Value>,
    /// The lines that values begin in, from 1, by their JSON Pointers; of JSON there are none.
    pub lines: BTreeMap<String, u64>,
}

/// Why a text can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong there; never a value, which may be a secret.
    pub message: String,
}

impl Fault {
    fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }

    fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    /// The fault as one of the field that has the text.
    pub fn detail(&self) -> Detail {
        let message = match self.line {
            Some(line) => format!("line {line}: {}", self.message),
            None => self.message.clone(),
        };
        Detail { field: "/text".into(), message }
    }
}

/// Reads a text of at most [`TEXT_BYTES`]. The schema says of which type the texts of `.env` are.
pub(super) fn read(format: ConfigurationFormat, text: &str, schema: &Value) -> Result<Document, Fault> {
    if text.len() > TEXT_BYTES {
        return Err(Fault::whole(format!("the text has more than {} KiB", TEXT_BYTES >> 10)));
    }
    match format {
        ConfigurationFormat::Json => json(text),
        ConfigurationFormat::Yaml => yaml::read(text),
        ConfigurationFormat::Toml => toml::read(text),
        ConfigurationFormat::Env => env::read(text, schema),
    }
}

/// Writes values anew. Fails for what a format can't hold.
pub(super) fn write(format: ConfigurationFormat, values: &Map<String, Value>) -> Result<String> {
    match format {
        ConfigurationFormat::Json => serde_json::to_string_pretty(values).map(|text| text + "\n").map_err(|_| Error::internal()),
        ConfigurationFormat::Yaml => yaml::write(values),
        ConfigurationFormat::Toml => toml::write(values),
        ConfigurationFormat::Env => env::write(values),
    }
}

/// The `.env` text of values, by name.
pub(crate) fn env_text(values: &Map<String, Value>) -> Result<String> {
    env::write(values)
}

/// The text with other values: what stays the same stays as it is written. None where that can't be done, and then nothing is lost but comments.
pub(super) fn follow(format: ConfigurationFormat, text: &str, schema: &Value, values: &Map<String, Value>) -> Option<String> {
    let old = read(format, text, schema).ok()?.values;
    if is_same(format, &old, values) {
        return Some(text.to_owned());
    }
    let followed = match format {
        ConfigurationFormat::Json => return None,
        ConfigurationFormat::Yaml => yaml::follow(text, &old, values)?,
        ConfigurationFormat::Toml => toml::follow(text, &old, values)?,
        ConfigurationFormat::Env => env::follow(text, values)?,
    };
    // Whatever was made of it, it says what it has to say.
    let said = read(format, &followed, schema).ok()?.values;
    is_same(format, &said, values).then_some(followed)
}

/// Whether two are the same as far as a format can tell.
fn is_same(format: ConfigurationFormat, one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    match format {
        ConfigurationFormat::Json | ConfigurationFormat::Yaml => one == other,
        ConfigurationFormat::Toml => without_nulls(one) == without_nulls(other),
        ConfigurationFormat::Env => matches!((variables_of(one), variables_of(other)), (Ok(one), Ok(other)) if one == other),
    }
}

/// The values without what is `null`, which isn't given to a service.
fn without_nulls(values: &Map<String, Value>) -> Map<String, Value> {
    let kept = |value: &Value| match value {
        Value::Object(parts) => Value::Object(without_nulls(parts)),
        other => other.clone(),
    };
    values.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), kept(value))).collect()
}

fn json(text: &str) -> Result<Document, Fault> {
    match serde_json::from_str(text) {
        Ok(Value::Object(values)) => Ok(Document { values, lines: BTreeMap::new() }),
        Ok(_) => Err(Fault::at(1, "a configuration is an object of names and values")),
        Err(error) => {
            let said = error.to_string();
            let message = said.split(" at line ").next().unwrap_or_default();
            Err(Fault::at(error.line().max(1) as u64, format!("column {}: {message}", error.column().max(1))))
        }
    }
}

/// Where the lines of a text end.
struct Ends(Vec<usize>);

impl Ends {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, that a byte is in.
    fn line(&self, at: usize) -> u64 {
        1 + self.0.partition_point(|end| *end < at) as u64
    }
}
