//! The top of a Compose file: what the project is called, and what isn't a service.

use std::collections::BTreeSet;

use api::{COMPOSE_SERVICES, ComposeNote, Error, Result};
use serde_json::{Map, Value};

use super::interpolate::Interpolation;
use super::networks::is_special;
use super::value::{asks, shown};

/// Characters of the name of a project.
const PROJECT: usize = 40;
const SHARED: &str = "all services of the project share one network of Pilothouse's own";

/// The name of the project: the one that is given, else the one in the file. Fails at `/project` when there is none, or it doesn't fit.
pub(super) fn project(file: &Map<String, Value>, given: Option<&str>, interpolation: &mut Interpolation<'_>) -> Result<String> {
    let name = match (given, file.get("name")) {
        (Some(given), _) => given.to_owned(),
        (None, Some(Value::String(name))) => interpolation.text(name, "name")?,
        (None, _) => String::new(),
    };
    if name.is_empty() {
        return Err(Error::invalid("/project", "say what the project is called"));
    }
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = name.len() <= PROJECT && name.bytes().next().is_some_and(is_plain);
    if fits && name.bytes().all(|byte| is_plain(byte) || b"_-".contains(&byte)) {
        return Ok(name);
    }
    let rule = "a project is called by 1 to 40 of a-z 0-9 _ -, and starts with a letter or digit";
    Err(Error::invalid("/project", format!("'{}' doesn't fit: {rule}", shown(&name))))
}

/// Takes the services out of the file.
pub(super) fn take_services(file: &mut Map<String, Value>) -> Result<Map<String, Value>> {
    if file.get("include").is_some_and(asks) {
        return Err(Error::invalid("/compose", "it includes other files, and Pilothouse reads one: write it out in one file"));
    }
    let services = match file.remove("services") {
        Some(Value::Object(services)) if services.is_empty() => None,
        Some(Value::Object(services)) => Some(services),
        None | Some(Value::Null) => None,
        Some(_) => return Err(Error::invalid("/compose", "'services' has to be a mapping of names to services")),
    };
    let services = services.ok_or_else(|| Error::invalid("/compose", "a Compose file has 'services', and this has none"))?;
    if services.len() > COMPOSE_SERVICES {
        return Err(Error::invalid(
            "/compose",
            format!("a Compose file has at most {COMPOSE_SERVICES} services, and this has {}", services.len()),
        ));
    }
    Ok(services)
}

/// What is declared under `volumes` or `networks`.
pub(super) fn declared(file: &Map<String, Value>, section: &str) -> Result<BTreeSet<String>> {
    match file.get(section) {
        None | Some(Value::Null) => Ok(BTreeSet::new()),
        Some(Value::Object(fields)) => Ok(fields.keys().cloned().collect()),
        Some(_) => Err(Error::invalid("/compose", format!("'{section}' has to be a mapping of names"))),
    }
}

/// What of the rest of the file can't be honoured.
pub(super) fn notes(file: &Map<String, Value>, project: &str, is_service_in_several_networks: bool) -> Vec<ComposeNote> {
    let mut notes = Vec::new();
    let mut note = |at: String, message: String| notes.push(ComposeNote { at, message });
    let entries = |section: &str| file.get(section).and_then(Value::as_object).into_iter().flatten();
    for (name, _) in entries("volumes").filter(|(_, volume)| is_another_volume(volume)) {
        let message = format!("Pilothouse makes a volume of its own, {project}_{}, that is empty at first", shown(name));
        note(format!("volumes.{}", shown(name)), message);
    }
    let is_special = entries("networks").any(|(_, network)| is_special(network));
    if is_service_in_several_networks || is_special || entries("networks").count() > 1 {
        note("networks".into(), SHARED.into());
    }
    for (field, _) in file.iter().filter(|(field, value)| asks(value) && !field.starts_with("x-")) {
        match field.as_str() {
            "name" | "version" | "volumes" | "networks" => {}
            "secrets" | "configs" | "models" => note(field.clone(), "isn't honoured yet".into()),
            other => note(shown(other), "isn't known to Compose, or not to Pilothouse".into()),
        }
    }
    notes
}

/// Whether a volume of the file would be another one, or made otherwise, than the one that Pilothouse makes.
fn is_another_volume(volume: &Value) -> bool {
    let asks_for = |setting: &str| volume.get(setting).is_some_and(asks);
    ["external", "name", "driver_opts"].into_iter().any(asks_for)
        || volume.get("driver").is_some_and(|driver| asks(driver) && driver != "local")
}
