//! One service of a Compose file as the service that Pilothouse would make of it.

use api::{ContainerOptions, HealthCheck, ImageBuild, NewService, Source};
use serde_json::Value;

use super::scope::{Scope, Surroundings};
use super::value::{Reading, asks, flag, mapping, shown, text, texts, words};
use super::{build, environment, health, limits, networks, ports, unhonoured, volumes};

/// A service that can be made.
pub(super) struct Planned {
    /// What is made; what it needs isn't in it yet.
    pub service: NewService,
    /// Whether the file has it in several networks.
    pub is_in_several_networks: bool,
}

/// Reads a service. Fails with why it can't be made: what Compose refuses, and what Pilothouse can't do.
pub(super) fn read(scope: &mut Scope<'_>, surroundings: &Surroundings<'_>) -> Reading<Planned> {
    if scope.get("extends").is_some() {
        return Err("it extends another service, and Pilothouse doesn't read that yet: write it out".into());
    }
    let name = format!("{}-{}", surroundings.project, scope.key);
    if !api::is_service_name(&name) {
        let rule = "a name has 1 to 63 of a-z A-Z 0-9 . _ - and starts with a letter or digit";
        return Err(format!("'{}' can't be its name: {rule}", shown(&name)));
    }
    let made = made(scope, surroundings)?;
    let (network, is_in_several_networks) = networks::read(scope, surroundings)?;
    let mut environment = environment::variables(scope, surroundings)?;
    let ports = ports::read(scope)?;
    let container_port = environment::take_port(scope, &mut environment, ports.container_port);
    let options = ContainerOptions {
        entrypoint: command(scope, "entrypoint")?,
        command: command(scope, "command")?,
        working_dir: optional_text(scope, "working_dir")?,
        user: optional_text(scope, "user")?,
        ports: ports.further,
        volumes: volumes::read(scope, surroundings)?,
        network: Some(network),
        check: health::read(scope)?,
        read_only: optional_flag(scope, "read_only")?,
        init: optional_flag(scope, "init")?,
    };
    let limits = limits::read(scope)?;
    let of_build = if let Made::Built(build) = &made { build.faults("/build") } else { Vec::new() };
    if let Some(fault) = of_build.into_iter().chain(options.faults("")).chain(limits.faults("")).next() {
        return Err(format!("{}: {}", fault.field.trim_start_matches('/').replace('/', "."), fault.message));
    }
    let (restart, labels) = (limits::restart(scope)?, environment::labels(scope, surroundings.project)?);
    unhonoured::note(scope);
    let options = Box::new(options);
    let source = match made {
        Made::Of(image) => Source::Image { image, container_port, options, registry: None },
        Made::Built(build) => Source::Build { build, container_port, options },
    };
    let service = NewService {
        user: None,
        name,
        runtime: None,
        source,
        port: ports.port,
        proxy_port: None,
        replicas: 1,
        rollout: api::Rollout::default(),
        environment,
        environment_files: Vec::new(),
        depends_on: Vec::new(),
        health: HealthCheck::default(),
        description: None,
        restart,
        handover: false,
        limits,
        labels,
    };
    Ok(Planned { service, is_in_several_networks })
}

/// What a container is made of.
enum Made {
    Of(String),
    Built(Box<ImageBuild>),
}

fn made(scope: &mut Scope<'_>, surroundings: &Surroundings<'_>) -> Reading<Made> {
    if let Some(build) = scope.get("build").filter(|build| asks(build)) {
        return build::read(scope, build, surroundings).map(|build| Made::Built(Box::new(build)));
    }
    let image = scope.get("image").map(|value| text("image", value)).transpose()?;
    match image.map(|image| image.trim().to_owned()).filter(|image| !image.is_empty()) {
        // A tag that is empty, as from a variable that isn't set.
        Some(image) if api::is_image_name(&image) && !image.ends_with([':', '@', '/']) => Ok(Made::Of(image)),
        Some(image) => Err(format!("'{}' isn't the name of an image, like nginx:1.27", shown(&image))),
        None => Err("it has neither 'image' nor 'build'".into()),
    }
}

fn command(scope: &mut Scope<'_>, field: &str) -> Reading<Vec<String>> {
    let Some(value) = scope.get(field) else { return Ok(Vec::new()) };
    let words = words(field, value)?;
    // In Compose that takes away the one of the image.
    if words.is_empty() {
        scope.note(field, "it is empty, so the one of the image is taken");
    }
    Ok(words)
}

fn optional_text(scope: &Scope<'_>, field: &str) -> Reading<Option<String>> {
    let value = scope.get(field).map(|value| text(field, value)).transpose()?;
    Ok(value.filter(|value| !value.is_empty()))
}

fn optional_flag(scope: &Scope<'_>, field: &str) -> Reading<bool> {
    scope.get(field).filter(|value| asks(value)).map_or(Ok(false), |value| flag(field, value))
}

/// The services that a service needs: by their keys, with whether each has to be there.
pub(super) fn needs(scope: &mut Scope<'_>) -> Reading<Vec<(String, bool)>> {
    let mut needs = Vec::new();
    match scope.get("depends_on") {
        None => {}
        Some(value) if value.is_array() => needs.extend(texts("depends_on", value)?.into_iter().map(|key| (key, true))),
        Some(value) => {
            let conditions = value.as_object().ok_or("'depends_on' has to be a list or a mapping")?;
            for (key, condition) in conditions {
                needs.push((key.clone(), need(scope, key, condition)?));
            }
        }
    }
    for link in scope.get("links").map_or(Ok(Vec::new()), |value| texts("links", value))? {
        let (key, alias) = link.split_once(':').unwrap_or((&link, &link));
        if alias != key {
            scope.note("links", format!("'{}' isn't honoured: in the network it is called '{}'", shown(alias), shown(key)));
        }
        needs.push((key.to_owned(), true));
    }
    needs.sort();
    // Of a key that is there twice, the one that has to be there counts.
    needs.reverse();
    needs.dedup_by(|later, first| later.0 == first.0);
    needs.reverse();
    Ok(needs)
}

/// Whether a need has to be there.
fn need(scope: &mut Scope<'_>, key: &str, condition: &Value) -> Reading<bool> {
    let field = format!("depends_on.{}", shown(key));
    let fields = mapping(&field, condition)?;
    let get = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let condition = get("condition").map_or(Ok("service_started".into()), |value| text(&format!("{field}.condition"), value))?;
    match condition.as_str() {
        "service_started" | "service_healthy" => {}
        "service_completed_successfully" => {
            scope.note(&field, "Pilothouse waits until it is healthy or runs, not until it has ended");
        }
        other => return Err(format!("'{field}.condition' has '{}', which Compose doesn't know", shown(other))),
    }
    if get("restart").map_or(Ok(false), |value| flag(&format!("{field}.restart"), value))? {
        scope.note(&format!("{field}.restart"), "isn't honoured yet");
    }
    get("required").map_or(Ok(true), |value| flag(&format!("{field}.required"), value))
}
