//! The place of a service in the one network of its project.

use api::NetworkPlace;
use serde_json::Value;

use super::scope::{Scope, Surroundings};
use super::value::{Reading, asks, mapping, shown, text, texts};

/// Names that a service has in its network.
const ALIASES: usize = 20;

/// Reads what a service is called in the network, and notes the rest. Also tells whether the file has it in several.
pub(super) fn read(scope: &mut Scope<'_>, surroundings: &Surroundings<'_>) -> Reading<(NetworkPlace, bool)> {
    if let Some(mode) = scope.get("network_mode") {
        let mode = text("network_mode", mode)?;
        if !matches!(mode.as_str(), "" | "bridge" | "default") {
            scope.note("network_mode", format!("'{}' isn't given: it is in the network of the project", shown(&mode)));
        }
    }
    let mut names = vec![scope.key.to_owned()];
    if let Some(name) = scope.get("container_name") {
        names.push(text("container_name", name)?);
        scope.note("container_name", "it is a name in the network only: Pilothouse names the container itself");
    }
    if let Some(name) = scope.get("hostname") {
        names.push(text("hostname", name)?);
        scope.note("hostname", "it is a name in the network only: in the container it isn't set");
    }
    let joined = joined(scope, &mut names)?;
    if let Some(unknown) = joined.iter().find(|name| *name != "default" && !surroundings.networks.contains(*name)) {
        return Err(format!("the network '{}' isn't declared under the 'networks' of the file", shown(unknown)));
    }
    let aliases = aliases(scope, names);
    Ok((NetworkPlace { name: surroundings.project.to_owned(), aliases }, joined.len() > 1))
}

/// The networks that it is in by the file; its aliases there are added to `names`.
fn joined(scope: &mut Scope<'_>, names: &mut Vec<String>) -> Reading<Vec<String>> {
    let Some(value) = scope.get("networks") else { return Ok(Vec::new()) };
    if value.is_array() {
        return texts("networks", value);
    }
    let networks = value.as_object().ok_or("'networks' has to be a list or a mapping")?;
    for (name, network) in networks.iter().filter(|(_, network)| !network.is_null()) {
        let field = format!("networks.{}", shown(name));
        for (option, value) in mapping(&field, network)? {
            match option.as_str() {
                "aliases" if value.is_null() => {}
                "aliases" => names.extend(texts(&format!("{field}.aliases"), value)?),
                // They only order networks, and there is one.
                "priority" | "gw_priority" => {}
                other if asks(value) && !other.starts_with("x-") => scope.note(&format!("{field}.{}", shown(other)), "isn't honoured yet"),
                _ => {}
            }
        }
    }
    Ok(networks.keys().cloned().collect())
}

fn aliases(scope: &mut Scope<'_>, names: Vec<String>) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for name in names {
        if aliases.contains(&name) {
            continue;
        }
        // A key that is no name is refused with all else that is wrong with the service.
        if !aliases.is_empty() && !api::is_service_name(&name) {
            let rule = "a name has 1 to 63 of a-z A-Z 0-9 . _ - and starts with a letter or digit";
            scope.note("networks", format!("'{}' isn't a name in the network: {rule}", shown(&name)));
        } else if aliases.len() == ALIASES {
            scope.note("networks", format!("'{}' isn't a name in the network: there are at most 20", shown(&name)));
        } else {
            aliases.push(name);
        }
    }
    aliases
}

/// Whether a network of the file is otherwise than the one that Pilothouse makes.
pub(super) fn is_special(network: &Value) -> bool {
    let Some(settings) = network.as_object() else { return asks(network) };
    let is_ordinary = |name: &str, value: &Value| name.starts_with("x-") || name == "labels" || (name == "driver" && value == "bridge");
    settings.iter().any(|(name, value)| asks(value) && !is_ordinary(name, value))
}
