//! Reads what a service may be configured with from the files of its folder, without running any of them.
//!
//! A `schema.json` is the schema. Without one, it is put together of settings classes of pydantic in Python files (`Settings(BaseSettings)`), of
//! examples of environment files, and of the environment file, whose values are the first values. Files are read with the same care as in
//! discovery: no link is followed, what others may write isn't read, and what is too large or too much is passed over.

mod classes;
mod collected;
mod expression;
mod fields;
mod kinds;
mod naming;
mod settings;
mod text;
mod types;

use std::ffi::OsStr;
use std::path::Path;

use api::SchemaSource;
use serde_json::{Map, Value, json};

use self::collected::Collected;
use super::Validator;
use super::graph::in_place;
use super::validate::SCHEMA_BYTES;
use crate::services::discovery::environment::{Variable, described};
use crate::services::discovery::guarded::Guarded;
use crate::services::discovery::python::Module;

/// Python files that are read.
const FILES: usize = 200;
/// Bytes of a Python file; a larger one is passed over.
const FILE_BYTES: i64 = 256 * 1024;
/// Folders that are looked into at each level.
const FOLDERS: usize = 50;
/// Levels of folders below the first, so that `app/core/config.py` is found.
const LEVELS: usize = 2;
/// Folders without settings of the service.
const PASSED_OVER: [&str; 7] = ["tests", "test", "migrations", "alembic", "static", "templates", "docs"];
/// Files that say by example what an environment file has.
const EXAMPLES: [&str; 3] = [".env.example", ".env.sample", ".env.template"];
/// The file of values.
const ENVIRONMENT: &str = ".env";

/// What a folder says of the configuration of its service.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// The schema, which the validator takes: an object whose properties are variables. Of an inferred one, unknown variables are allowed,
    /// and `x-order` of a property is its place in the sources, from 0, because JSON objects have none here.
    pub schema: Value,
    /// Where it comes from.
    pub source: SchemaSource,
    /// The values of the environment file, of the types that the schema wants where they read as such.
    pub values: Map<String, Value>,
    /// What wasn't taken, and why.
    pub notes: Vec<String>,
}

/// Reads `folder`: at most 200 Python files of 256 KiB, in it and two levels of folders below, and 1,000 variables. Reads files, so call it
/// where blocking is allowed, and with the rights of the user that the service runs as. Fails when the folder itself isn't to be read, with why.
pub fn read_folder(folder: &Path) -> Result<Inferred, String> {
    let folder = Guarded::root(folder)?;
    let mut notes = Vec::new();
    let values = variables(&folder, ENVIRONMENT, &mut notes);
    if let Some(schema) = of_file(&folder, &mut notes) {
        return Ok(by_file(schema, values, notes));
    }
    let mut collected = Collected::default();
    let mut left = FILES;
    python(&folder, "", LEVELS, &mut left, &mut collected, &mut notes);
    if left == 0 {
        notes.push(format!("it has more than {FILES} Python files; only {FILES} were looked at"));
    }
    for name in EXAMPLES {
        collected.examples(variables(&folder, name, &mut notes));
    }
    let texts = collected.values(values);
    let source = if collected.is_empty() { SchemaSource::None } else { SchemaSource::Inferred };
    let schema = collected.schema(&mut notes);
    let typed = |(name, text): (String, String)| {
        let value = text::typed(&schema, schema["properties"].get(&name), &text);
        (name, value)
    };
    let values = texts.into_iter().map(typed).collect();
    Ok(Inferred { schema, source, values, notes })
}

/// The value that the text of the variable `name` is for `schema`.
pub fn typed(schema: &Value, name: &str, text: &str) -> Value {
    let property = in_place(schema, schema).into_iter().find_map(|one| one.get("properties")?.get(name));
    text::typed(schema, property, text)
}

/// Whether a variable is a secret as far as its name and its text tell.
pub fn looks_secret(name: &str, text: &str) -> bool {
    naming::is_secret_name(name) || naming::has_password(text)
}

/// The passwords within `text`: in addresses, and in `password=..`.
pub fn passwords(text: &str) -> Vec<String> {
    naming::passwords(text)
}

/// The text of the file `name`; none with a note when others may write it.
fn read(folder: &Guarded, name: &str, notes: &mut Vec<String>) -> Option<String> {
    if !folder.has_file(name) {
        return None;
    }
    match folder.is_ours(OsStr::new(name)) {
        Ok(()) => folder.read(name),
        Err(reason) => {
            notes.push(format!("{name} isn't read: {reason}"));
            None
        }
    }
}

fn variables(folder: &Guarded, name: &str, notes: &mut Vec<String>) -> Vec<Variable> {
    let mut all = read(folder, name, notes).map(|text| described(&text)).unwrap_or_default();
    if all.len() > collected::VARIABLES {
        notes.push(format!("{name} has more than {0} variables; only {0} are taken", collected::VARIABLES));
        all.truncate(collected::VARIABLES);
    }
    all
}

/// The schema of `schema.json`; none with a note when it can't be used.
fn of_file(folder: &Guarded, notes: &mut Vec<String>) -> Option<Value> {
    let text = read(folder, "schema.json", notes)?;
    let checked = || {
        if text.len() > SCHEMA_BYTES {
            return Err(format!("it has more than {SCHEMA_BYTES} bytes"));
        }
        let schema: Value = serde_json::from_str(&text).map_err(|error| format!("it is no JSON ({error})"))?;
        Validator::new(&schema).map_err(|error| error.message)?;
        let is_of_object = in_place(&schema, &schema)
            .iter()
            .any(|one| one.get("properties").is_some_and(Value::is_object) || one.get("type").is_some_and(|kind| kind == "object"));
        if is_of_object {
            Ok(schema)
        } else {
            Err("it is no schema of an object: it has neither properties nor the type object".to_owned())
        }
    };
    checked().map_err(|reason| notes.push(format!("schema.json isn't taken: {reason}"))).ok()
}

/// What a folder says that has a schema of its own. Only secrets are added to that: properties whose names say so and that it doesn't say are
/// none, and variables of the environment file with such names or values, since they would be shown otherwise.
fn by_file(mut schema: Value, variables: Vec<Variable>, notes: Vec<String>) -> Inferred {
    let is_said = |property: &Value| property.get("writeOnly").is_some();
    let mut marked: Vec<(String, Map<String, Value>)> = Vec::new();
    let declared: Vec<(String, Value)> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, property) in declared.iter().filter(|(_, property)| !is_said(property)) {
        let Value::Object(mut property) = property.clone() else { continue };
        if variables.iter().any(|variable| variable.name == *name && naming::has_password(&variable.value)) {
            property.insert("writeOnly".into(), json!(true));
        }
        fields::mark(&mut property, name);
        if property.get("writeOnly") == Some(&json!(true)) {
            marked.push((name.clone(), property));
        }
    }
    let takes_others = schema.get("additionalProperties").is_none() && schema.get("unevaluatedProperties").is_none();
    for variable in variables.iter().filter(|variable| takes_others && !declared.iter().any(|(name, _)| *name == variable.name)) {
        if naming::is_secret_name(&variable.name) || naming::has_password(&variable.value) {
            let property = json!({"type": "string", "writeOnly": true, "format": "password"});
            marked.extend(property.as_object().cloned().map(|property| (variable.name.clone(), property)));
        }
    }
    if !marked.is_empty() {
        let mut with = schema.clone();
        if let Some(own) = with.as_object_mut()
            && let Some(properties) = own.entry("properties").or_insert_with(|| json!({})).as_object_mut()
        {
            properties.extend(marked.into_iter().map(|(name, property)| (name, Value::Object(property))));
        }
        if Validator::new(&with).is_ok() {
            schema = with;
        }
    }
    let typed = |variable: Variable| {
        let property = in_place(&schema, &schema).into_iter().find_map(|one| one.get("properties")?.get(&variable.name));
        let value = text::typed(&schema, property, &variable.value);
        (variable.name, value)
    };
    let values = variables.into_iter().map(typed).collect();
    Inferred { schema, source: SchemaSource::File, values, notes }
}

/// Adds the settings classes of the Python files in `folder`, which is at `path`, and below.
fn python(folder: &Guarded, path: &str, levels: usize, left: &mut usize, collected: &mut Collected, notes: &mut Vec<String>) {
    let Ok((mut names, _)) = folder.files(".py", FILES) else { return };
    // What is called so is more likely to be what the service reads first.
    names.sort_by_key(|name| !matches!(name.to_str(), Some("settings.py" | "config.py")));
    for name in names.iter().filter_map(|name| name.to_str()) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let is_small = folder.stat(name).is_some_and(|stat| stat.st_size <= FILE_BYTES);
        if let Some(text) = is_small.then(|| read(folder, name, notes)).flatten().filter(|text| text.contains("BaseSettings")) {
            collected.settings(settings::settings(&Module::read(&text)));
        }
    }
    let folders = if levels == 0 { Vec::new() } else { folder.folders(FOLDERS).map(|(names, _)| names).unwrap_or_default() };
    for name in folders.iter().filter_map(|name| name.to_str()).filter(|name| !PASSED_OVER.contains(name)) {
        let below = format!("{path}{name}/");
        match folder.folder(OsStr::new(name)) {
            Ok(inner) => python(&inner, &below, levels - 1, left, collected, notes),
            // A link or what others own is no package of this service.
            Err(reason) if notes.len() < 20 && folder.stat(name).is_some_and(|stat| stat.st_mode & 0o022 != 0) => {
                notes.push(format!("{below} isn't looked into: {reason}"));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
