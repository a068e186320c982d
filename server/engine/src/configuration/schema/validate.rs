//! Checks values by a schema, in bounded time and memory whatever the two are.

use std::thread;

use api::{Detail, Error};
use jsonschema::PatternOptions;
use serde_json::Value;

pub use super::check::{PATTERN_BYTES, PATTERNS, SAME_VALUE, SCHEMA_BYTES, SCHEMA_LEVELS};
use super::check::{Weights, bytes, check, levels};
use super::words::{faults_of, of_schema};
use super::work::Work;

/// Bytes of values as JSON.
pub const VALUE_BYTES: usize = 1024 * 1024;
/// Levels of values.
pub const VALUE_LEVELS: usize = 32;
/// How many values there may be, each object, list and what is in them counted.
pub const VALUES: usize = 10_000;
/// Faults that are reported; further ones are not.
pub const FAULTS: usize = 100;
/// Bytes that a pattern may take in memory when it is made ready, and again when it is used.
pub const PATTERN_MEMORY: usize = 512 * 1024;

/// Bytes of stack for the validator, which goes down as deep as schema and values do.
const STACK: usize = 32 * 1024 * 1024;

/// A schema that is ready to check values by.
///
/// Drafts are 2020-12 (also when the schema names none), 2019-09 and 7. Formats are not checked, as 2020-12 has it: programs often take
/// more than a format allows. Patterns are matched in linear time and can neither look around nor refer back. Nothing is ever fetched or
/// opened: a `$ref` stays in the document.
#[derive(Debug)]
pub struct Validator {
    schema: Value,
    weights: Weights,
    inner: jsonschema::Validator,
}

impl Validator {
    /// Makes `schema` ready: at most [`SCHEMA_BYTES`], [`SCHEMA_LEVELS`] and [`PATTERNS`], and no `$ref` that leads elsewhere or nowhere.
    /// Takes up to some hundred milliseconds for what is made to be slow, so call it where that is allowed.
    /// Fails with `validation_failed` at `/schema..`.
    pub fn new(schema: &Value) -> api::Result<Self> {
        let refused = |fault: Detail| {
            let pointer = format!("/schema{}", fault.field);
            let place = if fault.field.is_empty() { String::new() } else { format!(" at {}", shortened(&fault.field)) };
            Error::invalid(pointer, format!("the schema{place} {}", fault.message))
        };
        let weights = check(schema).map_err(refused)?;
        let made = with_stack(|| {
            let patterns = PatternOptions::regex().size_limit(PATTERN_MEMORY).dfa_size_limit(PATTERN_MEMORY);
            let options = jsonschema::options().offline().should_validate_formats(false).with_pattern_options(patterns);
            options.build(schema).map_err(|error| of_schema(&error))
        })?;
        Ok(Self { schema: schema.clone(), weights, inner: made.map_err(refused)? })
    }

    /// The schema.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// What is wrong with `values`, at most [`FAULTS`]; none when they are right.
    ///
    /// Each is at the JSON Pointer of a value, of a property that is missing or of one that isn't known, and says what is wanted. It never
    /// says what the value is: it may be a secret. More than [`VALUE_BYTES`], [`VALUE_LEVELS`] or [`VALUES`] is one fault at the whole, and so
    /// is what would take too much work. Takes up to some seconds for what is made to be slow, so call it where that is allowed.
    pub fn faults(&self, values: &Value) -> Vec<Detail> {
        if let Some(fault) = too_much(values) {
            return vec![fault];
        }
        let found = with_stack(|| {
            Work::check(&self.schema, &self.weights, values)?;
            let mut faults: Vec<Detail> = Vec::new();
            for fault in self.inner.iter_errors(values).flat_map(|error| faults_of(values, &error)) {
                if faults.len() == FAULTS {
                    break;
                }
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
            Ok(faults)
        });
        match found {
            Ok(Ok(faults)) => faults,
            Ok(Err(fault)) => vec![fault],
            Err(error) => vec![whole(error.message)],
        }
    }
}

/// The limit that `values` are over.
fn too_much(values: &Value) -> Option<Detail> {
    if levels(values, VALUE_LEVELS).is_none() {
        return Some(whole(format!("nest deeper than {VALUE_LEVELS} levels; values may have that many")));
    }
    let count = count(values);
    if count > VALUES {
        return Some(whole(format!("are {count} values, with those in lists and objects; there may be {VALUES}")));
    }
    let bytes = bytes(values);
    (bytes > VALUE_BYTES).then(|| whole(format!("have {bytes} bytes as JSON; values may have {VALUE_BYTES}")))
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(all) => all.iter().map(count).sum(),
        Value::Object(all) => all.values().map(count).sum(),
        _ => 0,
    }
}

fn whole(message: impl Into<String>) -> Detail {
    Detail { field: String::new(), message: message.into() }
}

/// `text` when it is short, else its beginning.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}

/// Runs `work` on a stack that is deep enough for all that the limits allow. A panic of it ends with it.
fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> api::Result<T> {
    thread::scope(|scope| {
        let spawned = thread::Builder::new().name("schema".into()).stack_size(STACK).spawn_scoped(scope, work);
        let thread = spawned.map_err(|error| {
            tracing::error!(%error, "schema thread not started");
            Error::unavailable("the values can't be checked now: the system gives Pilothouse no thread. Try again")
        })?;
        thread.join().map_err(|_| {
            tracing::error!("schema check panicked");
            Error::internal()
        })
    })
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
