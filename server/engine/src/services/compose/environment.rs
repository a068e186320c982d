//! The variables and labels of a service.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scope::{Scope, Surroundings};
use super::value::{Reading, flag, pairs, shown, text};

/// Variables of a service.
const VARIABLES: usize = 200;
/// Bytes of the value of one.
const VALUE: usize = 32 << 10;
/// Labels of a service.
const LABELS: usize = 20;

/// Reads `environment` over `env_file`. A variable without a value is taken from what was given, else left out.
pub(super) fn variables(scope: &mut Scope<'_>, surroundings: &Surroundings<'_>) -> Reading<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (path, is_required) in files(scope)? {
        match (surroundings.env_file)(&path) {
            Ok(read) => variables.extend(read),
            Err(why) if is_required => return Err(format!("the variables in '{}' can't be read: {why}", shown(&path))),
            Err(why) => scope.note("env_file", format!("the variables in '{}' are left out: {why}", shown(&path))),
        }
    }
    for (name, value) in scope.get("environment").map_or(Ok(Vec::new()), |value| pairs("environment", value))? {
        if let Some(value) = value.or_else(|| surroundings.variables.get(&name).cloned()) {
            variables.insert(name, value);
        }
    }
    let refused: Vec<String> = variables.keys().filter(|name| !api::is_variable_name(name)).cloned().collect();
    for name in refused {
        variables.remove(&name);
        let rule = "a name has letters, digits and '_', doesn't start with a digit and isn't one of Pilothouse's own";
        scope.note("environment", format!("the variable '{}' is left out: {rule}", shown(&name)));
    }
    if variables.len() > VARIABLES {
        return Err(format!("a service has at most {VARIABLES} variables"));
    }
    match variables.iter().find(|(_, value)| value.len() > VALUE || value.contains('\0')) {
        Some((name, _)) => Err(format!("the value of the variable {} has more than 32 KiB or a zero byte", shown(name))),
        None => Ok(variables),
    }
}

/// Takes PORT out of the variables, which Pilothouse sets: it is the port in the container when none is written elsewhere.
pub(super) fn take_port(scope: &mut Scope<'_>, variables: &mut BTreeMap<String, String>, container_port: Option<u16>) -> Option<u16> {
    let Some(written) = variables.remove("PORT") else { return container_port };
    let port = written.trim().parse::<u16>().ok().filter(|port| *port > 0);
    let taken = container_port.or(port);
    if port.is_none() || port != taken {
        scope.note("environment", "PORT is set by Pilothouse to the port in the container");
    }
    taken
}

/// Reads `labels`, those of them that Pilothouse has room for, and the label of the project.
pub(super) fn labels(scope: &mut Scope<'_>, project: &str) -> Reading<BTreeMap<String, String>> {
    let mut labels = BTreeMap::from([("compose".to_owned(), project.to_owned())]);
    for (name, value) in scope.get("labels").map_or(Ok(Vec::new()), |value| pairs("labels", value))? {
        let value = value.unwrap_or_default();
        let one = BTreeMap::from([(name.clone(), value.clone())]);
        let why = if !api::label_faults(&one, "").is_empty() {
            "a name and a value have at most 63 of a-z A-Z 0-9 . _ - /, and a name starts with a letter or digit"
        } else if name == "compose" {
            "it names the project here"
        } else if labels.len() >= LABELS && !labels.contains_key(&name) {
            "a service has at most 20 labels"
        } else {
            labels.insert(name, value);
            continue;
        };
        scope.note("labels", format!("the label '{}' is left out: {why}", shown(&name)));
    }
    Ok(labels)
}

/// The files of `env_file`, and whether each has to be there.
fn files(scope: &Scope<'_>) -> Reading<Vec<(String, bool)>> {
    let one = |item: &Value| match item {
        Value::Object(fields) => {
            let path = fields.get("path").ok_or("an entry of 'env_file' has no 'path'")?;
            let is_required = fields.get("required").filter(|value| !value.is_null());
            let is_required = is_required.map_or(Ok(true), |value| flag("env_file.required", value))?;
            Ok((text("env_file.path", path)?, is_required))
        }
        other => Ok((text("env_file", other)?, true)),
    };
    match scope.get("env_file") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(one).collect(),
        Some(Value::Object(_)) => Err("'env_file' has to be text or a list".into()),
        Some(other) => Ok(vec![one(other)?]),
    }
}
